//! The public half of a key as a JWK, and its thumbprint.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::signing_key::der;
use crate::signing_key::error::{KeyError, KeyErrorKind};
use crate::signing_key::pair::Pair;
use crate::signing_key::parts::Curve;

/// The members of a public JWK, in base64url (RFC 7518 6, RFC 8037 2).
pub(super) enum Public {
    Rsa { n: String, e: String },
    Ec { curve: Curve, x: String, y: String },
    Ed25519 { x: String },
}

impl Public {
    pub(super) fn of(pair: &Pair) -> Result<Self, KeyError> {
        let unreadable = || {
            KeyError::new(
                KeyErrorKind::Invalid,
                "the public half of the key cannot be read",
            )
        };
        let public = pair.public();
        match pair {
            Pair::Rsa(_) => {
                let elements = der::sequence(public).map_err(|_| unreadable())?;
                let numbers: Option<Vec<&[u8]>> = elements.into_iter().map(der::unsigned).collect();
                match numbers.as_deref() {
                    Some([n, e]) => Ok(Self::Rsa {
                        n: base64url(n),
                        e: base64url(e),
                    }),
                    _ => Err(unreadable()),
                }
            }
            Pair::Ec(curve, _) => match public
                .get(1..)
                .and_then(|xy| xy.split_at_checked(curve.width()))
            {
                Some((x, y)) => Ok(Self::Ec {
                    curve: *curve,
                    x: base64url(x),
                    y: base64url(y),
                }),
                None => Err(unreadable()),
            },
            Pair::Ed25519(_) => Ok(Self::Ed25519 {
                x: base64url(public),
            }),
        }
    }

    /// RFC 7638 3, with SHA-256: the required members alone, in the order of their names.
    pub(super) fn thumbprint(&self) -> String {
        let canonical = match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            Self::Ec { curve, x, y } => {
                format!(
                    r#"{{"crv":"{}","kty":"EC","x":"{x}","y":"{y}"}}"#,
                    curve.name()
                )
            }
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
        };
        sha256(canonical.as_bytes())
    }

    pub(super) fn to_jwk(&self) -> Value {
        match self {
            Self::Rsa { n, e } => json!({"kty": "RSA", "n": n, "e": e}),
            Self::Ec { curve, x, y } => json!({"kty": "EC", "crv": curve.name(), "x": x, "y": y}),
            Self::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": x}),
        }
    }
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// SHA-256 in base64url.
pub(super) fn sha256(bytes: &[u8]) -> String {
    base64url(digest(&SHA256, bytes).as_ref())
}
