//! A login on another device (RFC 8628).

use std::sync::Arc;

use oauth_contract::{Failure, Outcome, Suite};
use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::oauth_client::{
    DeviceAuthorization, DeviceAuthorizationRequest, OAuthClient, TokenResponse,
};

use crate::browser::Browser;
use crate::django::{APPROVED, Client, DENIED, Django, UNDECLARED};
use crate::expect::{self, equal, some};
use crate::gate::Gate;
use crate::trials::django::scopes;
use crate::world::World;

pub(super) fn suite() -> Suite {
    Suite::own("live/django-oauth-toolkit/device")
        .trial("a_device_waits_until_somebody_agrees", approved)
        .trial("a_device_is_told_that_somebody_declined", denied)
        .trial("a_login_on_another_device_must_be_declared", undeclared)
}

/// A device that polls when the trial says so.
fn device(client: &Client) -> Result<(OAuthClient, Arc<Gate>), Failure> {
    let (django, gate) = (Django::here()?, Arc::new(Gate::new()));
    let env = World::here()?.env_of(gate.clone())?;
    let server = django.server(&env)?.with_device_grant();
    Ok((django.client_of(&env, server, client)?, gate))
}

/// The device has its codes, polls once, in vain, and then somebody decides with that button.
async fn decided(
    client: &'static Client,
    button: &str,
) -> Result<(OAuthClient, Result<TokenResponse, Error>), Failure> {
    let (oauth, gate) = device(client)?;
    let request = DeviceAuthorizationRequest {
        scopes: scopes("read")?,
        ..DeviceAuthorizationRequest::default()
    };
    let codes = oauth.device_authorization(request).await?;
    equal("the interval", 5, codes.interval.as_secs())?;
    let polling = tokio::spawn({
        let (oauth, codes) = (oauth.clone(), codes.clone());
        async move { oauth.device_token(&codes).await }
    });
    gate.sleeper().await;
    gate.open(); // the first poll, and nobody has decided
    gate.sleeper().await;
    equal("whether it still waits", false, polling.is_finished())?;
    decide(&codes, button).await?;
    gate.open();
    Ok((oauth, polling.await?))
}

/// Somebody enters the code at the verification URI, and decides.
async fn decide(codes: &DeviceAuthorization, button: &str) -> Outcome {
    let mut browser = Browser::new(World::here()?.http()?);
    let django = Django::here()?;
    let page = django.logged_in(&mut browser, &codes.verification_uri);
    let page = page.await?.page()?;
    let code = [("user_code", codes.user_code.expose())];
    let page = browser.submit(&page, &code).await?.page()?;
    let page = browser.submit(&page, &[("action", button)]).await?.page()?;
    equal("the page at the end", 200, page.status)
}

async fn approved() -> Outcome {
    let (oauth, answered) = decided(&APPROVED, "accept").await?;
    let tokens = answered?;
    equal("the scopes", "read", tokens.scopes.to_string().as_str())?;
    some("the refresh token", tokens.refresh_token.clone())?;
    equal("the client", APPROVED.id, oauth.client().id.as_str())
}

async fn denied() -> Outcome {
    let (_, answered) = decided(&DENIED, "deny").await?;
    let (kind, recovery) = (ErrorKind::OAuth, Recovery::LogInAgain);
    let error = expect::error("the last poll", answered, kind, recovery)?;
    let code = error.oauth().map(|oauth| oauth.code.as_str());
    equal("the code", Some("access_denied"), code)
}

async fn undeclared() -> Outcome {
    let oauth = Django::here()?.client(&World::here()?.env()?, &UNDECLARED)?;
    let refused = oauth.device_authorization(DeviceAuthorizationRequest::default());
    let (kind, recovery) = (ErrorKind::Config, Recovery::FixConfig);
    expect::error("the request", refused.await, kind, recovery).map(drop)
}
