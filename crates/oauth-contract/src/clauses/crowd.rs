//! Many callers, one token request.

use oauth_core::error::Error;
use oauth_stage::{Answer, Endpoint, Hold};
use serde_json::json;

use crate::check::{Failure, Outcome, comes, equal, kind, refused, that};
use crate::connected::Connected;
use crate::crowd::Crowd;
use crate::stage::Stage;
use crate::subject::Subject;

/// How many wait for one token.
const CROWD: usize = 1000;
/// One in so many makes the whole call instead of only waiting for the token.
const CALLERS: usize = 50;

/// Begins a call, gathers a crowd that waits for the same token, and drops the caller that began. What
/// the crowd gets comes when the hold is released.
async fn gather<S: Subject>(
    it: &Connected<S>,
    hold: &Hold,
) -> Result<Crowd<Result<String, Error>>, Failure> {
    let first = it.clone();
    let first = tokio::spawn(async move { first.call().await.map(drop) });
    comes("the first token request", hold.arrived(1)).await?;
    let crowd = Crowd::gather(CROWD, |number| {
        let it = it.clone();
        async move {
            if number.is_multiple_of(CALLERS) {
                it.call().await?;
            }
            it.token()
                .await
                .map(|token| token.access_token().expose().to_owned())
        }
    })
    .await?;
    first.abort();
    let ended = first.await;
    that(ended.is_err_and(|error| error.is_cancelled()), || {
        "the first caller was answered while the token endpoint was held".into()
    })?;
    Ok(crowd)
}

/// A thousand tasks on two threads get one token, although the one that began was dropped.
pub(super) async fn a_crowd_makes_one_token_request<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    let hold = stage.server().hold(Endpoint::Token);
    let crowd = gather(&it, &hold).await?;
    hold.release();
    let crowd = crowd.join().await?;
    it.env.idle().await;
    equal(
        format!("token requests of {CROWD} tasks"),
        1,
        stage.token_requests(),
    )?;
    for brought in crowd {
        equal(
            "the token one of the crowd got",
            "token 1".to_owned(),
            stage.name_of(&brought?),
        )?;
    }
    equal("tokens issued", 1, stage.server().tokens_issued())?;
    equal(
        "requests of the API",
        CROWD.div_ceil(CALLERS),
        stage.api_calls(),
    )
}

/// A thousand tasks share one failure, and so do those that come in the time after it.
pub(super) async fn a_crowd_shares_one_failure<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    let refusal = json!({"error": "invalid_client", "error_description": "no such client"});
    stage
        .server()
        .answer_always(Endpoint::Token, Some(Answer::json(401, &refusal)));
    let hold = stage.server().hold(Endpoint::Token);
    let crowd = gather(&it, &hold).await?;
    hold.release();
    let crowd = crowd.join().await?;
    it.env.idle().await;
    equal(
        format!("token requests of {CROWD} tasks"),
        1,
        stage.token_requests(),
    )?;
    let mut texts = Vec::new();
    for brought in crowd {
        let error = refused("one of the crowd", brought)?;
        kind("one of the crowd", "OAuth", &error)?;
        texts.push(error.to_string());
    }
    let late = refused("a call just after the failure", it.call().await)?;
    texts.push(late.to_string());
    texts.dedup();
    equal("different errors of one failure", 1, texts.len())?;
    equal(
        "token requests after a call just after the failure",
        1,
        stage.token_requests(),
    )?;
    equal("requests of the API without a token", 0, stage.api_calls())?;

    stage.server().answer_always(Endpoint::Token, None);
    stage.advance(std::time::Duration::from_secs(600));
    it.call()
        .await
        .map_err(|error| Failure::from(error).when("a call ten minutes after the failure"))?;
    equal(
        "token requests after a call ten minutes later",
        2,
        stage.token_requests(),
    )
}

/// The only caller goes away while its token is asked for: the token is kept for the next one.
pub(super) async fn a_dropped_caller_cancels_nothing<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    let hold = stage.server().hold(Endpoint::Token);
    let only = it.clone();
    let only = tokio::spawn(async move { only.call().await.map(drop) });
    comes("the token request", hold.arrived(1)).await?;
    only.abort();
    that(only.await.is_err_and(|error| error.is_cancelled()), || {
        "the caller was answered while the token endpoint was held".into()
    })?;
    hold.release();
    it.env.idle().await;
    it.call().await?;
    let requests = stage.exchanges(Endpoint::Token);
    let abandoned = requests
        .iter()
        .filter(|request| request.is_abandoned())
        .count();
    equal("token requests that were given up", 0, abandoned)?;
    equal("token requests", 1, requests.len())
}
