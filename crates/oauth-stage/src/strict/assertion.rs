//! Client assertions: `private_key_jwt` and `client_secret_jwt` (RFC 7523, OpenID Connect Core 9,
//! SMART App Launch: asymmetric client authentication).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::strict::client::{Authentication, Registration};
use crate::strict::jwk::{self, Algorithm, Jwk};
use crate::strict::refusal::{INVALID_CLIENT, Refusal};
use crate::strict::state::State;

/// What the `aud` of a client assertion has to be. RFC 7523 leaves it to the two sides; always a
/// single string, compared as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AudiencePolicy {
    /// The URL of the token endpoint, as SMART says.
    #[default]
    TokenEndpoint,
    /// The issuer's identifier, as FAPI 2.0 says.
    Issuer,
    /// One of the two.
    Either,
}

/// The longest time from now to `exp`, in seconds (SMART App Launch).
const LONGEST: i64 = 300;
/// How far ahead of the server's a client's clock may be at `iat`, in seconds.
const SKEW: i64 = 5;
/// 128 bits in base64url.
const SHORTEST_JTI: usize = 22;

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

/// Who signed the assertion, when everything about it is right. Its `jti` is used up then.
pub(crate) fn authenticate(
    state: &State,
    assertion: &str,
    client_id: Option<&str>,
) -> Result<Arc<Registration>, Refusal> {
    let refuse = |rule: String| {
        Refusal::violation(
            INVALID_CLIENT,
            format!("the client assertion is refused: {rule}"),
        )
    };
    let decoded = decode(assertion).map_err(refuse)?;
    let issuer = decoded.text("iss").map_err(refuse)?;
    if decoded.text("sub").map_err(refuse)? != issuer {
        return Err(refuse(
            "iss and sub are not the same (RFC 7523 3)".to_owned(),
        ));
    }
    if client_id.is_some_and(|id| id != issuer) {
        return Err(refuse(
            "the parameter client_id is not its iss (RFC 7523 3)".to_owned(),
        ));
    }
    let Some(registration) = state.client(issuer) else {
        return Err(Refusal::unauthenticated(None));
    };
    let signature = match &registration.client.authentication {
        Authentication::SecretJwt { secret, algorithms } => decoded.check_hmac(secret, algorithms),
        Authentication::PrivateKeyJwt { algorithms, .. } => {
            decoded.check_key(&registration.keys, algorithms)
        }
        _ => return Err(Refusal::unauthenticated(None)), // registered for another method
    };
    signature.map_err(refuse)?;
    decoded.check_claims(state).map_err(refuse)?;
    let jti = decoded.text("jti").map_err(refuse)?;
    if !state.spend_jti(issuer, jti) {
        return Err(refuse(
            "replay: its jti has been seen before (RFC 7523 3)".to_owned(),
        ));
    }
    Ok(registration)
}

impl Decoded {
    fn check_header(&self, allowed: &[Algorithm]) -> Result<Algorithm, String> {
        let typ = self.header.get("typ").and_then(Value::as_str);
        if !typ.is_some_and(|typ| typ.eq_ignore_ascii_case("JWT")) {
            return Err("its typ is not JWT (SMART App Launch, RFC 7519 5.1)".to_owned());
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

    fn check_hmac(&self, secret: &str, allowed: &[Algorithm]) -> Result<(), String> {
        let algorithm = self.check_header(allowed)?;
        jwk::hmac_is_right(algorithm, secret, self.message.as_bytes(), &self.signature)
            .then_some(())
            .ok_or_else(|| "the signature is wrong".to_owned())
    }

    fn check_key(&self, keys: &HashMap<String, Jwk>, allowed: &[Algorithm]) -> Result<(), String> {
        let algorithm = self.check_header(allowed)?;
        let kid = self.header.get("kid").and_then(Value::as_str);
        let kid = kid.ok_or("its header has no kid (SMART App Launch)")?;
        let key = keys.get(kid);
        let key =
            key.ok_or_else(|| format!("its kid {kid:?} is not in the JWK set of the client"))?;
        key.verify(algorithm, self.message.as_bytes(), &self.signature)
    }

    fn check_claims(&self, state: &State) -> Result<(), String> {
        self.check_audience(state)?;
        let now = state.clock.now().timestamp();
        let exp = self.seconds("exp")?;
        if exp <= now {
            return Err(format!("it expired {} s ago (RFC 7523 3)", now - exp));
        }
        if exp - now > LONGEST {
            return Err(format!(
                "its exp is {} s ahead, more than {LONGEST} (SMART App Launch); is it in seconds?",
                exp - now
            ));
        }
        let iat = self.seconds("iat")?;
        if iat > now.saturating_add(SKEW) {
            return Err(format!("its iat is {} s ahead", iat - now));
        }
        if self.claims.contains_key("nbf") && self.seconds("nbf")? > now {
            return Err("its nbf is in the future (RFC 7523 3)".to_owned());
        }
        let jti = self.text("jti")?;
        if jti.len() < SHORTEST_JTI || !jti.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "its jti has {} characters: too few for 128 random bits",
                jti.len()
            ));
        }
        Ok(())
    }

    fn check_audience(&self, state: &State) -> Result<(), String> {
        let audience = match self.claims.get("aud") {
            Some(Value::String(audience)) => audience,
            Some(Value::Array(_)) => return Err("its aud is an array, not one string".to_owned()),
            _ => return Err("its aud is not one string (RFC 7523 3)".to_owned()),
        };
        let (token, issuer) = (state.urls.token(), state.urls.issuer());
        let expected = match state.settings().audience {
            AudiencePolicy::TokenEndpoint => [&token, &token],
            AudiencePolicy::Issuer => [&issuer, &issuer],
            AudiencePolicy::Either => [&token, &issuer],
        };
        match expected.contains(&audience) {
            true => Ok(()),
            false => Err(format!(
                "its aud is {audience:?}, not {:?} (RFC 7523 3)",
                expected[0]
            )),
        }
    }

    fn text(&self, name: &str) -> Result<&str, String> {
        let value = self.claims.get(name).and_then(Value::as_str);
        value.ok_or_else(|| format!("it has no text {name} (RFC 7523 3)"))
    }

    fn seconds(&self, name: &str) -> Result<i64, String> {
        match self.claims.get(name) {
            Some(value) => value
                .as_i64()
                .ok_or_else(|| format!("its {name} is no integer of seconds (RFC 7519 2)")),
            None => Err(format!("it has no {name}")),
        }
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
