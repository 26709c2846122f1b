//! Private keys as JSON Web Keys (RFC 7517, RFC 7518 6, RFC 8037 2).

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::BoxedUint;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use crate::signing_key::algorithm::Algorithm;
use crate::signing_key::container::Form;
use crate::signing_key::error::{KeyError, KeyErrorKind};
use crate::signing_key::pair;
use crate::signing_key::parts::{self, ANY_RSA, Bytes, Curve, Parts, RsaNumbers};
use crate::text;

/// What a JWK says of the key.
pub(super) struct Jwk {
    pub parts: Parts,
    pub algorithm: Option<Algorithm>,
    pub key_id: Option<String>,
    /// From `x5c` (RFC 7517 4.7).
    pub certificates: Vec<Vec<u8>>,
}

/// Reads a private JWK, or the one private key of a JWK set; where a set holds several, the one
/// whose `kid` is `wanted`.
pub(super) fn read(json: &str, wanted: Option<&str>) -> Result<Jwk, KeyError> {
    let mut object: Object = serde_json::from_str(json).map_err(|fault| {
        // Its own words may quote the member it stopped at.
        encoding(&format!(
            "is not valid at line {}, column {} (no JSON, or a member twice)",
            fault.line(),
            fault.column()
        ))
    })?;
    let Some(keys) = object.keys.take() else {
        return jwk(&object);
    };
    let private: Vec<&Object> = keys.iter().filter(|key| key.is_private()).collect();
    match private.as_slice() {
        [] => Err(public_only("the JWK set holds no private key")),
        [key] => jwk(key),
        several => several
            .iter()
            .find(|key| wanted.is_some() && key.members.get("kid").and_then(Value::as_str) == wanted)
            .map(|key| jwk(key))
            .unwrap_or_else(|| {
                Err(KeyError::new(
                    KeyErrorKind::Ambiguous,
                    format!(
                        "the JWK set holds {} private keys; leave one, or name the `kid` of the one to sign with",
                        several.len()
                    ),
                ))
            }),
    }
}

fn jwk(object: &Object) -> Result<Jwk, KeyError> {
    check_use(object)?;
    let algorithm = match object.text("alg")? {
        None => None,
        Some(name) => Some(name.parse::<Algorithm>().map_err(|fault| {
            KeyError::new(
                KeyErrorKind::AlgorithmMismatch,
                format!("the JWK's `alg`: {fault}"),
            )
        })?),
    };
    let parts = match object.text("kty")? {
        Some("RSA") => rsa(object)?,
        Some("EC") => ec(object)?,
        Some("OKP") => okp(object)?,
        Some("oct") => {
            return Err(KeyError::new(
                KeyErrorKind::NotPrivate,
                "the JWK is a shared secret (`kty` oct), not a private key; for client_secret_jwt configure it as the \
                 client secret",
            ));
        }
        Some(other) => {
            return Err(KeyError::new(
                KeyErrorKind::Unsupported,
                format!(
                    "the JWK's `kty` `{}` is not supported; RSA, EC and OKP are",
                    text::name(other)
                ),
            ));
        }
        None => return Err(encoding("has no `kty` (RFC 7517 4.1)")),
    };
    Ok(Jwk {
        parts,
        algorithm,
        key_id: object.text("kid")?.map(str::to_owned),
        certificates: chain(object)?,
    })
}

/// RFC 7517 4.2 and 4.3.
fn check_use(object: &Object) -> Result<(), KeyError> {
    let forbids = |member: &str| {
        KeyError::new(
            KeyErrorKind::AlgorithmMismatch,
            format!(
                "the JWK's `{member}` says that the key is not for signing; give the signing key"
            ),
        )
    };
    if object.text("use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(forbids("use"));
    }
    match object.members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations))
            if operations.iter().any(|operation| operation == "sign") =>
        {
            Ok(())
        }
        Some(Value::Array(_)) => Err(forbids("key_ops")),
        Some(_) => Err(encoding("has a `key_ops` that is not an array")),
    }
}

fn rsa(object: &Object) -> Result<Parts, KeyError> {
    let d = object.private("d")?;
    let [n, e] = [object.number("n")?, object.number("e")?];
    let [p, q, dp, dq, qi] = ["p", "q", "dp", "dq", "qi"].map(|name| object.optional_number(name));
    if object.members.contains_key("oth") {
        return Err(KeyError::new(
            KeyErrorKind::Unsupported,
            "the RSA key has more than two primes (`oth`), which is not supported; make a new one",
        ));
    }
    let numbers = match (p?, q?, dp?, dq?, qi?) {
        (Some(p), Some(q), Some(dp), Some(dq), Some(qi)) => RsaNumbers {
            n,
            e,
            d,
            p,
            q,
            dp,
            dq,
            qi,
        },
        (None, None, None, None, None) => return with_primes(&n, &e, &d),
        _ => {
            return Err(encoding(
                "has some of p, q, dp, dq and qi but not all (RFC 7518 6.3.2); export it again, whole",
            ));
        }
    };
    Ok(Parts::Rsa {
        numbers,
        allowed: ANY_RSA,
    })
}

/// Finds the primes of a key that came without them, which RFC 7518 6.3.2 allows.
fn with_primes(n: &[u8], e: &[u8], d: &[u8]) -> Result<Parts, KeyError> {
    let refused = || {
        KeyError::new(
            KeyErrorKind::Invalid,
            "the RSA key has no p and q, and they do not follow from n, e and d; export it again, whole",
        )
    };
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    pair::check_size(n)?;
    if e.len() > 5 || d.len() > n.len() || ![n, e, d].into_iter().all(odd) {
        return Err(refused());
    }
    let [n, e, d] = [n, e, d].map(BoxedUint::from_be_slice_vartime);
    let key = rsa::PrivateKey::from_components(n, e, d, Vec::new()).map_err(|_| refused())?;
    let der = key.to_pkcs1_der().map_err(|_| refused())?;
    parts::take_apart(Form::Pkcs1, der.as_bytes(), None)
}

fn ec(object: &Object) -> Result<Parts, KeyError> {
    let curve = match object.text("crv")? {
        Some("P-256") => Curve::P256,
        Some("P-384") => Curve::P384,
        Some(other) => return Err(parts::other_curve(&text::name(other))),
        None => return Err(encoding("has no `crv` (RFC 7518 6.2.1.1)")),
    };
    let scalar = object.private("d")?;
    let mut point = vec![4];
    for name in ["x", "y"] {
        point.extend_from_slice(&object.exactly(name, curve.width())?);
    }
    if scalar.len() != curve.width() {
        return Err(wrong_width("d", curve.width()));
    }
    Ok(Parts::Ec {
        curve,
        scalar,
        point: Some(point),
    })
}

fn okp(object: &Object) -> Result<Parts, KeyError> {
    match object.text("crv")? {
        Some("Ed25519") => {}
        Some(other) => {
            return Err(KeyError::new(
                KeyErrorKind::Unsupported,
                format!(
                    "the JWK's `crv` `{}` is not supported; Ed25519 is",
                    text::name(other)
                ),
            ));
        }
        None => return Err(encoding("has no `crv` (RFC 8037 2)")),
    }
    let seed = object.private("d")?;
    let public = object.exactly("x", 32)?.to_vec();
    if seed.len() != 32 {
        return Err(wrong_width("d", 32));
    }
    Ok(Parts::Ed25519 {
        seed,
        public: Some(public),
    })
}

/// The certificates of `x5c`, in plain base64 (RFC 7517 4.7).
fn chain(object: &Object) -> Result<Vec<Vec<u8>>, KeyError> {
    let damaged =
        || encoding("has an `x5c` that is not an array of certificates in base64 (RFC 7517 4.7)");
    match object.members.get("x5c") {
        None => Ok(Vec::new()),
        Some(Value::Array(chain)) => chain
            .iter()
            .map(|link| {
                link.as_str()
                    .and_then(|text| STANDARD.decode(text).ok())
                    .ok_or_else(damaged)
            })
            .collect(),
        Some(_) => Err(damaged()),
    }
}

/// A JSON object with no member twice; its strings are wiped when it is let go.
struct Object {
    members: BTreeMap<String, Value>,
    /// The member `keys`, where there is one: then it is a set (RFC 7517 5).
    keys: Option<Vec<Object>>,
}

impl Object {
    /// Whether it has what only the owner of a key pair has.
    fn is_private(&self) -> bool {
        self.members.contains_key("d")
    }

    fn text(&self, name: &str) -> Result<Option<&str>, KeyError> {
        match self.members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(encoding(&format!("has a `{name}` that is not a string"))),
        }
    }

    fn bytes(&self, name: &str) -> Result<Option<Bytes>, KeyError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new).map(Some).map_err(|_| {
            encoding(&format!(
                "has a `{name}` that is not base64url without padding (RFC 7515 2): no `=`, `+`, `/` or line breaks"
            ))
        })
    }

    /// A number, without the leading zeros that some producers write against RFC 7518 2.
    fn optional_number(&self, name: &str) -> Result<Option<Bytes>, KeyError> {
        Ok(self.bytes(name)?.map(|bytes| {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            Zeroizing::new(bytes.get(zeros..).unwrap_or_default().to_vec())
        }))
    }

    fn number(&self, name: &str) -> Result<Bytes, KeyError> {
        self.optional_number(name)?
            .ok_or_else(|| encoding(&format!("has no `{name}`")))
    }

    fn exactly(&self, name: &str, width: usize) -> Result<Bytes, KeyError> {
        let bytes = self
            .bytes(name)?
            .ok_or_else(|| encoding(&format!("has no `{name}`")))?;
        if bytes.len() == width {
            Ok(bytes)
        } else {
            Err(wrong_width(name, width))
        }
    }

    fn private(&self, name: &str) -> Result<Bytes, KeyError> {
        self.bytes(name)?
            .ok_or_else(|| public_only(&format!("the JWK is a public key: it has no `{name}`")))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object {
                    members: BTreeMap::new(),
                    keys: None,
                };
                while let Some(name) = map.next_key::<String>()? {
                    let twice = if name == "keys" {
                        object.keys.replace(map.next_value()?).is_some()
                    } else {
                        object.members.insert(name, map.next_value()?).is_some()
                    };
                    if twice {
                        return Err(A::Error::custom("a member stands twice"));
                    }
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        for value in self.members.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

fn encoding(what: &str) -> KeyError {
    KeyError::new(KeyErrorKind::Encoding, format!("the JWK {what}"))
}

fn wrong_width(name: &str, width: usize) -> KeyError {
    encoding(&format!(
        "has a `{name}` that is not {width} bytes, leading zeros included (RFC 7518 6.2, RFC 8037 2)"
    ))
}

fn public_only(what: &str) -> KeyError {
    KeyError::new(
        KeyErrorKind::NotPrivate,
        format!("{what}; give the private JWK, which has `d`"),
    )
}
