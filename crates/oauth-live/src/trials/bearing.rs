//! What the trials of oauth-core share: tokens as a program asks for them, and the API of items.

use oauth_contract::Failure;
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::ClientAuth;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::grant::{ClientCredentials, Grant};
use oauth_core::oauth_client::ActiveToken;
use oauth_core::secret::{Secret, SecretRef};
use oauth_core::server::{AuthorizationServer, ResourceServer};
use oauth_core::source::{FixedToken, RenewingToken, TokenSource};
use oauth_core::token::Scopes;

use crate::expect::some;
use crate::registration::{ITEMS, RESOURCE_SERVER};
use crate::world::World;

/// The client credentials grant for those scopes.
pub(super) fn scopes(text: &str) -> Result<ClientCredentials, Failure> {
    let scopes = Scopes::parse(text).map_err(|fault| Failure::new(fault.to_string()))?;
    Ok(ClientCredentials {
        scopes,
        ..ClientCredentials::default()
    })
}

/// The client credentials grant for the items.
pub(super) fn grant() -> Result<Grant, Failure> {
    Ok(Grant::ClientCredentials(scopes(ITEMS)?))
}

/// A token that is renewed, for the items.
pub(super) fn renewing(
    env: &Env,
    server: AuthorizationServer,
    auth: ClientAuth,
) -> Result<RenewingToken, Failure> {
    let grant = scopes(ITEMS)?;
    Ok(RenewingToken::client_credentials(env, server, auth, grant)?)
}

/// The API of items, with those tokens.
pub(super) fn api(
    world: &World,
    env: &Env,
    source: impl TokenSource + 'static,
) -> Result<AuthorizedClient, Failure> {
    let api = ResourceServer::new(env, "api_url", &world.resource().api_url())?;
    Ok(AuthorizedClient::new(env, api, source))
}

/// Reads an item; the status that came of it.
pub(super) async fn read(api: &AuthorizedClient, id: &str) -> Result<u16, Error> {
    let answer = api.get(&format!("items/{id}")).send().await?;
    Ok(answer.status().as_u16())
}

/// The API of items, for whoever got hold of a token and has nothing else.
pub(super) fn with_stolen(
    world: &World,
    env: &Env,
    token: &Secret,
) -> Result<AuthorizedClient, Failure> {
    let token = FixedToken::new(env, "token", SecretRef::given(token.clone()))?;
    api(world, env, token)
}

/// What the server tells the API about a token that is active.
pub(super) async fn told(world: &World, env: &Env, token: &Secret) -> Result<ActiveToken, Failure> {
    let asking = world.client(env, &RESOURCE_SERVER)?;
    some("an active token", asking.introspect(token, None).await?)
}
