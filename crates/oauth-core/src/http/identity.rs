//! The certificate that a client shows, with its key (RFC 8705), by reference.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::files::Look;
use crate::http::Http;
use crate::http::clients::{Clients, Fingerprint};
use crate::secret::{SecretRef, Secrets};

/// A client's certificate as a configuration writes it.
///
/// ```toml
/// [identity]
/// certificate = "file:client.pem"   # with those between it and the root, in this order
/// key = "file:client.key"           # PKCS#8, PKCS#1 or SEC1, not encrypted
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct IdentityConfig {
    /// The certificate, and those between it and the root, in PEM.
    pub certificate: SecretRef,
    /// Its private key, in PEM.
    pub key: SecretRef,
}

impl IdentityConfig {
    /// A certificate and its key.
    pub fn new(certificate: SecretRef, key: SecretRef) -> Self {
        Self { certificate, key }
    }
}

/// The certificate that a client shows over TLS, with its key (RFC 8705). They are looked at for each
/// use, and a changed one is shown at once over new connections; what cannot be used, as while only one of
/// two files is replaced, leaves the last good one in use and is told in the log.
///
/// All connections that show the same certificate share their pools.
pub struct TlsIdentity {
    config: IdentityConfig,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    good: Option<(Fingerprint, Arc<Clients>)>,
    /// What both files looked like before they were read; `None`: nothing is to be told by that.
    looks: Option<(Look, Look)>,
    refused: Option<(Fingerprint, Error)>,
}

impl TlsIdentity {
    /// The certificate and the key that stand there; they are tried at their first use.
    pub fn new(config: IdentityConfig) -> Self {
        Self {
            config,
            seen: Mutex::default(),
        }
    }

    /// Whether it stands there.
    pub(crate) fn is_of(&self, config: &IdentityConfig) -> bool {
        self.config == *config
    }

    /// The `x5t#S256` of the certificate that stands there now.
    pub(crate) fn thumbprint(&self, secrets: &Secrets) -> Result<String, Error> {
        let read = self.config.certificate.read_bytes(secrets);
        let certificate = read.map_err(|fault| unusable("identity.certificate", &fault))?;
        Ok(thumbprint(&first_of(&certificate)?))
    }

    /// The clients that show it as it is now, or as it was last good.
    ///
    /// # Errors
    /// There was never a usable one; it is tried again at the next use.
    pub(crate) fn current(&self, http: &Http, secrets: &Secrets) -> Result<Arc<Clients>, Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let error = match self.refresh(&mut seen, http, secrets) {
            Ok(clients) => return Ok(clients),
            Err(error) => error,
        };
        match &seen.good {
            Some((_, clients)) => {
                tracing::warn!(source = ?self.config.certificate, %error,
                    "the changed client certificate is not usable; the last good one goes on being shown");
                Ok(clients.clone())
            }
            None => Err(error),
        }
    }

    fn refresh(
        &self,
        seen: &mut Seen,
        http: &Http,
        secrets: &Secrets,
    ) -> Result<Arc<Clients>, Error> {
        let IdentityConfig { certificate, key } = &self.config;
        let looks = certificate.look().zip(key.look());
        if let (Some((_, clients)), Some(_)) = (&seen.good, looks)
            && seen.looks == looks
        {
            return Ok(clients.clone());
        }
        seen.looks = None;
        let read = |field: &str, reference: &SecretRef| {
            reference
                .read_bytes(secrets)
                .map_err(|fault| unusable(field, &fault))
        };
        let certificate = read("identity.certificate", certificate)?;
        let key = read("identity.key", key)?;
        let fingerprint = fingerprint(&certificate, &key);
        match (&seen.good, &seen.refused) {
            (Some((known, clients)), _) if *known == fingerprint => {
                seen.looks = looks;
                return Ok(clients.clone());
            }
            (_, Some((known, error))) if *known == fingerprint => return Err(error.clone()),
            _ => {}
        }
        let made =
            Self::make(&certificate, &key).and_then(|shown| http.showing(fingerprint, shown));
        match made {
            Ok(clients) => {
                let thumbprint = clients.thumbprint();
                tracing::info!(source = ?self.config.certificate, thumbprint, "client certificate loaded");
                seen.good = Some((fingerprint, clients.clone()));
                seen.looks = looks;
                seen.refused = None;
                Ok(clients)
            }
            Err(error) => {
                seen.refused = Some((fingerprint, error.clone()));
                Err(error)
            }
        }
    }

    fn make(certificate: &[u8], key: &[u8]) -> Result<(reqwest::Identity, Box<str>), Error> {
        let thumbprint = thumbprint(&first_of(certificate)?);
        let mut both = Zeroizing::new(Vec::with_capacity(certificate.len() + key.len() + 1));
        both.extend_from_slice(certificate);
        both.push(b'\n');
        both.extend_from_slice(key);
        let identity = reqwest::Identity::from_pem(&both).map_err(|_| {
            let problem = "this holds no private key in PEM form that is not encrypted";
            unusable("identity.key", &problem)
                .remedy("`openssl pkey -in KEY` writes one that can be read")
        })?;
        Ok((identity, thumbprint.into()))
    }
}

/// The client's own certificate, which stands before those between it and the root.
fn first_of(chain: &[u8]) -> Result<CertificateDer<'_>, Error> {
    match CertificateDer::pem_slice_iter(chain).next() {
        Some(Ok(first)) => Ok(first),
        _ => Err(unusable(
            "identity.certificate",
            &"this holds no certificate in PEM form",
        )),
    }
}

/// RFC 8705 3.1.
fn thumbprint(certificate: &CertificateDer<'_>) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate))
}

fn unusable(field: &str, problem: &dyn fmt::Display) -> Error {
    Error::config(field, problem).with_kind(ErrorKind::Credential)
}

fn fingerprint(certificate: &[u8], key: &[u8]) -> Fingerprint {
    let mut context = Context::new(&SHA256);
    for part in [certificate, key] {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(context.finish().as_ref());
    fingerprint
}

/// Those that stand at the same places.
impl PartialEq for TlsIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

/// Prints the references and no more.
impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsIdentity").field(&self.config).finish()
    }
}
