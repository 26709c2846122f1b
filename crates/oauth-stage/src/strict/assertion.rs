//! Client assertions: `private_key_jwt` and `client_secret_jwt` (RFC 7523, OpenID Connect Core 9,
//! SMART App Launch: asymmetric client authentication).

use std::sync::Arc;

use serde_json::Value;

use crate::strict::client::{Authentication, Registration};
use crate::strict::jwt::{self, Decoded};
use crate::strict::refusal::{INVALID_CLIENT, Refusal};
use crate::strict::settings::AudiencePolicy;
use crate::strict::state::State;

/// The longest time from now to `exp`, in seconds (SMART App Launch).
const LONGEST: i64 = 300;
/// How far ahead of the server's a client's clock may be at `iat`, in seconds.
const SKEW: i64 = 5;
/// 128 bits in base64url.
const SHORTEST_JTI: usize = 22;

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
    let decoded = jwt::decode(assertion).map_err(refuse)?;
    let issuer = decoded.text("iss").map_err(refuse)?;
    let subject = decoded.text("sub").map_err(refuse)?;
    if let Some(registration) = state.client(subject)
        && let Authentication::Federated { issuer: own, .. } = &registration.client.authentication
        && own == issuer
    {
        let allowed = registration.client.authentication.algorithms();
        let signature = decoded.check_key(&registration.keys, allowed);
        signature
            .and_then(|()| check_audience(&decoded, state))
            .map_err(refuse)?;
        return Ok(registration);
    }
    if subject != issuer {
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
    check_claims(&decoded, state, LONGEST).map_err(refuse)?;
    let jti = decoded.text("jti").map_err(refuse)?;
    if !state.spend_jti(issuer, jti) {
        return Err(refuse(
            "replay: its jti has been seen before (RFC 7523 3)".to_owned(),
        ));
    }
    Ok(registration)
}

/// Whether its times, its audience and its name are right (RFC 7523 3), and it lives no longer than that
/// many seconds.
pub(crate) fn check_claims(assertion: &Decoded, state: &State, longest: i64) -> Result<(), String> {
    check_audience(assertion, state)?;
    let now = state.clock.now().timestamp();
    let exp = assertion.seconds("exp")?;
    if exp <= now {
        return Err(format!("it expired {} s ago (RFC 7523 3)", now - exp));
    }
    if exp - now > longest {
        return Err(format!(
            "its exp is {} s ahead, more than {longest} (SMART App Launch); is it in seconds?",
            exp - now
        ));
    }
    let iat = assertion.seconds("iat")?;
    if iat > now.saturating_add(SKEW) {
        return Err(format!("its iat is {} s ahead", iat - now));
    }
    if assertion.claims.contains_key("nbf") && assertion.seconds("nbf")? > now {
        return Err("its nbf is in the future (RFC 7523 3)".to_owned());
    }
    let jti = assertion.text("jti")?;
    if jti.len() < SHORTEST_JTI || !jti.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "its jti has {} characters: too few for 128 random bits",
            jti.len()
        ));
    }
    Ok(())
}

fn check_audience(assertion: &Decoded, state: &State) -> Result<(), String> {
    let audience = match assertion.claims.get("aud") {
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
