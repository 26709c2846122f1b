//! Proofs of possession (RFC 9449), and what tokens are bound to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::strict::binding::{Binding, Unproven};
use crate::strict::endpoint::Endpoint;
use crate::strict::jwk::{Algorithm, Jwk};
use crate::strict::jwt;
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// How old a proof may be, in seconds.
const OLDEST: i64 = 60;
/// How far ahead of the server's a client's clock may be, in seconds.
const AHEAD: i64 = 5;
/// 96 bits in base64url (RFC 9449 4.2).
const SHORTEST_JTI: usize = 16;

/// The key that the proof of a request was signed with; `None`: it has none. A proof is used up by it.
pub(crate) fn key_of(
    state: &State,
    request: &Request,
    place: Endpoint,
    access_token: Option<&str>,
) -> Result<Option<String>, Unproven> {
    let broken = |rule: &str| Unproven::Broken(format!("the proof is refused: {rule}"));
    let mut proofs = request.headers().get_all("dpop").iter();
    let proof = match (proofs.next(), proofs.next()) {
        (None, _) => return Ok(None),
        (Some(_), Some(_)) => return Err(broken("there are two (RFC 9449 4.3)")),
        (Some(proof), None) => proof.to_str().unwrap_or_default(),
    };
    let decoded = jwt::decode(proof).map_err(|fault| broken(&fault))?;
    let text = |of: &serde_json::Map<String, Value>, name: &str| {
        of.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    if text(&decoded.header, "typ").as_deref() != Some("dpop+jwt") {
        return Err(broken("its typ is not dpop+jwt (RFC 9449 4.2)"));
    }
    if decoded.header.contains_key("crit") {
        return Err(broken("its crit names extensions that nobody here knows"));
    }
    let algorithm = text(&decoded.header, "alg")
        .and_then(|name| Algorithm::by_name(&name))
        .filter(|algorithm| !algorithm.is_symmetric())
        .ok_or_else(|| broken("its alg is no asymmetric one (RFC 9449 4.2)"))?;
    let Some(jwk) = decoded.header.get("jwk").and_then(Value::as_object) else {
        return Err(broken("its header has no jwk (RFC 9449 4.2)"));
    };
    let key = Jwk::read(jwk).map_err(|fault| broken(&format!("its jwk: {fault}")))?;
    decoded
        .check_own(&key, algorithm)
        .map_err(|fault| broken(&fault))?;
    let claims = &decoded.claims;
    if text(claims, "htm").as_deref() != Some(request.method().as_str()) {
        return Err(broken("its htm is not the method (RFC 9449 4.3)"));
    }
    let url = format!("{}{}", state.urls.origin, request.path());
    if text(claims, "htu").as_deref() != Some(&url) {
        return Err(broken(
            "its htu is not the URL without query and fragment (RFC 9449 4.2)",
        ));
    }
    let now = state.clock.now().timestamp();
    let issued_at = claims.get("iat").and_then(Value::as_i64);
    let issued_at = issued_at.ok_or_else(|| broken("its iat is no integer of seconds"))?;
    if !(now - OLDEST..=now + AHEAD).contains(&issued_at) {
        return Err(broken(&format!("its iat is {} s ahead", issued_at - now)));
    }
    let ath = access_token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
    if text(claims, "ath") != ath || claims.contains_key("ath") != ath.is_some() {
        return Err(broken(match ath {
            Some(_) => "its ath is not the hash of the token (RFC 9449 4.3)",
            None => "it has an ath where no token is shown (RFC 9449 4.2)",
        }));
    }
    let jti = text(claims, "jti").filter(|jti| jti.len() >= SHORTEST_JTI);
    let jti = jti.ok_or_else(|| broken("its jti has too few characters for 96 random bits"))?;
    let mut bindings = lock(&state.bindings);
    if !bindings.jtis.insert(jti) {
        return Err(broken("its jti has been seen before (RFC 9449 11.1)"));
    }
    match (bindings.nonce(place), text(claims, "nonce")) {
        (Some(wanted), Some(nonce)) if wanted == nonce => {}
        (Some(_), _) => return Err(Unproven::Nonce),
        (None, _) => {}
    }
    Ok(Some(thumbprint(jwk)))
}

/// RFC 7638 3.
fn thumbprint(jwk: &serde_json::Map<String, Value>) -> String {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    let canonical = match member("kty") {
        "RSA" => format!(
            r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
            member("e"),
            member("n")
        ),
        "EC" => format!(
            r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
            member("crv"),
            member("x"),
            member("y")
        ),
        kty => format!(
            r#"{{"crv":"{}","kty":"{kty}","x":"{}"}}"#,
            member("crv"),
            member("x")
        ),
    };
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
}

/// RFC 8705 3.1.
pub(crate) fn certificate_thumbprint(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(der))
}

/// What the access token in an answer, and the refresh token, are bound to from now on.
pub(crate) fn bind_answer(state: &State, answer: Answer, binding: &Binding) -> Answer {
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else {
        return answer;
    };
    let mut bindings = lock(&state.bindings);
    for name in ["access_token", "refresh_token"] {
        if let Some(token) = body.get(name).and_then(Value::as_str) {
            // a refresh token is bound to the client's authentication, not to its certificate (RFC 8705 7.1)
            let x5t = binding.x5t.clone().filter(|_| name == "access_token");
            let jkt = binding.jkt.clone();
            bindings.bind(token, Binding { jkt, x5t });
        }
    }
    if binding.jkt.is_none() || body.get("access_token").is_none() {
        return answer;
    }
    body["token_type"] = "DPoP".into();
    let bound = Answer::json(answer.status.as_u16(), &body);
    Answer {
        body: bound.body,
        ..answer
    }
}
