//! What tokens are bound to: a key that proofs are signed with (RFC 9449), a certificate (RFC 8705).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::http::clients::Clients;
use crate::secret::Secret;
use crate::signing_key::{Algorithm, KeyError, KeyOptions, Signer, SigningKey};

/// What a token is shown with: it is of no use without.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bound {
    /// Proofs are signed with it (RFC 9449 2).
    pub key: Option<Arc<ProofKey>>,
    /// They show the certificate (RFC 8705 3).
    pub clients: Option<Arc<Clients>>,
}

/// A key that tokens are bound to, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BoundKey {
    /// The private key itself, as PKCS#8 in PEM.
    Private(Secret),
    /// The name of a signer that holds it.
    Signer(String),
}

/// A key that proofs are signed with.
pub(crate) struct ProofKey {
    pub signer: Arc<dyn Signer>,
    /// Its public members alone, as a proof shows them (RFC 9449 4.2).
    pub jwk: Value,
    /// RFC 7638: the `jkt` that tokens are bound to (RFC 9449 6).
    pub thumbprint: String,
    /// As it is kept with the tokens.
    pub kept: BoundKey,
}

impl ProofKey {
    /// A new key, which never leaves this process but sealed.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        Self::of(SigningKey::generate(algorithm)?)
    }

    /// A key that was kept.
    pub fn load(pem: &Secret) -> Result<Self, KeyError> {
        Self::of(SigningKey::load(
            pem.expose().as_bytes(),
            &KeyOptions::default(),
        )?)
    }

    fn of(key: SigningKey) -> Result<Self, KeyError> {
        let jwk = key.public_jwk();
        // a key of ours always has these members
        let (jwk, thumbprint) = public_members(&jwk).unwrap_or_default();
        Ok(Self {
            kept: BoundKey::Private(key.to_pkcs8_pem()?),
            signer: Arc::new(key),
            jwk,
            thumbprint,
        })
    }

    /// The key of a signer; `None`: it does not say which it is.
    pub fn of_signer(signer: &Arc<dyn Signer>) -> Option<Self> {
        let (jwk, thumbprint) = public_members(&signer.public_jwk()?)?;
        Some(Self {
            kept: BoundKey::Signer(signer.key_id().to_owned()),
            signer: signer.clone(),
            jwk,
            thumbprint,
        })
    }
}

/// Prints the thumbprint of the public key.
impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProofKey").field(&self.thumbprint).finish()
    }
}

/// The members that make a public key (RFC 7638 3.2), and its thumbprint; `None`: it is not one that
/// signs.
fn public_members(jwk: &Value) -> Option<(Value, String)> {
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let members: Option<BTreeMap<&str, &str>> = names
        .iter()
        .map(|name| Some((*name, jwk.get(*name)?.as_str()?)))
        .collect();
    let canonical = serde_json::to_string(&members?).ok()?;
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()));
    Some((serde_json::from_str(&canonical).ok()?, thumbprint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The key and the thumbprint of RFC 7638 3.1.
    #[test]
    fn a_thumbprint_is_of_the_members_that_make_the_key() {
        let jwk = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29",
        });
        let (members, thumbprint) = public_members(&jwk).unwrap();
        assert_eq!(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(members.as_object().unwrap().len(), 3);
    }

    #[test]
    fn what_a_signer_says_too_much_never_gets_into_a_proof() {
        let jwk =
            json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "s3cret", "kid": "k"});
        let (members, _) = public_members(&jwk).unwrap();
        assert!(!members.to_string().contains("s3cret"), "{members}");
        assert_eq!(public_members(&json!({"kty": "oct", "k": "s3cret"})), None);
        assert_eq!(public_members(&json!({"kty": "EC", "crv": "P-256"})), None);
    }

    #[test]
    fn a_key_that_was_kept_is_the_same_key() {
        for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
            let key = ProofKey::generate(algorithm).unwrap();
            let BoundKey::Private(pem) = &key.kept else {
                panic!("it is kept by name");
            };
            let again = ProofKey::load(pem).unwrap();
            assert_eq!(again.thumbprint, key.thumbprint);
            assert_eq!(again.jwk, key.jwk);
            assert_eq!(again.thumbprint, again.signer.thumbprint().unwrap());
        }
    }
}
