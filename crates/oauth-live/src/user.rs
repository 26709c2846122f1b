//! A program that sends somebody to log in, and their browser.

use std::sync::Arc;

use oauth_contract::Failure;
use oauth_core::authorize::{
    AuthorizationCode, AuthorizationRequest, Callback, PendingAuthorization,
};
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::{Audience, ClientAuth};
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::oauth_client::{OAuthClient, Redeemed, TokenResponse};
use oauth_core::secret::Secret;
use oauth_core::server::ResourceServer;
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_core::token::{GrantedToken, Scopes};
use serde_json::Value;
use url::Url;

use crate::browser::Browser;
use crate::expect::some;
use crate::registration::{self, Client, REDIRECT_URI};
use crate::world::{World, answered};

/// A client, and where it is.
pub(crate) struct Program {
    pub(crate) world: &'static World,
    pub(crate) env: Env,
    pub(crate) oauth: OAuthClient,
}

/// How a program begins.
impl Program {
    /// That client, of the server that its metadata describes.
    ///
    /// # Errors
    /// What was made for it cannot be used.
    pub(crate) fn new(client: &Client) -> Result<Self, Failure> {
        let world = World::here()?;
        Self::within(world.env()?, client)
    }

    /// The same, in an env that is there.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub(crate) fn within(env: Env, client: &Client) -> Result<Self, Failure> {
        let world = World::here()?;
        let oauth = world.client(&env, client)?;
        Ok(Self { world, env, oauth })
    }

    /// A client with a new key, published beside others as its own, by which it proves who it is.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub(crate) fn signing(client: &Client, others: &[&SigningKey]) -> Result<Self, Failure> {
        let world = World::here()?;
        let env = world.env()?;
        let key = registration::new_key(Algorithm::ES384)?;
        let keys: Vec<_> = others.iter().copied().chain([&key]).collect();
        world.resource().publish(client.id, &keys)?;
        let auth = ClientAuth::signer(client.id, Arc::new(key), Audience::Issuer)?;
        let oauth = OAuthClient::new(&env, world.server(&env)?, auth)?;
        Ok(Self { world, env, oauth })
    }
}

/// How somebody logs in.
impl Program {
    /// Sends somebody to the server and back: what waits for the answer, and where they came to.
    ///
    /// # Errors
    /// The request is refused, or the server shows a page.
    pub(crate) async fn answered(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<(PendingAuthorization, Url), Failure> {
        let (url, pending) = self.oauth.authorization(request, &session()).await?;
        Ok((pending, self.sent_back(&url).await?))
    }

    /// Sends somebody there, with a browser of their own: where they come to.
    ///
    /// # Errors
    /// The server shows a page.
    pub(crate) async fn sent_back(&self, url: &Url) -> Result<Url, Failure> {
        Browser::new(self.world.http()?).open(url).await?.away()
    }

    /// Judges where somebody came to.
    ///
    /// # Errors
    /// Those of [`OAuthClient::callback`].
    pub(crate) async fn judged(
        &self,
        pending: PendingAuthorization,
        came: &Url,
    ) -> Result<AuthorizationCode, Error> {
        let came = Callback::url(came.as_str())?;
        self.oauth.callback(pending, &session(), came).await
    }

    /// As far as a code.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn code(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<AuthorizationCode, Failure> {
        let (pending, came) = self.answered(request).await?;
        Ok(self.judged(pending, &came).await?)
    }

    /// As far as tokens.
    ///
    /// # Errors
    /// There are none.
    pub(crate) async fn logged_in(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<Redeemed, Failure> {
        let code = self.code(request).await?;
        Ok(self.oauth.redeem(code).await?)
    }
}

/// What is done with tokens.
impl Program {
    /// A source that goes on with those tokens.
    ///
    /// # Errors
    /// They cannot be taken over.
    pub(crate) async fn source(&self, tokens: TokenResponse) -> Result<RenewingToken, Failure> {
        self.adopting(tokens.scopes.clone(), tokens.into()).await
    }

    /// What renews the tokens of a login that came from anywhere.
    ///
    /// # Errors
    /// They cannot be taken over.
    pub(crate) async fn adopting(
        &self,
        scopes: Scopes,
        tokens: GrantedToken,
    ) -> Result<RenewingToken, Failure> {
        let (server, client) = (self.oauth.server().clone(), self.oauth.client().clone());
        let source =
            RenewingToken::refresh_token(&self.env, server, client, "somebody", scopes, None)?;
        source.adopt(tokens).await?;
        Ok(source)
    }

    /// An API below that URL, with those tokens.
    ///
    /// # Errors
    /// They cannot be taken over.
    pub(crate) async fn api(
        &self,
        base: &str,
        tokens: TokenResponse,
    ) -> Result<AuthorizedClient, Failure> {
        self.behind(base, self.source(tokens).await?)
    }

    /// An API below that URL, with the tokens of that source.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub(crate) fn behind(
        &self,
        base: &str,
        source: RenewingToken,
    ) -> Result<AuthorizedClient, Failure> {
        let api = ResourceServer::new(&self.env, "api_url", base)?;
        Ok(AuthorizedClient::new(&self.env, api, source))
    }

    /// Calls the API of items with those tokens; the status.
    ///
    /// # Errors
    /// They cannot be taken over, or the API refuses them.
    pub(crate) async fn item(&self, tokens: TokenResponse) -> Result<u16, Failure> {
        let api = self.api(&self.world.resource().api_url(), tokens).await?;
        let path = format!("items/{}", self.oauth.client().id);
        Ok(api.get(&path).send().await?.status().as_u16())
    }

    /// Whether the server takes the token for alive (RFC 7662).
    ///
    /// # Errors
    /// It does not say.
    pub(crate) async fn is_active(&self, token: &Secret) -> Result<bool, Failure> {
        Ok(self.oauth.introspect(token, None).await?.is_some())
    }

    /// A member of the server's metadata.
    ///
    /// # Errors
    /// It has none of that name.
    pub(crate) async fn published(&self, pointer: &str) -> Result<String, Failure> {
        let url = format!("{}/.well-known/openid-configuration", self.world.issuer());
        let (_, metadata) = answered(self.world.http()?.get(url)).await?;
        let member = metadata.pointer(pointer).and_then(Value::as_str);
        some(pointer, member.map(str::to_owned))
    }
}

/// Names the session of the user in the program.
pub(crate) fn session() -> Secret {
    Secret::new("the session of somebody")
}

/// A request for those scopes.
///
/// # Errors
/// They are none.
pub(crate) fn asking(scopes: &str) -> Result<AuthorizationRequest, Failure> {
    Ok(AuthorizationRequest::new(REDIRECT_URI).scopes(parsed(scopes)?))
}

/// The scopes in a text.
///
/// # Errors
/// They are none.
pub(crate) fn parsed(scopes: &str) -> Result<Scopes, Failure> {
    Scopes::parse(scopes).map_err(|fault| Failure::new(fault.to_string()))
}

/// A parameter of a URL.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned())
}

/// A URL with one parameter changed: `None` takes it out.
pub(crate) fn changed(url: &Url, name: &str, value: Option<&str>) -> Url {
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let mut changed = url.clone();
    let mut query = changed.query_pairs_mut();
    query.clear();
    for (known, old) in &pairs {
        match (known == name, value) {
            (false, _) => drop(query.append_pair(known, old)),
            (true, Some(value)) => drop(query.append_pair(known, value)),
            (true, None) => {}
        }
    }
    drop(query);
    changed
}
