//! Keys that never leave an HSM or a KMS, and the form of what these answer.

use std::fmt;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::signing_key::SigningKey;
use crate::signing_key::algorithm::Algorithm;
use crate::signing_key::der;
use crate::signing_key::error::{KeyError, KeyErrorKind};

/// Whatever signs a client's assertions: a [`SigningKey`] in memory, or a key in an HSM or KMS.
///
/// It is asked anew for every attempt, and given up after the deadline of a request.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The `alg` of what it signs.
    fn algorithm(&self) -> Algorithm;

    /// The `kid` under which the server knows the key.
    fn key_id(&self) -> &str;

    /// The RFC 7638 thumbprint of its public key, where it is known: by it a key that would sign for
    /// two servers is noticed.
    fn thumbprint(&self) -> Option<&str> {
        None
    }

    /// The `x5t#S256` of the key's certificate (RFC 7515 4.1.8), for servers that want it.
    fn certificate_thumbprint(&self) -> Option<&str> {
        None
    }

    /// Its public key as a JWK (RFC 7517), which proofs of possession show (RFC 9449 4.2): only a signer
    /// that knows it can sign them.
    fn public_jwk(&self) -> Option<Value> {
        None
    }

    /// Signs a message, which it digests itself as [`Signer::algorithm`] says.
    ///
    /// The signature is of the form of JWS (RFC 7518 3): for ECDSA that is `r || s` of fixed length;
    /// see [`ecdsa_der_to_jws`] for services that answer DER. A caller checks it with
    /// [`check_signature_form`].
    ///
    /// # Errors
    /// The service did not sign; [`SignerError::is_retryable`] says whether trying again can help.
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignerError>>;
}

impl Signer for SigningKey {
    fn algorithm(&self) -> Algorithm {
        SigningKey::algorithm(self)
    }

    fn key_id(&self) -> &str {
        SigningKey::key_id(self)
    }

    fn thumbprint(&self) -> Option<&str> {
        Some(SigningKey::thumbprint(self))
    }

    fn certificate_thumbprint(&self) -> Option<&str> {
        SigningKey::certificate_thumbprint(self)
    }

    fn public_jwk(&self) -> Option<Value> {
        Some(SigningKey::public_jwk(self))
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignerError>> {
        Box::pin(std::future::ready(
            SigningKey::sign(self, message).map_err(SignerError::from),
        ))
    }
}

/// Why a [`Signer`] did not sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerError {
    retryable: bool,
    message: String,
}

impl SignerError {
    /// A fault that passes: a timeout, a throttled call, a service that is restarting.
    pub fn passing(message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            message: message.into(),
        }
    }

    /// A fault that stays until somebody mends it: no such key, no permission, a wrong answer.
    pub fn lasting(message: impl Into<String>) -> Self {
        Self {
            retryable: false,
            message: message.into(),
        }
    }

    /// Whether the same call may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }
}

impl fmt::Display for SignerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SignerError {}

impl From<KeyError> for SignerError {
    fn from(fault: KeyError) -> Self {
        Self::lasting(fault.to_string())
    }
}

/// Signs, and checks that what came back has the form of JWS.
///
/// # Errors
/// The signer's own, or a lasting one where its answer is not of the form.
pub async fn sign_checked(signer: &dyn Signer, message: &[u8]) -> Result<Vec<u8>, SignerError> {
    let signature = signer.sign(message).await?;
    check_signature_form(signer.algorithm(), &signature)?;
    Ok(signature)
}

/// Checks that a signature has the length and form that JWS wants (RFC 7518 3.3 to 3.5, RFC 8037 3.1).
/// It does not verify it.
///
/// # Errors
/// [`KeyErrorKind::Signer`]: it is empty, DER, hexadecimal or base64 text, or of a wrong length.
pub fn check_signature_form(algorithm: Algorithm, signature: &[u8]) -> Result<(), KeyError> {
    let length = signature.len();
    let fits = match fixed_length(algorithm) {
        Some(fixed) => length == fixed,
        None => (256..=1024).contains(&length),
    };
    let says = if length == 0 {
        "is empty".to_owned()
    } else if fits && !signature.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    } else if der::sequence(signature).is_ok() {
        "is DER; convert it with `ecdsa_der_to_jws`".to_owned()
    } else if signature.iter().all(u8::is_ascii_graphic) {
        "is text; decode the base64 or hexadecimal first".to_owned()
    } else {
        let wanted =
            fixed_length(algorithm).map_or("256 to 1024".to_owned(), |fixed| fixed.to_string());
        format!(
            "has {length} bytes, {algorithm} wants {wanted}; check which key and algorithm the signer uses"
        )
    };
    Err(KeyError::new(
        KeyErrorKind::Signer,
        format!("the signer's answer {says}"),
    ))
}

/// Turns the DER that most KMSs answer for ECDSA (RFC 3279 2.2.3) into the `r || s` of JWS
/// (RFC 7518 3.4).
///
/// # Errors
/// [`KeyErrorKind::Signer`]: the algorithm is not ECDSA, or the bytes are not such a signature.
pub fn ecdsa_der_to_jws(der: &[u8], algorithm: Algorithm) -> Result<Vec<u8>, KeyError> {
    let refused =
        |what: &str| KeyError::new(KeyErrorKind::Signer, format!("the signer's answer {what}"));
    let width = match algorithm {
        Algorithm::ES256 => 32,
        Algorithm::ES384 => 48,
        _ => {
            return Err(KeyError::new(
                KeyErrorKind::Signer,
                format!("{algorithm} has no signatures in DER; only ES256 and ES384 have"),
            ));
        }
    };
    let elements = der::sequence(der).map_err(|_| {
        refused(if der.len() == 2 * width {
            "is `r || s` already, not DER"
        } else {
            "is not DER"
        })
    })?;
    let numbers: Option<Vec<&[u8]>> = elements.into_iter().map(der::unsigned).collect();
    let Some([r, s]) = numbers.as_deref() else {
        return Err(refused("is DER, but not the two numbers of ECDSA"));
    };
    let mut signature = Vec::with_capacity(2 * width);
    for number in [r, s] {
        let zeros = width
            .checked_sub(number.len())
            .filter(|_| number.iter().any(|byte| *byte != 0))
            .ok_or_else(|| {
                refused(&format!(
                    "is ECDSA, but not of {algorithm}: a number is zero or too large"
                ))
            })?;
        signature.resize(signature.len() + zeros, 0);
        signature.extend_from_slice(number);
    }
    Ok(signature)
}

/// The bytes of every signature, where that does not depend on the key.
fn fixed_length(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::ES256 | Algorithm::EdDSA => Some(64),
        Algorithm::ES384 => Some(96),
        _ => None,
    }
}
