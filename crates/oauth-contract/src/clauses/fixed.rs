//! A token that somebody else made.

use crate::check::{Outcome, equal};
use crate::connected::Connected;
use crate::stage::Stage;
use crate::subject::Subject;

/// A new token where the configuration points is borne by the next call, without a restart.
pub(super) async fn takes_a_changed_token_at_once<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    it.call().await?;
    stage.server().revoke_access_tokens();
    let token = stage.change_access_token();
    it.call().await?;
    equal(
        "the token after the change",
        Some(stage.name_of(&token)),
        it.borne(&stage).pop(),
    )?;
    equal("requests of the API", 2, stage.api_calls())?;
    equal("token requests", 0, stage.token_requests())
}
