//! The client credentials grant (RFC 6749 4.4), and how its refusals read.

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::grant::exchange::ACCESS_TOKEN;
use oauth_core::grant::{Grant, TokenExchange};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::Secret;
use serde_json::json;

use crate::django::{
    BASIC, Client, Django, EXCHANGING, MISTAKEN, OUT_OF_SCOPE, POST, RAW_BASIC, declared,
};
use crate::expect::{self, equal, invalid_client, that};
use crate::random;
use crate::trials::django::own;
use crate::world::World;

pub(super) fn suite() -> Suite {
    Suite::own("live/django-oauth-toolkit/client_credentials")
        .trial("basic_carries_an_id_with_a_colon_and_a_space", || {
            brings(&BASIC)
        })
        .trial("post_carries_a_secret_of_every_kind_of_character", || {
            brings(&POST)
        })
        .trial("a_basic_header_that_is_no_form_is_refused", raw_basic)
        .trial("a_wrong_secret_is_the_configurations_fault", wrong_secret)
        .trial("a_scope_it_does_not_have_is_refused", out_of_scope)
        .trial("a_grant_it_does_not_know_is_refused", unknown_grant)
}

async fn brings(client: &'static Client) -> Outcome {
    let oauth = Django::here()?.client(&World::here()?.env()?, client)?;
    let granted = oauth.token(own("read")?).await?;
    equal("the scopes", "read", granted.scopes.to_string().as_str())?;
    let seconds = granted.lifetime.map(|lifetime| lifetime.as_secs());
    equal("its seconds", Some(300), seconds)?;
    equal("a refresh token", false, granted.refresh_token.is_some())
}

/// What makes [`BASIC`]'s trial a proof: this server decodes the halves of the header as forms
/// (RFC 6749 2.3.1).
async fn raw_basic() -> Outcome {
    let (django, env) = (Django::here()?, World::here()?.env()?);
    let raw = declared(json!({"request": {"basic_encoding": "raw"}}))?;
    let server = django.server(&env)?.departing(raw)?;
    let oauth = django.client_of(&env, server, &RAW_BASIC)?;
    invalid_client("a raw header", oauth.token(own("read")?).await)?;
    let oauth = django.client(&World::here()?.env()?, &RAW_BASIC)?;
    oauth.token(own("read")?).await?;
    Ok(())
}

async fn wrong_secret() -> Outcome {
    let (django, env) = (Django::here()?, World::here()?.env()?);
    let wrong = random::text();
    let auth = django.client_auth(&env, &MISTAKEN, &wrong)?;
    let oauth = OAuthClient::new(&env, django.server(&env)?, auth)?;
    let refused = oauth.token(own("read")?).await;
    let error = expect::error("the call", refused, ErrorKind::OAuth, Recovery::FixConfig)?;
    let code = error.oauth().map(|oauth| oauth.code.as_str());
    equal("the code", Some("invalid_client"), code)?;
    let printed = format!("{error} {error:?} {error:#} {oauth:?}");
    that(!printed.contains(&wrong), || "the secret is printed".into())
}

async fn out_of_scope() -> Outcome {
    let oauth = Django::here()?.client(&World::here()?.env()?, &OUT_OF_SCOPE)?;
    refused_with("invalid_scope", &oauth, own("read others")?).await?;
    let granted = oauth.token(own("read write")?).await?;
    equal(
        "the scopes",
        "read write",
        granted.scopes.to_string().as_str(),
    )
}

async fn unknown_grant() -> Outcome {
    let oauth = Django::here()?.client(&World::here()?.env()?, &EXCHANGING)?;
    let subject = oauth.token(own("read")?).await?.access_token;
    let exchange = TokenExchange::new(subject, ACCESS_TOKEN);
    refused_with(
        "unsupported_grant_type",
        &oauth,
        Grant::TokenExchange(exchange),
    )
    .await?;
    let spent = oauth_core::grant::RefreshToken {
        refresh_token: Secret::new(random::text()),
        scopes: oauth_core::token::Scopes::none(),
        granted: None,
        resource: Vec::new(),
    };
    let refused = oauth.token(Grant::RefreshToken(spent)).await;
    let (kind, recovery) = (ErrorKind::OAuth, Recovery::LogInAgain);
    expect::error("a refresh token of nobody", refused, kind, recovery).map(drop)
}

async fn refused_with(code: &str, oauth: &OAuthClient, grant: Grant) -> Result<(), Failure> {
    let refused = oauth.token(grant).await;
    let error = expect::error(code, refused, ErrorKind::OAuth, Recovery::FixConfig)?;
    let seen = error.oauth().map(|oauth| oauth.code.as_str());
    equal("the code", Some(code), seen)
}
