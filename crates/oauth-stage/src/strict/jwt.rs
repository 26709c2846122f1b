//! A JWT as it came: taken apart, and its signature checked (RFC 7515, RFC 7519).

use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::strict::jwk::{self, Algorithm, Jwk};

/// A compact JWS, taken apart and not checked yet.
pub(crate) struct Decoded {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    signature: Vec<u8>,
    /// What is signed: everything before the last dot.
    message: String,
}

/// Takes a compact JWS apart (RFC 7515 7.1).
///
/// # Errors
/// What is wrong about its form.
pub(crate) fn decode(assertion: &str) -> Result<Decoded, String> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let &[header, claims, signature] = parts.as_slice() else {
        return Err("it does not have the three parts of a compact JWS (RFC 7515 7.1)".to_owned());
    };
    let part = |name: &str, text: &str| {
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| format!("its {name} is not base64url without padding (RFC 7515 2)"))
    };
    Ok(Decoded {
        header: object(&part("header", header)?).map_err(|fault| format!("its header {fault}"))?,
        claims: object(&part("payload", claims)?)
            .map_err(|fault| format!("its payload {fault}"))?,
        signature: part("signature", signature)?,
        message: format!("{header}.{claims}"),
    })
}

impl Decoded {
    /// Whether the secret made its signature, with an algorithm that is allowed.
    ///
    /// # Errors
    /// What is wrong about its header or its signature.
    pub(crate) fn check_hmac(&self, secret: &str, allowed: &[Algorithm]) -> Result<(), String> {
        let algorithm = self.check_header("JWT", allowed)?;
        jwk::hmac_is_right(algorithm, secret, self.message.as_bytes(), &self.signature)
            .then_some(())
            .ok_or_else(|| "the signature is wrong".to_owned())
    }

    /// Whether the key that its header names made its signature, with an algorithm that is allowed.
    ///
    /// # Errors
    /// As [`Decoded::check_hmac`].
    pub(crate) fn check_key(
        &self,
        keys: &HashMap<String, Jwk>,
        allowed: &[Algorithm],
    ) -> Result<(), String> {
        self.check_key_as("JWT", keys, allowed)
    }

    /// As [`Decoded::check_key`], of a request object, which has a type of its own (RFC 9101 10.8).
    ///
    /// # Errors
    /// As [`Decoded::check_hmac`].
    pub(crate) fn check_request_object(
        &self,
        keys: &HashMap<String, Jwk>,
        allowed: &[Algorithm],
    ) -> Result<(), String> {
        self.check_key_as("oauth-authz-req+jwt", keys, allowed)
    }

    fn check_key_as(
        &self,
        typ: &str,
        keys: &HashMap<String, Jwk>,
        allowed: &[Algorithm],
    ) -> Result<(), String> {
        let algorithm = self.check_header(typ, allowed)?;
        let kid = self.header.get("kid").and_then(Value::as_str);
        let kid = kid.ok_or("its header has no kid (SMART App Launch)")?;
        let key = keys.get(kid);
        let key =
            key.ok_or_else(|| format!("its kid {kid:?} is not in the JWK set of the client"))?;
        key.verify(algorithm, self.message.as_bytes(), &self.signature)
    }

    /// Whether that key made its signature.
    ///
    /// # Errors
    /// It did not.
    pub(crate) fn check_own(&self, key: &Jwk, algorithm: Algorithm) -> Result<(), String> {
        key.verify(algorithm, self.message.as_bytes(), &self.signature)
    }

    /// The claim, which has to be a text.
    pub(crate) fn text(&self, name: &str) -> Result<&str, String> {
        let value = self.claims.get(name).and_then(Value::as_str);
        value.ok_or_else(|| format!("it has no text {name} (RFC 7523 3)"))
    }

    /// The claim, which has to be an instant in seconds.
    pub(crate) fn seconds(&self, name: &str) -> Result<i64, String> {
        match self.claims.get(name) {
            Some(value) => value
                .as_i64()
                .ok_or_else(|| format!("its {name} is no integer of seconds (RFC 7519 2)")),
            None => Err(format!("it has no {name}")),
        }
    }

    fn check_header(&self, wanted: &str, allowed: &[Algorithm]) -> Result<Algorithm, String> {
        let typ = self.header.get("typ").and_then(Value::as_str);
        if !typ.is_some_and(|typ| typ.eq_ignore_ascii_case(wanted)) {
            return Err(format!(
                "its typ is not {wanted} (SMART App Launch, RFC 7519 5.1)"
            ));
        }
        if self.header.contains_key("crit") {
            return Err(
                "its crit names extensions that nobody here knows (RFC 7515 4.1.11)".to_owned(),
            );
        }
        let name = self
            .header
            .get("alg")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let algorithm = Algorithm::by_name(name).filter(|algorithm| allowed.contains(algorithm));
        algorithm.ok_or_else(|| {
            let allowed: Vec<&str> = allowed.iter().map(|one| one.name()).collect();
            format!("its alg {name:?} is none of {}", allowed.join(", "))
        })
    }
}

/// A JSON object whose names are unique (RFC 7515 4, RFC 7519 4); the usual reader keeps the last.
fn object(json: &[u8]) -> Result<Map<String, Value>, &'static str> {
    struct Unique;

    impl<'de> Visitor<'de> for Unique {
        type Value = Option<Map<String, Value>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let (mut map, mut unique) = (Map::new(), true);
            while let Some((name, value)) = access.next_entry()? {
                unique &= map.insert(name, value).is_none();
            }
            Ok(unique.then_some(map))
        }
    }

    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = reader.deserialize_map(Unique).and_then(|map| {
        reader.end()?;
        Ok(map)
    });
    let read: Result<_, serde_json::Error> = read.map_err(de::Error::custom);
    read.map_err(|_| "is no JSON object")?
        .ok_or("has the same name twice (RFC 7519 4)")
}
