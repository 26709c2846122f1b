//! The authorization code grant with PKCE (RFC 6749 4.1, RFC 7636), through Django's pages.

use oauth_contract::{Outcome, Suite};
use oauth_core::authorize::{AuthorizationRequest, Callback, PendingAuthorization};
use oauth_core::error::{BindingFault, ErrorKind, Recovery};
use oauth_core::secret::Secret;
use oauth_core::server::{AuthorizationServer, DiscoveryKind};
use serde_json::json;

use crate::django::{
    Client, DECLINED, Django, LATE, OPENID, PUBLIC, REDIRECT_URI, TWICE, WEB, declared,
};
use crate::expect::{self, equal, some, that};
use crate::random;
use crate::trials::django::{Choice, answer, decided, log_in, scopes};
use crate::world::World;

pub(super) fn suite() -> Suite {
    Suite::own("live/django-oauth-toolkit/authorization_code")
        .trial("a_public_client_logs_somebody_in_by_pkce", || {
            logs_in(&PUBLIC)
        })
        .trial("a_client_with_a_secret_logs_somebody_in", || logs_in(&WEB))
        .trial("an_id_token_says_who_logged_in", openid)
        .trial(
            "a_refusal_without_the_iss_it_promises_must_be_declared",
            declined,
        )
        .trial("a_code_that_has_expired_is_a_new_login", late)
        .trial("a_code_counts_once", twice)
}

async fn logs_in(client: &'static Client) -> Outcome {
    let oauth = Django::here()?.client(&World::here()?.env()?, client)?;
    let redeemed = log_in(&oauth, "read write").await?;
    let tokens = redeemed.tokens;
    equal(
        "the scopes",
        "read write",
        tokens.scopes.to_string().as_str(),
    )?;
    some("the refresh token", tokens.refresh_token)?;
    let active = oauth.introspect(&tokens.access_token, None).await;
    if client.id == PUBLIC.id {
        return Ok(()); // only a client with a secret may ask
    }
    let active = some("what the server says of it", active?)?;
    equal("whose it is", Some("somebody"), active.username.as_deref())
}

/// By its OpenID document, whose issuer has the prefix in it, and its keys.
async fn openid() -> Outcome {
    let (django, env) = (Django::here()?, World::here()?.env()?);
    let (issuer, kind) = (django.issuer(), DiscoveryKind::OpenId);
    let server = AuthorizationServer::discovered(&env, "issuer", &issuer, kind)?;
    let oauth = django.client_of(&env, server, &OPENID)?;
    let redeemed = log_in(&oauth, "openid read").await?;
    let id_token = some("the ID token", redeemed.id_token)?;
    equal("its issuer", issuer.as_str(), id_token.issuer())?;
    equal("its subject", "1", id_token.subject())
}

/// RFC 9207 2 has an `iss` in refusals too; this server promises one, and leaves it out there.
async fn declined() -> Outcome {
    let (django, world) = (Django::here()?, World::here()?);
    let oauth = django.client(&world.env()?, &DECLINED)?;
    let refused = answer(&oauth, "read", Choice::Declines).await?;
    let (kind, recovery) = (ErrorKind::Binding(BindingFault::Issuer), Recovery::Report);
    let error = expect::error("the answer", refused, kind, recovery)?;
    let names = error.to_string();
    that(
        names.contains("`departures.authorization.iss = \"optional\"`"),
        || names.clone(),
    )?;

    let env = world.env()?;
    let optional = declared(json!({"authorization": {"iss": "optional"}}))?;
    let server = django.server(&env)?.departing(optional)?;
    let oauth = django.client_of(&env, server, &DECLINED)?;
    let refused = answer(&oauth, "read", Choice::Declines).await?;
    let (kind, recovery) = (ErrorKind::OAuth, Recovery::LogInAgain);
    let error = expect::error("the answer as declared", refused, kind, recovery)?;
    let code = error.oauth().map(|oauth| oauth.code.as_str());
    equal("the code", Some("access_denied"), code)
}

async fn late() -> Outcome {
    let django = Django::here()?;
    let oauth = django.client(&World::here()?.env()?, &LATE)?;
    let code = answer(&oauth, "read", Choice::Agrees).await??;
    django.let_time_pass(&LATE).await?;
    let refused = oauth.redeem(code).await;
    let (kind, recovery) = (ErrorKind::OAuth, Recovery::LogInAgain);
    let error = expect::error("the code", refused, kind, recovery)?;
    let code = error.oauth().map(|oauth| oauth.code.as_str());
    equal("the code of the refusal", Some("invalid_grant"), code)?;
    log_in(&oauth, "read").await.map(drop)
}

/// Two processes have the transaction, as its secret form lets them, and so the verifier too.
async fn twice() -> Outcome {
    let oauth = Django::here()?.client(&World::here()?.env()?, &TWICE)?;
    let request = AuthorizationRequest::new(REDIRECT_URI).scopes(scopes("read")?);
    let session = Secret::new(random::text());
    let (url, pending) = oauth.authorization(&request, &session).await?;
    let form = pending.into_secret_form()?;
    let came = decided(&url, Choice::Agrees).await?;
    let code = || {
        let came = Callback::query(REDIRECT_URI, came.query().unwrap_or_default())?;
        PendingAuthorization::from_secret_form(&form)?.callback(&session, came)
    };
    oauth.redeem(code()?).await?;
    let refused = oauth.redeem(code()?).await;
    let (kind, recovery) = (ErrorKind::OAuth, Recovery::LogInAgain);
    let error = expect::error("the code again", refused, kind, recovery)?;
    let code = error.oauth().map(|oauth| oauth.code.as_str());
    equal("the code of the refusal", Some("invalid_grant"), code)
}
