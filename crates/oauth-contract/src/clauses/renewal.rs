//! What a renewal may take away, and what it brings late.

use std::time::Duration;

use oauth_stage::{Answer, Endpoint};
use serde_json::json;

use crate::check::{Failure, Outcome, comes, equal, kind, recovery, refused, that};
use crate::connected::Connected;
use crate::stage::{IN_THE_MARGIN, LIFETIME, Stage};
use crate::subject::Subject;

/// A renewal that fails takes nothing away: the token is served to its end, and only then the error.
pub(super) async fn keeps_a_live_token_when_renewal_fails<S: Subject>(stage: Stage) -> Outcome {
    let refusal = json!({"error": "invalid_client"});
    for (failure, answer) in [
        ("OAuth", Answer::json(401, &refusal)),
        ("Throttled", Answer::status(503).header("retry-after", "20")),
    ] {
        let it = Connected::<S>::to(&stage)?;
        it.call().await?;
        let (served, asked) = (it.borne(&stage).pop(), stage.token_requests());
        stage.server().answer_always(Endpoint::Token, Some(answer));
        stage.advance(IN_THE_MARGIN);
        for number in 1..=5 {
            let what = format!("call {number} after a renewal failed ({failure})");
            it.call()
                .await
                .map_err(|error| Failure::from(error).when(&what))?;
            it.env.idle().await;
            equal(
                format!("the token of {what}"),
                &served,
                &it.borne(&stage).pop(),
            )?;
            that(stage.token_requests() > asked, || {
                format!("{what}: no renewal was tried")
            })?;
        }
        stage.advance(LIFETIME - IN_THE_MARGIN);
        let calls = stage.api_calls();
        let what = format!("a call after the token's end, with a renewal that fails ({failure})");
        kind(&what, failure, &refused(&what, it.call().await)?)?;
        equal(
            format!("requests of the API by {what}"),
            calls,
            stage.api_calls(),
        )?;

        stage.server().answer_always(Endpoint::Token, None);
        stage.advance(Duration::from_secs(600));
        it.call()
            .await
            .map_err(|error| Failure::from(error).when("a call when the server is well again"))?;
    }
    Ok(())
}

/// The caller's deadline passes while the answer is on its way: what it brings is kept for the next.
pub(super) async fn a_late_answer_is_kept<S: Subject>(stage: Stage) -> Outcome {
    let mut settings = stage.settings();
    settings.overall_timeout = Duration::from_millis(50);
    let it = Connected::<S>::within(&stage.env_of(settings)?, &stage)?;
    let hold = stage.server().hold_answer(Endpoint::Token);
    let what = "a call whose token comes after its deadline";
    let error = refused(what, comes(what, it.call()).await?)?;
    kind(what, "Timeout", &error)?;
    recovery(what, &["Retry"], &error)?;
    comes("the token request being answered", hold.arrived(1)).await?;
    hold.release();
    it.env.idle().await;
    it.call()
        .await
        .map_err(|error| Failure::from(error).when("a call after the late answer"))?;
    equal(
        "the token it bears",
        vec!["token 1".to_owned()],
        it.borne(&stage),
    )?;
    equal("token requests", 1, stage.token_requests())
}

/// Connections that are the same share a token; those of another client do not.
pub(super) async fn shares_no_token<S: Subject>(stage: Stage) -> Outcome {
    let env = stage.env()?;
    let first = Connected::<S>::within(&env, &stage)?;
    let same = Connected::<S>::within(&env, &stage)?;
    let other = Connected::<S>::within(&env, &stage.as_client("another-client"))?;
    let mut seen = Vec::new();
    for (who, connected, token, requests) in [
        ("the first connection", &first, "token 1", 1),
        ("one with the same config", &same, "token 1", 1),
        ("one of another client", &other, "token 2", 2),
        ("the first connection again", &first, "token 1", 2),
    ] {
        connected
            .call()
            .await
            .map_err(|error| Failure::from(error).when(who))?;
        seen.push(token.to_owned());
        equal(
            format!("tokens the API saw after {who}"),
            seen.clone(),
            connected.borne(&stage),
        )?;
        equal(
            format!("token requests after {who}"),
            requests,
            stage.token_requests(),
        )?;
    }
    Ok(())
}
