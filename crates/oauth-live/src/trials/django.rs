//! django-oauth-toolkit, which Django programs are made authorization servers with.

mod api;
mod authorization_code;
mod client_credentials;
mod device;
mod discovery;
mod refresh;

use oauth_contract::{Failure, Suite};
use oauth_core::authorize::{AuthorizationCode, AuthorizationRequest, Callback};
use oauth_core::error::Error;
use oauth_core::grant::{ClientCredentials, Grant};
use oauth_core::oauth_client::{OAuthClient, Redeemed};
use oauth_core::secret::Secret;
use oauth_core::token::Scopes;
use url::Url;

use crate::browser::Browser;
use crate::django::{Django, REDIRECT_URI};
use crate::random;
use crate::world::World;

pub(super) fn suites() -> Vec<Suite> {
    vec![
        client_credentials::suite(),
        authorization_code::suite(),
        refresh::suite(),
        device::suite(),
        discovery::suite(),
        api::introspection(),
        api::revocation(),
        api::resource_server(),
    ]
}

/// Scopes as they are written.
fn scopes(text: &str) -> Result<Scopes, Failure> {
    Scopes::parse(text).map_err(|fault| Failure::new(fault.to_string()))
}

/// The client credentials grant, for these scopes.
fn own(text: &str) -> Result<Grant, Failure> {
    Ok(Grant::ClientCredentials(ClientCredentials {
        scopes: scopes(text)?,
        ..ClientCredentials::default()
    }))
}

/// What somebody does at the page that asks whether they agree.
#[derive(Clone, Copy)]
enum Choice {
    Agrees,
    Declines,
}

/// Somebody is sent to the server, logs in and decides; what then came to the redirect URI, as the client
/// judges it.
///
/// # Errors
/// The pages are not as they should be. The answer itself may be an error too, inside.
async fn answer(
    client: &OAuthClient,
    scope: &str,
    choice: Choice,
) -> Result<Result<AuthorizationCode, Error>, Failure> {
    let request = AuthorizationRequest::new(REDIRECT_URI).scopes(scopes(scope)?);
    let session = Secret::new(random::text());
    let (url, pending) = client.authorization(&request, &session).await?;
    let answer = decided(&url, choice).await?;
    let came = Callback::query(REDIRECT_URI, answer.query().unwrap_or_default())?;
    Ok(client.callback(pending, &session, came).await)
}

/// Where the server sends whoever has decided.
async fn decided(url: &Url, choice: Choice) -> Result<Url, Failure> {
    let mut browser = Browser::new(World::here()?.http()?);
    let landed = Django::here()?.logged_in(&mut browser, url).await?;
    let page = landed.page()?;
    let filled: &[_] = match choice {
        Choice::Agrees => &[("allow", "Authorize")],
        Choice::Declines => &[],
    };
    browser.submit(&page, filled).await?.away()
}

/// Somebody logs in, and the client redeems the code.
async fn log_in(client: &OAuthClient, scope: &str) -> Result<Redeemed, Failure> {
    let code = answer(client, scope, Choice::Agrees).await??;
    Ok(client.redeem(code).await?)
}
