//! One client at one authorization server: what it may ask there, once and by itself.

mod authorization;
mod device;
mod exchange;
mod introspection;
mod login;
mod revocation;
mod token_response;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use crate::oauth_client::device::{DeviceAuthorization, DeviceAuthorizationRequest};
pub use crate::oauth_client::exchange::{Exchanged, OtherToken};
pub use crate::oauth_client::introspection::ActiveToken;
pub use crate::oauth_client::login::Redeemed;
pub use crate::oauth_client::token_response::TokenResponse;

use crate::binding::Bound;
use crate::client_auth::{AuthMethod, ClientAuth};
use crate::dpop::Dpop;
use crate::endpoint::{ServerEndpoints, TokenRequest};
use crate::env::Env;
use crate::error::Error;
use crate::grant::Grant;
use crate::oauth_client::login::Logins;
use crate::server::AuthorizationServer;

/// One client at one authorization server. Cheap to clone; each call is one request, in as many
/// attempts as may be made without harm.
///
/// A call that is dropped may have taken effect: await those that spend something (a code, a refresh
/// token) to their end. Tokens that are to be renewed are kept by a
/// [`RenewingToken`](crate::source::RenewingToken), which [adopts](crate::source::TokenSource::adopt) what
/// [`token`](Self::token) brings.
///
/// ```no_run
/// # async fn run() -> Result<(), oauth_core::Error> {
/// # use oauth_core::{Env, HttpSettings, SecretRef};
/// use oauth_core::client_auth::ClientAuth;
/// use oauth_core::grant::{ClientCredentials, Grant};
/// use oauth_core::oauth_client::OAuthClient;
/// use oauth_core::server::AuthorizationServer;
///
/// # let env = Env::new(HttpSettings::default())?;
/// let server = AuthorizationServer::configured(&env, "token_url", "https://auth.example/token")?;
/// let client = ClientAuth::secret_basic(&env, "client", SecretRef::variable("CLIENT_SECRET"))?;
/// let client = OAuthClient::new(&env, server, client)?;
/// let grant = Grant::ClientCredentials(ClientCredentials::default());
/// let granted = client.token(grant).await?;
/// println!("granted: {}", granted.scopes);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct OAuthClient {
    env: Env,
    endpoints: Arc<ServerEndpoints>,
    logins: Arc<Logins>,
}

/// What kind of token a server is told about, so that it looks in the right place first
/// (RFC 7009 2.1, RFC 7662 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenHint {
    /// `access_token`.
    AccessToken,
    /// `refresh_token`.
    RefreshToken,
}

impl TokenHint {
    /// The registered name (RFC 7009 4.1.2.2).
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

impl OAuthClient {
    /// No request is made yet.
    ///
    /// # Errors
    /// The key of the client may not be used at this server too, or the server's issuer is another's.
    pub fn new(env: &Env, server: AuthorizationServer, client: ClientAuth) -> Result<Self, Error> {
        let endpoints = Arc::new(ServerEndpoints::new(env, server, client)?);
        Ok(Self {
            env: env.clone(),
            logins: Logins::of(env, endpoints.server()),
            endpoints,
        })
    }

    /// The server.
    pub fn server(&self) -> &AuthorizationServer {
        self.endpoints.server()
    }

    /// The client.
    pub fn client(&self) -> &ClientAuth {
        self.endpoints.client()
    }

    /// The env it was made in.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Asks for a token once (RFC 6749 3.2). What spends something that can be spent once is not sent
    /// again where the server may have processed it.
    ///
    /// # Errors
    /// The server refuses, cannot be reached, or answers what is no token; [`Error::recovery`] says what
    /// to do. [`Ambiguous`](crate::error::ErrorKind::Ambiguous): the answer was lost, and what the grant
    /// held may be spent. [`Config`](crate::error::ErrorKind::Config): the refresh token of a public client
    /// is bound to the key of its login (RFC 9449 5), which a [`RenewingToken`](crate::source::RenewingToken)
    /// keeps and this does not.
    pub async fn token(&self, grant: Grant) -> Result<TokenResponse, Error> {
        self.ask(&grant, false).await
    }

    async fn ask(
        &self,
        grant: &Grant,
        may_be_not_applicable: bool,
    ) -> Result<TokenResponse, Error> {
        if matches!(grant, Grant::RefreshToken(_)) {
            self.check_key_is_here()?;
        }
        self.endpoints.claim_key_of(grant)?;
        let bound = self.endpoints.new_binding()?;
        self.ask_bound(grant, may_be_not_applicable, bound).await
    }

    async fn ask_bound(
        &self,
        grant: &Grant,
        may_be_not_applicable: bool,
        bound: Option<Bound>,
    ) -> Result<TokenResponse, Error> {
        let rotation = self.server().departures.lifetime.rotation;
        let request = TokenRequest {
            may_be_not_applicable,
            bound: bound.as_ref(),
            ..TokenRequest::new(grant, rotation)
        };
        let issued = self.endpoints.send(&request, Duration::MAX).await;
        issued
            .map(|issued| {
                let asked = issued.asked(self.env.clock());
                TokenResponse::of(issued.granted, asked, grant.resource(), bound.as_ref())
            })
            .map_err(|failed| failed.error)
    }

    /// Whether a refresh token may be shown with the key that the next token is going to be bound to.
    fn check_key_is_here(&self) -> Result<(), Error> {
        let is_public = matches!(self.client().method, AuthMethod::None);
        let makes_keys = self.server().dpop.as_deref().is_some_and(Dpop::makes_keys);
        if !is_public || !makes_keys {
            return Ok(());
        }
        let problem = "the refresh token of a public client is bound to the key of its login (RFC 9449 5), and \
             that is not here";
        Err(Error::config("proof_key", problem).remedy(
            "have a `RenewingToken` adopt it, with its key by `GrantedToken::with_proof_key`",
        ))
    }

    /// The endpoints, for requests of other rooms.
    pub(crate) fn endpoints(&self) -> &ServerEndpoints {
        &self.endpoints
    }
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClient")
            .field("server", &self.server().name())
            .field("client_id", &self.client().id)
            .field("method", &self.client().method_name())
            .finish_non_exhaustive()
    }
}
