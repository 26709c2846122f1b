//! What a connection tells of itself, and what it does unasked.

use std::time::Duration;

use oauth_core::ConnectionState as State;
use oauth_stage::{Answer, Endpoint};
use serde_json::json;

use crate::check::{Failure, Outcome, comes, equal, refused};
use crate::connected::Connected;
use crate::stage::{IN_THE_MARGIN, LIFETIME, Stage};
use crate::subject::Subject;

/// Healthy, then stale, then misconfigured or backing off, each with its cause; and healthy again.
pub(super) async fn tells_its_state<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    let state = || it.bare().status().state;
    equal("the state before the first call", State::Healthy, state())?;
    it.call().await?;
    equal("the state with a token", State::Healthy, state())?;
    let mut changes = it.bare().subscribe();

    let busy = Answer::status(503).header("retry-after", "20");
    stage.server().answer_always(Endpoint::Token, Some(busy));
    stage.advance(IN_THE_MARGIN);
    it.call().await?;
    it.env.idle().await;
    let seen = comes("a change of the state", changes.next()).await?;
    let seen = seen.map(|status| status.state);
    equal(
        "what a subscriber was told last",
        Some(State::ServingStale),
        seen,
    )?;
    equal(
        "the state after a renewal failed",
        State::ServingStale,
        state(),
    )?;
    stage.advance(LIFETIME - IN_THE_MARGIN);
    let what = "a call after the token's end";
    let error = refused(what, it.call().await)?;
    let status = it.bare().status();
    equal("the state after its end", State::BackingOff, status.state)?;
    let why = status.why.map(|why| why.kind().name());
    equal("its cause", Some(error.kind().name()), why)?;

    let refusal = Answer::json(401, &json!({"error": "invalid_client"}));
    stage.server().answer_always(Endpoint::Token, Some(refusal));
    stage.advance(Duration::from_secs(600));
    refused("a call that is refused", it.call().await)?;
    equal("the state after a refusal", State::Misconfigured, state())?;
    stage.server().answer_always(Endpoint::Token, None);
    stage.advance(Duration::from_secs(600));
    it.call()
        .await
        .map_err(|error| Failure::from(error).when("a call when the server is well again"))?;
    equal("the state at the end", State::Healthy, state())
}

/// A token in use is renewed within its margin although nobody asks then.
pub(super) async fn renews_what_is_in_use_unasked<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    it.call().await?;
    let asked = stage.token_requests();
    stage.advance(IN_THE_MARGIN);
    let renewal = stage.server().wait_for(Endpoint::Token, asked + 1);
    comes("the renewal that nobody asked for", renewal).await?;
    it.env.idle().await;
    equal("token requests", asked + 1, stage.token_requests())
}
