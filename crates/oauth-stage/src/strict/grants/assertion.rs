//! Grants that are an assertion: JWT bearer (RFC 7523 2.1) and SAML bearer (RFC 7522 2.1).

use std::sync::Arc;

use crate::strict::client::Registration;
use crate::strict::grants::{self, Commit};
use crate::strict::ledger::Granted;
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{INVALID_GRANT, Refusal};
use crate::strict::state::State;
use crate::strict::trust::{Doubt, check_jwt, check_saml, spend_saml};

pub(crate) fn prepare_jwt(
    state: &Arc<State>,
    registration: &Registration,
    parameters: &Parameters,
) -> Result<Commit, Refusal> {
    let granted = granted(registration, parameters)?;
    check_jwt(state, parameters.require("assertion")?).map_err(refuse)?;
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        Ok(grants::issue(&state, granted, None, None))
    }))
}

pub(crate) fn prepare_saml(
    state: &Arc<State>,
    registration: &Registration,
    parameters: &Parameters,
) -> Result<Commit, Refusal> {
    let granted = granted(registration, parameters)?;
    let text = check_saml(state, parameters.require("assertion")?).map_err(refuse)?;
    let state = Arc::clone(state);
    Ok(Box::new(move || match spend_saml(&state, &text) {
        true => Ok(grants::issue(&state, granted, None, None)),
        false => Err(refuse(Doubt::Broken(
            "replay: it has been used before (RFC 7522 3)".to_owned(),
        ))),
    }))
}

fn granted(registration: &Registration, parameters: &Parameters) -> Result<Granted, Refusal> {
    grants::check_targets(parameters)?;
    let client = &registration.client;
    Ok(Granted {
        client_id: client.id.clone(),
        scope: grants::scope(parameters, client.scopes.iter().map(String::as_str))?,
    })
}

fn refuse(doubt: Doubt) -> Refusal {
    match doubt {
        Doubt::Stranger(why) => {
            Refusal::new(INVALID_GRANT, format!("the assertion is refused: {why}"))
        }
        Doubt::Broken(rule) => {
            Refusal::violation(INVALID_GRANT, format!("the assertion is refused: {rule}"))
        }
    }
}
