//! A token's end is met before it comes.

use oauth_stage::Endpoint;

use crate::check::{Failure, Outcome, comes, equal};
use crate::connected::Connected;
use crate::stage::{AFTER_THE_END, IN_THE_MARGIN, LIFETIME, Stage};
use crate::subject::Subject;

/// Ahead of its end a token is served once more while another one is fetched; after its end, never.
pub(super) async fn renews_before_expiry<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    let early = LIFETIME / 4;
    let mut seen = Vec::new();
    for (moment, wait, expected, requests) in [
        ("at first", std::time::Duration::ZERO, "token 1", 1),
        ("after a quarter of the lifetime", early, "token 1", 1),
        ("inside the margin", IN_THE_MARGIN - early, "token 1", 2),
        ("after the renewal", std::time::Duration::ZERO, "token 2", 2),
        ("after the end", AFTER_THE_END, "token 3", 3),
    ] {
        stage.advance(wait);
        it.call()
            .await
            .map_err(|error| Failure::from(error).when(moment))?;
        it.env.idle().await;
        equal(
            format!("token requests {moment}"),
            requests,
            stage.token_requests(),
        )?;
        seen.push(expected.to_owned());
        equal(
            format!("tokens the API saw, {moment}"),
            seen.clone(),
            it.borne(&stage),
        )?;
    }
    Ok(())
}

/// While the token endpoint does not answer, calls go on with the live token and wait for nothing.
pub(super) async fn serves_while_it_renews<S: Subject>(stage: Stage) -> Outcome {
    const CALLS: usize = 100;
    let it = Connected::<S>::to(&stage)?;
    it.call().await?;
    stage.advance(IN_THE_MARGIN);
    let hold = stage.server().hold(Endpoint::Token);
    for number in 1..=CALLS {
        let what = format!("call {number} returning while the token endpoint is held");
        comes(what, it.call()).await??;
    }
    comes("the renewal reaching the token endpoint", hold.arrived(1)).await?;
    equal(
        "tokens the API saw meanwhile",
        vec!["token 1".to_owned(); CALLS + 1],
        it.borne(&stage),
    )?;
    hold.release();
    it.env.idle().await;
    equal("token requests", 2, stage.token_requests())?;
    it.call().await?;
    equal(
        "the token after the renewal",
        Some("token 2".to_owned()),
        it.borne(&stage).pop(),
    )?;
    equal("token requests at the end", 2, stage.token_requests())
}
