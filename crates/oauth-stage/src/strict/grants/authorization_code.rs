//! The authorization code grant (RFC 6749 4.1.3, RFC 7636 4.5).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::strict::client::Registration;
use crate::strict::codes::NoCode;
use crate::strict::grants::{self, Commit};
use crate::strict::ledger::Granted;
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{INVALID_GRANT, Refusal};
use crate::strict::state::State;
use crate::sync::lock;

pub(crate) fn prepare(
    state: &Arc<State>,
    registration: &Registration,
    parameters: &Parameters,
) -> Result<Commit, Refusal> {
    let code = parameters.require("code")?.to_owned();
    let verifier = parameters.require("code_verifier")?;
    let redirect_uri = parameters.require("redirect_uri")?;
    let now = state.clock.now();
    let found = lock(&state.codes).find(&code, now).cloned();
    let authorized = found.map_err(|fault| refuse(state, &fault))?;
    let is_verifier = (43..=128).contains(&verifier.len())
        && verifier
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if !is_verifier {
        return Err(Refusal::violation(
            INVALID_GRANT,
            "code_verifier is none (RFC 7636 4.1)",
        ));
    }
    if URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) != authorized.challenge {
        return Err(Refusal::violation(
            INVALID_GRANT,
            "code_verifier is another one (RFC 7636 4.6)",
        ));
    }
    if authorized.redirect_uri != redirect_uri {
        let rule = "redirect_uri is not the one of the authorization request (RFC 6749 4.1.3)";
        return Err(Refusal::violation(INVALID_GRANT, rule));
    }
    if authorized.client_id != registration.client.id {
        return Err(Refusal::violation(
            INVALID_GRANT,
            "the code is another client's (RFC 6749 4.1.3)",
        ));
    }
    let granted = Granted {
        client_id: authorized.client_id,
        scope: authorized.scope,
    };
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        // looked at again: two requests may have been checked at once
        let found = lock(&state.codes).find(&code, now).map(|_| ());
        found.map_err(|fault| refuse(&state, &fault))?;
        let (refresh_token, family) = {
            let mut ledger = lock(&state.ledger);
            let refresh_token = ledger.begin_family(granted.clone());
            let family = ledger.refresh(&refresh_token).map(|(_, family)| family);
            (refresh_token, family)
        };
        if let Some(family) = family {
            lock(&state.codes).redeem(&code, family);
        }
        Ok(grants::issue(&state, granted, family, Some(refresh_token)))
    }))
}

/// A code that comes twice costs what the first one brought (RFC 6749 4.1.2, RFC 9700 4.5.3.1).
fn refuse(state: &State, fault: &NoCode) -> Refusal {
    match fault {
        NoCode::Unknown => Refusal::new(INVALID_GRANT, "the code is unknown or has expired"),
        NoCode::Spent(family) => {
            lock(&state.ledger).revoke_family(*family, state.clock.now());
            Refusal::violation(INVALID_GRANT, "the code came twice (RFC 6749 4.1.2)")
        }
    }
}
