//! What becomes of a token: introspection (RFC 7662), revocation (RFC 7009), and an API.

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::client::AuthorizedClient;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::grant::ClientCredentials;
use oauth_core::oauth_client::{OAuthClient, TokenHint};
use oauth_core::secret::Secret;
use oauth_core::server::{ResourceDepartures, ResourceServer};
use oauth_core::source::RenewingToken;
use serde_json::{Value, json};

use crate::django::{
    ASKING_WRONGLY, CALLING, CALLING_STRICTLY, Client, Django, INTROSPECTING, REVOKING,
};
use crate::expect::{self, equal, some};
use crate::random;
use crate::trials::django::{own, scopes};
use crate::world::World;

pub(super) fn introspection() -> Suite {
    Suite::own("live/django-oauth-toolkit/introspection")
        .trial("tells_whose_token_it_is_and_until_when", told)
        .trial("a_token_of_nobody_is_not_active", unknown)
        .trial(
            "an_empty_403_to_a_wrong_secret_is_the_configurations_fault",
            wrong_secret,
        )
}

pub(super) fn revocation() -> Suite {
    Suite::own("live/django-oauth-toolkit/revocation")
        .trial("a_revoked_token_is_not_active_any_more", revoked)
}

pub(super) fn resource_server() -> Suite {
    Suite::own("live/django-oauth-toolkit/resource_server")
        .trial("an_empty_403_is_the_callers_to_read", undeclared)
        .trial(
            "a_dead_token_is_replaced_once_where_403_is_declared",
            replaced,
        )
}

async fn told() -> Outcome {
    let oauth = Django::here()?.client(&World::here()?.env()?, &INTROSPECTING)?;
    let token = oauth.token(own("read write")?).await?.access_token;
    let active = some("what it says", oauth.introspect(&token, None).await?)?;
    equal(
        "the scopes",
        "read write",
        active.scopes.to_string().as_str(),
    )?;
    equal(
        "the client",
        Some(INTROSPECTING.id),
        active.client_id.as_deref(),
    )?;
    some("its end", active.expires_at).map(drop)
}

async fn unknown() -> Outcome {
    let oauth = Django::here()?.client(&World::here()?.env()?, &INTROSPECTING)?;
    let token = Secret::new(random::text());
    let active = oauth
        .introspect(&token, Some(TokenHint::AccessToken))
        .await?;
    equal("whether it is active", false, active.is_some())
}

/// Here the refusal is Django's: it has no body.
async fn wrong_secret() -> Outcome {
    let (django, env) = (Django::here()?, World::here()?.env()?);
    let auth = django.client_auth(&env, &ASKING_WRONGLY, &random::text())?;
    let oauth = OAuthClient::new(&env, django.server(&env)?, auth)?;
    let refused = oauth.introspect(&Secret::new(random::text()), None).await;
    let error = expect::error("the answer", refused, ErrorKind::Http, Recovery::FixConfig)?;
    equal("its status", Some(403), error.status())
}

async fn revoked() -> Outcome {
    let oauth = Django::here()?.client(&World::here()?.env()?, &REVOKING)?;
    let token = oauth.token(own("read")?).await?.access_token;
    some("what it says before", oauth.introspect(&token, None).await?)?;
    oauth.revoke(&token, Some(TokenHint::AccessToken)).await?;
    let active = oauth.introspect(&token, None).await?;
    equal("whether it is active", false, active.is_some())?;
    oauth.revoke(&token, None).await?; // it is no error that it is gone (RFC 7009 2.2)
    Ok(())
}

/// The API, and the client that calls it.
fn caller(client: &Client, departures: Value) -> Result<AuthorizedClient, Failure> {
    let (django, env) = (Django::here()?, World::here()?.env()?);
    let departures: ResourceDepartures = oauth_core::config::parse(departures)?;
    let api = ResourceServer::new(&env, "api_url", &django.api_url())?;
    let api = api.departing(&env, &departures)?;
    let grant = ClientCredentials {
        scopes: scopes("read")?,
        ..ClientCredentials::default()
    };
    let auth = django.client_auth(&env, client, django.secret(client))?;
    let source = RenewingToken::client_credentials(&env, django.server(&env)?, auth, grant)?;
    Ok(AuthorizedClient::new(&env, api, source))
}

/// An API of Django's answers a dead token with an empty 403 (it should be a 401, RFC 6750 3.1): that may
/// mean anything, so nothing is asked anew.
async fn undeclared() -> Outcome {
    let calling = caller(&CALLING_STRICTLY, json!({}))?;
    let before = calling.get("whoami").send().await?.status().as_u16();
    Django::here()?.let_time_pass(&CALLING_STRICTLY).await?;
    let after = calling.get("whoami").send().await?.status().as_u16();
    equal("what it answered", (200, 403), (before, after))
}

async fn replaced() -> Outcome {
    let calling = caller(&CALLING, json!({"refusal": {"statuses": [403]}}))?;
    let first = calling.token().await?;
    equal(
        "at first",
        200,
        calling.get("whoami").send().await?.status().as_u16(),
    )?;
    Django::here()?.let_time_pass(&CALLING).await?;
    equal(
        "in the end",
        200,
        calling.get("whoami").send().await?.status().as_u16(),
    )?;
    let second = calling.token().await?;
    let is_same = first.access_token() == second.access_token();
    equal("whether it is the same token", false, is_same)
}
