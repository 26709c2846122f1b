//! Refresh tokens, which are kept, replaced and lost (RFC 6749 6, RFC 9700 4.14.2).

use std::time::Duration;

use oauth_core::secret::Secret;
use oauth_core::token::GrantedToken;
use oauth_stage::{Answer, Endpoint, Rotation};
use serde_json::json;

use crate::check::{Failure, Outcome, equal, kind, one_line, recovery, refused, that};
use crate::connected::Connected;
use crate::stage::{AFTER_THE_END, LIFETIME, Stage};
use crate::subject::Subject;

/// The refresh tokens that were sent, in order.
fn sent(stage: &Stage) -> Vec<String> {
    let requests = stage.exchanges(Endpoint::Token);
    requests
        .iter()
        .filter_map(|request| request.parameter("refresh_token"))
        .collect()
}

/// An answer without a refresh token leaves the former in force (RFC 6749 6).
pub(super) async fn keeps_the_refresh_token_that_was_not_replaced<S: Subject>(
    stage: Stage,
) -> Outcome {
    stage.server().set_rotation(Rotation::Keep);
    let it = Connected::<S>::to(&stage)?;
    for number in 1..=3 {
        it.call()
            .await
            .map_err(|error| Failure::from(error).when(format!("renewal {number}")))?;
        stage.advance(AFTER_THE_END);
    }
    let sent = sent(&stage);
    equal("renewals", 3, sent.len())?;
    that(sent.iter().all(|token| *token == stage.seed()), || {
        "a renewal was made with another refresh token than the one that is in force".into()
    })
}

/// Where each answer brings a successor, each is used once, and never a spent one.
pub(super) async fn uses_each_refresh_token_once<S: Subject>(stage: Stage) -> Outcome {
    const RENEWALS: usize = 20;
    stage.server().set_rotation(Rotation::Rotate {
        grace: Duration::ZERO,
    });
    let it = Connected::<S>::to(&stage)?;
    for number in 1..=RENEWALS {
        it.call()
            .await
            .map_err(|error| Failure::from(error).when(format!("renewal {number}")))?;
        stage.advance(AFTER_THE_END);
    }
    let requests = stage.exchanges(Endpoint::Token);
    equal("renewals", RENEWALS, requests.len())?;
    let mut valid = stage.seed();
    for (number, request) in requests.iter().enumerate() {
        that(
            request.parameter("refresh_token").as_ref() == Some(&valid),
            || {
                format!(
                    "renewal {} was not made with the refresh token that the one before it brought",
                    number + 1
                )
            },
        )?;
        let answer = request.answer_json().unwrap_or_default();
        valid = answer["refresh_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
    }
    equal(
        "spent refresh tokens that were sent again",
        0,
        stage.server().reuse_detected(),
    )?;
    equal("violations", Vec::new(), stage.server().violations())
}

/// What a login brought takes the place of what there was, without a request.
pub(super) async fn adopts_a_token_granted_elsewhere<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    it.call().await?;
    let (access, refresh) = (stage.another_access_token(), stage.another_refresh_token());
    let granted = GrantedToken::access_token(Secret::new(access.as_str()), Some(LIFETIME));
    it.bare()
        .adopt(granted.with_refresh_token(Secret::new(refresh.as_str())))
        .await?;
    it.call().await?;
    equal(
        "the token after the login",
        Some(stage.name_of(&access)),
        it.borne(&stage).pop(),
    )?;
    equal("token requests after the login", 1, stage.token_requests())?;

    stage.advance(AFTER_THE_END);
    it.call().await?;
    equal(
        "token requests after the adopted token's end",
        2,
        stage.token_requests(),
    )?;
    that(sent(&stage).last() == Some(&refresh), || {
        "the adopted token was not renewed with the refresh token that came with it".into()
    })
}

/// A grant that has ended is reported as such, asked about no more, and mended by a new login.
pub(super) async fn asks_to_log_in_again_when_the_grant_has_ended<S: Subject>(
    stage: Stage,
) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    let ended = json!({"error": "invalid_grant", "error_description": "the user has revoked it"});
    stage
        .server()
        .answer_always(Endpoint::Token, Some(Answer::json(400, &ended)));
    for (when, wait) in [
        ("at first", 0),
        ("at once", 0),
        ("a minute later", 60),
        ("a day later", 86_400),
    ] {
        stage.advance(Duration::from_secs(wait));
        let what = format!("a call {when}, with a grant that has ended");
        let error = refused(&what, it.call().await)?;
        kind(&what, "LoggedOut", &error)?;
        recovery(&what, &["LogInAgain"], &error)?;
        one_line(&what, &error.to_string())?;
        equal(
            format!("token requests after {what}"),
            1,
            stage.token_requests(),
        )?;
    }
    equal("requests of the API without a token", 0, stage.api_calls())?;

    stage.server().answer_always(Endpoint::Token, None);
    let refresh = stage.another_refresh_token();
    it.bare()
        .adopt(GrantedToken::refresh_token(Secret::new(refresh)))
        .await?;
    it.call()
        .await
        .map_err(|error| Failure::from(error).when("a call after the new login"))?;
    equal(
        "token requests after the new login",
        2,
        stage.token_requests(),
    )
}
