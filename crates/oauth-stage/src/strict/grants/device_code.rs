//! The grant of a login on another device (RFC 8628 3.4).

use std::sync::Arc;

use crate::strict::client::Registration;
use crate::strict::grants::{self, Commit};
use crate::strict::parameters::Parameters;
use crate::strict::refusal::Refusal;
use crate::strict::state::State;
use crate::sync::lock;

pub(super) fn prepare(
    state: &Arc<State>,
    registration: &Registration,
    parameters: &Parameters,
) -> Result<Commit, Refusal> {
    let code = parameters.require("device_code")?.to_owned();
    let client_id = registration.client.id.clone();
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        let granted = lock(&state.devices).poll(&code, &client_id, state.clock.now())?;
        let (refresh_token, family) = {
            let mut ledger = lock(&state.ledger);
            let refresh_token = ledger.begin_family(granted.clone());
            let family = ledger.refresh(&refresh_token).map(|(_, family)| family);
            (refresh_token, family)
        };
        Ok(grants::issue(&state, granted, family, Some(refresh_token)))
    }))
}
