//! A refused token is replaced, once.

use std::time::Duration;

use crate::check::{Failure, Outcome, equal, kind, refused};
use crate::clauses::every::refuse;
use crate::connected::Connected;
use crate::crowd::Crowd;
use crate::stage::Stage;
use crate::subject::Subject;

/// Where the API refuses a token, another one is fetched and tried; where it refuses that too, no more.
pub(super) async fn replaces_a_refused_token_once<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    let tokens = |numbers: &[u32]| {
        numbers
            .iter()
            .map(|number| format!("token {number}"))
            .collect::<Vec<_>>()
    };

    refuse(&stage, 3); // a client that goes on trying meets a success behind them
    let what = "a call that the API always refuses";
    kind(what, "Refused", &refused(what, it.call().await)?)?;
    equal(
        format!("tokens the API saw of {what}"),
        tokens(&[1, 2]),
        it.borne(&stage),
    )?;
    equal(
        format!("token requests of {what}"),
        2,
        stage.token_requests(),
    )?;
    let what = "a second such call at once";
    kind(what, "Refused", &refused(what, it.call().await)?)?;
    equal(
        format!("tokens the API saw after {what}"),
        tokens(&[1, 2, 2]),
        it.borne(&stage),
    )?;
    equal(
        format!("token requests after {what}"),
        2,
        stage.token_requests(),
    )?;

    stage.advance(Duration::from_secs(60));
    refuse(&stage, 1);
    it.call()
        .await
        .map_err(|error| Failure::from(error).when("a call that is refused once"))?;
    equal(
        "tokens the API saw after a call that is refused once",
        tokens(&[1, 2, 2, 2, 3]),
        it.borne(&stage),
    )?;
    equal(
        "token requests after a call that is refused once",
        3,
        stage.token_requests(),
    )?;

    stage.advance(Duration::from_secs(60));
    stage.server().revoke_access_tokens();
    let crowd = Crowd::gather(40, |_| {
        let it = it.clone();
        async move { it.call().await.map(drop) }
    });
    let crowd = crowd.await?.join().await?;
    it.env.idle().await;
    equal(
        "token requests after 40 calls with a revoked token",
        4,
        stage.token_requests(),
    )?;
    for called in crowd {
        called
            .map_err(|error| Failure::from(error).when("one of 40 calls with a revoked token"))?;
    }
    Ok(())
}
