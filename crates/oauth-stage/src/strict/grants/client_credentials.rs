//! The client credentials grant (RFC 6749 4.4).

use std::sync::Arc;

use crate::strict::client::{Authentication, Registration};
use crate::strict::grants::{self, Commit};
use crate::strict::ledger::Granted;
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{Refusal, UNAUTHORIZED_CLIENT};
use crate::strict::state::State;

pub(crate) fn prepare(
    state: &Arc<State>,
    registration: &Registration,
    parameters: &Parameters,
) -> Result<Commit, Refusal> {
    let client = &registration.client;
    if matches!(client.authentication, Authentication::None) {
        let rule = "client_credentials is for confidential clients only (RFC 6749 4.4)";
        return Err(Refusal::violation(UNAUTHORIZED_CLIENT, rule));
    }
    let scope = grants::scope(parameters, client.scopes.iter().map(String::as_str))?;
    let granted = Granted {
        client_id: client.id.clone(),
        scope,
    };
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        Ok(grants::issue(&state, granted, None, None))
    }))
}
