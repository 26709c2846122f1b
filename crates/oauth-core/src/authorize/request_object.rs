//! What is asked as a signed JWT (RFC 9101), which the user's browser cannot change.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::authorize::start::Pairs;
use crate::client_auth::apply::{fresh_name, signature};
use crate::error::Error;
use crate::signing_key::Signer;

/// From `iat` to `exp`: as long as a browser may take to get there.
const LIFETIME: Duration = Duration::from_secs(300);

/// Who signs, for whom, and when.
pub(crate) struct Signing<'a> {
    pub signer: &'a dyn Signer,
    pub client_id: &'a str,
    /// The server's issuer (RFC 9101 4).
    pub audience: &'a str,
    pub now: DateTime<Utc>,
    /// How long the signer may take.
    pub patience: Duration,
}

/// The request object (RFC 9101 4): all parameters as claims, with whose it is and how long it counts.
///
/// # Errors
/// The signer did not sign.
pub(crate) async fn sign(pairs: &Pairs, signing: &Signing<'_>) -> Result<String, Error> {
    let mut header = json!({
        "alg": signing.signer.algorithm().name(),
        "typ": "oauth-authz-req+jwt",
        "kid": signing.signer.key_id(),
    });
    if let Some(thumbprint) = signing.signer.certificate_thumbprint() {
        header["x5t#S256"] = thumbprint.into();
    }
    let issued_at = signing.now.timestamp();
    let mut claims = claims(pairs);
    let lifetime = i64::try_from(LIFETIME.as_secs()).unwrap_or_default();
    for (name, value) in [
        ("iss", json!(signing.client_id)),
        ("aud", json!(signing.audience)),
        ("iat", json!(issued_at)),
        ("nbf", json!(issued_at)),
        ("exp", json!(issued_at.saturating_add(lifetime))),
        ("jti", json!(fresh_name()?)),
    ] {
        claims.insert(name.to_owned(), value);
    }
    let mut object = URL_SAFE_NO_PAD.encode(header.to_string());
    object.push('.');
    URL_SAFE_NO_PAD.encode_string(Value::Object(claims).to_string(), &mut object);
    let signature = signature(signing.signer, object.as_bytes(), signing.patience).await?;
    object.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut object);
    Ok(object)
}

/// RFC 9101 4: texts as they are, numbers and JSON as such, what stands more than once as an array.
fn claims(pairs: &Pairs) -> Map<String, Value> {
    let mut claims = Map::new();
    for (name, text) in pairs {
        let value = match name.as_str() {
            "max_age" => text
                .parse::<u64>()
                .map_or_else(|_| json!(text), Value::from),
            // JSON as a form has it
            "authorization_details" | "claims" => {
                serde_json::from_str(text).unwrap_or_else(|_| json!(text))
            }
            _ => json!(text),
        };
        match claims.get_mut(name) {
            None => {
                claims.insert(name.clone(), value);
            }
            Some(Value::Array(list)) => list.push(value),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing_key::{Algorithm, SigningKey};

    #[tokio::test]
    async fn says_whose_it_is_for_whom_and_how_long_it_counts() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let pairs = [
            ("client_id", "client"),
            ("max_age", "60"),
            ("resource", "https://x.example/"),
            ("resource", "https://y.example/"),
            ("resource", "https://z.example/"),
            ("authorization_details", r#"[{"type":"payment"}]"#),
        ];
        let pairs = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        let signing = Signing {
            signer: &key,
            client_id: "client",
            audience: "https://auth.example",
            now: DateTime::from_timestamp(1_000, 0).unwrap(),
            patience: Duration::from_secs(30),
        };
        let object = sign(&pairs, &signing).await.unwrap();
        let parts: Vec<&str> = object.split('.').collect();
        let read = |part: &str| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let header = read(parts[0]);
        assert_eq!(header["typ"], "oauth-authz-req+jwt");
        assert_eq!(header["alg"], "ES256");
        assert_eq!(header["kid"], key.key_id());
        let mut claims = read(parts[1]);
        let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
        assert!(jti.as_str().unwrap().len() >= 22);
        assert_eq!(
            claims,
            json!({
                "iss": "client",
                "aud": "https://auth.example",
                "iat": 1_000,
                "nbf": 1_000,
                "exp": 1_300,
                "client_id": "client",
                "max_age": 60,
                "resource": ["https://x.example/", "https://y.example/", "https://z.example/"],
                "authorization_details": [{"type": "payment"}],
            })
        );
    }
}
