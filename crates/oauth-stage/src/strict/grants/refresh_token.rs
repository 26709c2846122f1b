//! The refresh token grant (RFC 6749 6, RFC 9700 4.14.2).

use std::sync::Arc;

use crate::strict::client::Registration;
use crate::strict::grants::{self, Commit};
use crate::strict::ledger::{Dead, Granted};
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{INVALID_GRANT, Refusal};
use crate::strict::state::State;
use crate::sync::lock;

pub(crate) fn prepare(
    state: &Arc<State>,
    registration: &Registration,
    parameters: &Parameters,
) -> Result<Commit, Refusal> {
    let token = parameters.require("refresh_token")?.to_owned();
    let client_id = registration.client.id.clone();
    let granted = lock(&state.ledger)
        .refresh(&token)
        .map(|(granted, _)| granted.clone());
    let granted = granted
        .filter(|granted| granted.client_id == client_id)
        .ok_or_else(unknown)?;
    let scope = grants::scope(
        parameters,
        granted.scope.split(' ').filter(|one| !one.is_empty()),
    )?;
    let granted = Granted { client_id, scope };
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        let (rotation, now) = (state.settings().rotation, state.clock.now());
        let spent = lock(&state.ledger).spend(&token, rotation, now);
        let refreshed = spent.map_err(|dead| match dead {
            Dead::Unknown => unknown(),
            Dead::Reused => Refusal::violation(
                INVALID_GRANT,
                "a spent refresh token came again after its grace: the family is revoked (RFC 9700 4.14.2)",
            ),
        })?;
        Ok(grants::issue(
            &state,
            granted,
            Some(refreshed.family),
            refreshed.successor,
        ))
    }))
}

fn unknown() -> Refusal {
    Refusal::new(
        INVALID_GRANT,
        "the refresh token is unknown, revoked, or another client's",
    )
}
