//! What the server says about itself (RFC 8414), and the issuer in its answers (RFC 9207).
//!
//! Its endpoints are below a prefix, `/o`, and its document at the root of the host names the host as the
//! issuer. The `iss` of its answers has the prefix in it. So, where nothing is declared, the answers are
//! another server's.

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::env::Env;
use oauth_core::error::{BindingFault, DiscoveryFault, ErrorKind, Recovery};
use oauth_core::server::{AuthorizationServer, DiscoveryKind};
use serde_json::json;

use crate::django::{BASIC, DECLARED, Django, ELSEWHERE, declared};
use crate::expect::{self, equal, some, that};
use crate::trials::django::{Choice, answer, own};
use crate::world::World;

pub(super) fn suite() -> Suite {
    Suite::own("live/django-oauth-toolkit/discovery")
        .trial(
            "an_issuer_with_a_path_is_found_where_rfc_8414_says",
            with_a_path,
        )
        .trial("a_document_that_names_another_issuer_is_refused", another)
        .trial("an_iss_that_is_not_the_issuer_is_refused", undeclared)
        .trial("an_iss_that_is_declared_is_taken", as_declared)
}

/// The server as its document at the root describes it.
fn at_the_root(env: &Env) -> Result<AuthorizationServer, Failure> {
    let (issuer, kind) = (Django::here()?.root(), DiscoveryKind::OAuth);
    let server = AuthorizationServer::discovered(env, "issuer", issuer, kind)?;
    Ok(server)
}

async fn with_a_path() -> Outcome {
    let (django, env) = (Django::here()?, World::here()?.env()?);
    let oauth = django.client(&env, &BASIC)?;
    equal(
        "the issuer",
        django.issuer().as_str(),
        oauth.server().authority(),
    )?;
    oauth.token(own("read")?).await?;
    let oauth = django.client_of(&World::here()?.env()?, at_the_root(&env)?, &BASIC)?;
    oauth.token(own("read")?).await?;
    Ok(())
}

/// Its OpenID document at the prefix does not name the host.
async fn another() -> Outcome {
    let (django, env) = (Django::here()?, World::here()?.env()?);
    let issuer = format!("{}/", django.issuer());
    let kind = DiscoveryKind::OpenId;
    let server = AuthorizationServer::discovered(&env, "issuer", &issuer, kind)?;
    let oauth = django.client_of(&env, server, &BASIC)?;
    let refused = oauth.token(own("read")?).await;
    let kind = ErrorKind::Discovery(DiscoveryFault::Issuer);
    let error = expect::error("the document", refused, kind, Recovery::FixConfig)?;
    let names = error.to_string();
    that(names.contains("`issuer`"), || names)
}

async fn undeclared() -> Outcome {
    let (django, env) = (Django::here()?, World::here()?.env()?);
    let oauth = django.client_of(&env, at_the_root(&env)?, &ELSEWHERE)?;
    let refused = answer(&oauth, "read", Choice::Agrees).await?;
    let kind = ErrorKind::Binding(BindingFault::Issuer);
    let error = expect::error("the answer", refused, kind, Recovery::Report)?;
    let names = error.to_string();
    let field = "`departures.authorization.iss_value`";
    that(
        names.contains(field) && names.contains(&django.issuer()),
        || names,
    )
}

async fn as_declared() -> Outcome {
    let (django, env) = (Django::here()?, World::here()?.env()?);
    let iss = json!({"authorization": {"iss_value": django.issuer()}});
    let server = at_the_root(&env)?.departing(declared(iss)?)?;
    let oauth = django.client_of(&env, server, &DECLARED)?;
    let code = answer(&oauth, "read", Choice::Agrees).await??;
    let tokens = oauth.redeem(code).await?.tokens;
    some("the refresh token", tokens.refresh_token).map(drop)
}
