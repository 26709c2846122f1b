//! Where a signing key is read from, at each use.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

use crate::files::Look;
use crate::secret::{Secret, SecretFault, SecretRef, Secrets};
use crate::signing_key::error::{KeyError, KeyErrorKind};
use crate::signing_key::{KeyOptions, SigningKey};

/// A signing key by reference: a file or variable that may be rotated while the process runs.
///
/// At each use it is looked at, read where it looks otherwise than before, and parsed where it is another
/// one. While a changed file cannot be read or
/// holds no usable key (it is half written, say), the last good key goes on signing and a warning
/// event says why.
pub struct KeySource {
    reference: SecretRef,
    passphrase: Option<SecretRef>,
    certificate: Option<SecretRef>,
    options: KeyOptions,
    seen: Mutex<Seen>,
}

/// What the content was, without keeping it.
type Fingerprint = [u8; 32];

#[derive(Default)]
struct Seen {
    key: Option<(Fingerprint, Arc<SigningKey>)>,
    /// What the file of that key looked like before it was read; `None`: nothing is to be told by that.
    look: Option<Look>,
    /// Content that was refused: it is not tried again, as decrypting a key is made to be slow.
    refused: Option<(Fingerprint, KeyError)>,
}

impl KeySource {
    /// A key, and its passphrase where it is encrypted. `options.passphrase` counts only where no
    /// passphrase is given by reference.
    pub fn new(reference: SecretRef, passphrase: Option<SecretRef>, options: KeyOptions) -> Self {
        Self {
            reference,
            passphrase,
            certificate: None,
            options,
            seen: Mutex::default(),
        }
    }

    /// The key's certificate by reference, instead of `options.certificate`. While only one of the two
    /// files is rotated they do not belong together, and the last good key goes on signing.
    pub fn with_certificate(self, certificate: SecretRef) -> Self {
        Self {
            certificate: Some(certificate),
            ..self
        }
    }

    /// The key as it is now, or the last good one.
    ///
    /// # Errors
    /// There was never a usable key. It is tried again at the next use.
    pub fn current(&self, secrets: &Secrets) -> Result<Arc<SigningKey>, KeyError> {
        // One caller parses, the others wait for it; a panic in between leaves nothing half done.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = match self.refresh(&mut seen, secrets) {
            Ok(key) => return Ok(key),
            Err(fault) => fault,
        };
        match &seen.key {
            Some((_, key)) => {
                tracing::warn!(
                    source = ?self.reference,
                    kid = key.key_id(),
                    kind = fault.kind().name(),
                    error = %fault,
                    "the changed signing key is not usable; the last good one goes on signing"
                );
                Ok(Arc::clone(key))
            }
            None => Err(fault),
        }
    }

    /// By which it is known without being read, where one file is all there is to it.
    fn look(&self) -> Option<Look> {
        match (&self.passphrase, &self.certificate) {
            (None, None) => self.reference.look(),
            _ => None,
        }
    }

    fn refresh(&self, seen: &mut Seen, secrets: &Secrets) -> Result<Arc<SigningKey>, KeyError> {
        let look = self.look();
        if let (Some((_, key)), Some(look)) = (&seen.key, look)
            && seen.look == Some(look)
        {
            return Ok(Arc::clone(key));
        }
        seen.look = None;
        let bytes = self.reference.read_bytes(secrets).map_err(unreadable)?;
        let passphrase = match &self.passphrase {
            Some(reference) => Some(reference.read(secrets).map_err(unreadable)?),
            None => self.options.passphrase.clone(),
        };
        let certificate = match &self.certificate {
            Some(reference) => Some(reference.read_bytes(secrets).map_err(unreadable)?.to_vec()),
            None => self.options.certificate.clone(),
        };
        let fingerprint = fingerprint(&bytes, passphrase.as_ref(), certificate.as_deref());
        match (&seen.key, &seen.refused) {
            (Some((known, key)), _) if *known == fingerprint => {
                seen.look = look;
                return Ok(Arc::clone(key));
            }
            (_, Some((known, fault))) if *known == fingerprint => return Err(fault.clone()),
            _ => {}
        }
        let options = KeyOptions {
            passphrase,
            certificate,
            ..self.options.clone()
        };
        match SigningKey::load(&bytes, &options) {
            Ok(key) => {
                tracing::info!(source = ?self.reference, kid = key.key_id(), alg = %key.algorithm(), "signing key loaded");
                let key = Arc::new(key);
                seen.key = Some((fingerprint, Arc::clone(&key)));
                seen.look = look;
                seen.refused = None;
                Ok(key)
            }
            Err(fault) => {
                seen.refused = Some((fingerprint, fault.clone()));
                Err(fault)
            }
        }
    }
}

fn unreadable(fault: SecretFault) -> KeyError {
    KeyError::new(KeyErrorKind::Unreadable, fault.to_string())
}

fn fingerprint(key: &[u8], passphrase: Option<&Secret>, certificate: Option<&[u8]>) -> Fingerprint {
    let passphrase = passphrase.map_or("", Secret::expose).as_bytes();
    let mut context = Context::new(&SHA256);
    for part in [key, passphrase, certificate.unwrap_or_default()] {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(context.finish().as_ref());
    fingerprint
}

/// Prints the reference and no more.
impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySource").field(&self.reference).finish()
    }
}
