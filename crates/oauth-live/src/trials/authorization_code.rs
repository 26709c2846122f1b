//! The authorization code flow (RFC 6749 4.1, RFC 7636), with somebody who logs in.

mod answers;
mod bound;
mod id_tokens;
mod requests;

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::authorize::{AuthorizationRequest, LoopbackListener, LoopbackSettings};
use oauth_core::error::{Error, Recovery};
use oauth_core::oauth_client::Redeemed;
use reqwest::header::CACHE_CONTROL;
use tokio::sync::oneshot;
use url::Url;

use crate::expect::{equal, oauth, some, that};
use crate::registration::users::{BASIC, NATIVE, NATIVE_DENIED, PUBLIC, SIGNING};
use crate::registration::{Client, ITEMS};
use crate::user::{Program, asking, parsed};

pub(super) fn suite() -> Suite {
    let suite = Suite::own("live/oidc-provider/authorization_code")
        .trial(
            "pkce_alone_brings_a_public_client_a_token_that_the_api_takes",
            || brings_a_token(&PUBLIC),
        )
        .trial("basic_brings_a_token_that_the_api_takes", || {
            brings_a_token(&BASIC)
        })
        .trial("private_key_jwt_brings_a_token_that_the_api_takes", || {
            brings_a_token(&SIGNING)
        })
        .trial("a_listener_on_loopback_takes_the_answer", loopback)
        .trial("a_listener_on_loopback_takes_a_refusal", loopback_denied);
    bound::trials(requests::trials(id_tokens::trials(answers::trials(suite))))
}

async fn brings_a_token(client: &'static Client) -> Outcome {
    let program = Program::new(client)?;
    let redeemed = program.logged_in(&asking(ITEMS)?).await?;
    equal("the ID token", false, redeemed.id_token.is_some())?;
    equal(
        "the refresh token",
        true,
        redeemed.tokens.refresh_token.is_some(),
    )?;
    equal(
        "the scopes",
        ITEMS.to_owned(),
        redeemed.tokens.scopes.to_string(),
    )?;
    equal(
        "the API's answer",
        200,
        program.item(redeemed.tokens).await?,
    )
}

/// As a program on the user's machine does it, whose port is any that is free (RFC 8252 7.3).
async fn loopback() -> Outcome {
    let program = Program::new(&NATIVE)?;
    let redeemed = at_loopback(&program, "somebody").await?;
    equal(
        "the API's answer",
        200,
        program.item(redeemed?.tokens).await?,
    )
}

async fn loopback_denied() -> Outcome {
    let program = Program::new(&NATIVE_DENIED)?;
    let redeemed = at_loopback(&program, "nobody").await?;
    oauth("the login", redeemed, "access_denied", Recovery::LogInAgain)
}

/// What comes of a login whose answer comes to a listener; somebody is shown a page, whatever it is.
async fn at_loopback(program: &Program, who: &str) -> Result<Result<Redeemed, Error>, Failure> {
    let listener = LoopbackListener::bind(LoopbackSettings::default()).await?;
    let request = AuthorizationRequest::new(listener.redirect_uri());
    let request = request.scopes(parsed(ITEMS)?).login_hint(who);
    let (open, opened) = oneshot::channel();
    let log_in = async {
        let show = |url: &Url| drop(open.send(url.clone()));
        Ok(program.oauth.log_in(listener, &request, show).await)
    };
    let browse = async {
        let Ok(url) = opened.await else {
            return Ok(None); // the login says why
        };
        let came = program.sent_back(&url).await?;
        taken(&came).await.map(Some)
    };
    let (redeemed, caching) = tokio::try_join!(log_in, browse)?;
    let caching = some("the page", caching)?;
    that(caching.contains("no-store"), || {
        format!("the page may be kept: {caching}")
    })?;
    Ok(redeemed)
}

/// How long a browser may keep what it is answered on loopback, which has no TLS.
async fn taken(url: &Url) -> Result<String, Failure> {
    let broken = |error: reqwest::Error| Failure::new(error.without_url().to_string());
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .map_err(broken)?;
    let answer = http.get(url.clone()).send().await.map_err(broken)?;
    let caching = answer.headers().get(CACHE_CONTROL);
    let caching = caching.and_then(|value| value.to_str().ok());
    Ok(caching.unwrap_or_default().to_owned())
}
