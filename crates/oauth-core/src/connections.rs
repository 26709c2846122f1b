//! Many connections from one configuration, and the state of each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client_auth::ClientAuth;
use crate::env::Env;
use crate::error::Error;
use crate::grant::ClientCredentials;
use crate::record::RecordId;
use crate::secret::SecretRef;
use crate::server::AuthorizationServer;
use crate::source::{ConnectionStatus, RenewingToken, TokenSource as _};
use crate::token::Scopes;
use crate::tokens::TokenKey;

/// Thousands of connections from one configuration, by [`TokenKey`]: the tenants of a platform, the users
/// who have logged in. Each is made when it is first wanted and sends nothing before that; all share the
/// HTTP clients of their [`Env`], its scheduler, and what is known of the server.
///
/// ```
/// # fn main() -> Result<(), oauth_core::Error> {
/// use oauth_core::client_auth::ClientAuth;
/// use oauth_core::connections::{Connections, Template, Tenant};
/// use oauth_core::server::AuthorizationServer;
/// use oauth_core::{Env, HttpSettings, Scopes, TokenSource as _};
///
/// let env = Env::new(HttpSettings::default())?;
/// let server = AuthorizationServer::configured(&env, "token_url", "https://auth.example/token")?;
/// let client = ClientAuth::none("platform")?; // or with a secret, or a key
/// let logins = Connections::new(&env, Template::refresh_token(server, client, Scopes::none()));
/// let ann = logins.get(&Tenant::subject("user 17"))?; // the same again: the same connection
/// for (key, status) in logins.statuses() {
///     println!("{:?}: {} since {}", key.subject, status.state, status.since);
/// }
/// # drop(ann);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    env: Env,
    template: Template,
    held: Mutex<BTreeMap<Arc<str>, RenewingToken>>,
}

/// What many connections have in common.
#[derive(Clone, Debug)]
pub struct Template {
    server: AuthorizationServer,
    client: ClientAuth,
    start: Start,
}

#[derive(Clone, Debug)]
enum Start {
    ClientCredentials(ClientCredentials),
    RefreshToken(Scopes),
}

impl Template {
    /// Tokens by client credentials (RFC 6749 4.4). What tells the tenants apart is the client, the scopes,
    /// or a header or parameter of the token request.
    pub fn client_credentials(
        server: AuthorizationServer,
        client: ClientAuth,
        grant: ClientCredentials,
    ) -> Self {
        Self {
            server,
            client,
            start: Start::ClientCredentials(grant),
        }
    }

    /// Tokens by the refresh token of a login (RFC 6749 6). What tells them apart is whose login it is.
    pub fn refresh_token(server: AuthorizationServer, client: ClientAuth, scopes: Scopes) -> Self {
        Self {
            server,
            client,
            start: Start::RefreshToken(scopes),
        }
    }
}

/// What one connection has for itself. What is not set is as in the [`Template`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tenant {
    /// Whose login it is, by a name of yours. A template of refresh tokens needs it.
    pub subject: Option<String>,
    /// A client of its own.
    pub client: Option<ClientAuth>,
    /// Other scopes.
    pub scopes: Option<Scopes>,
    /// Where its first refresh token is; else it comes by
    /// [`TokenSource::adopt`](crate::source::TokenSource::adopt).
    pub refresh_token: Option<SecretRef>,
    /// Headers of its token requests, beside those that are declared of the server.
    pub headers: BTreeMap<String, String>,
    /// Parameters of its token requests, likewise.
    pub parameters: BTreeMap<String, String>,
}

impl Tenant {
    /// One that nothing tells from the template.
    pub fn new() -> Self {
        Self::default()
    }

    /// A login.
    pub fn subject(subject: impl Into<String>) -> Self {
        Self {
            subject: Some(subject.into()),
            ..Self::default()
        }
    }

    /// One with a client of its own.
    pub fn client(client: ClientAuth) -> Self {
        Self {
            client: Some(client),
            ..Self::default()
        }
    }
}

impl Connections {
    /// None yet.
    pub fn new(env: &Env, template: Template) -> Self {
        Self(Arc::new(Inner {
            env: env.clone(),
            template,
            held: Mutex::default(),
        }))
    }

    /// The connection of a tenant, made where there is none yet. It is held until it is
    /// [forgotten](Self::forget). Nothing is sent.
    ///
    /// # Errors
    /// As [`RenewingToken::client_credentials`] and [`RenewingToken::refresh_token`]; a login has no
    /// subject; a header or parameter is one that the protocol sets.
    pub fn get(&self, tenant: &Tenant) -> Result<RenewingToken, Error> {
        let made = self.0.make(tenant)?;
        let id = made.id().id.clone();
        Ok(self.held().entry(id).or_insert(made).clone())
    }

    /// The connection of that key, where it is held.
    pub fn held_by_key(&self, key: &TokenKey) -> Option<RenewingToken> {
        self.held().get(&key.record_id().id).cloned()
    }

    /// How each of them is, in no particular order.
    pub fn statuses(&self) -> Vec<(TokenKey, ConnectionStatus)> {
        let held: Vec<RenewingToken> = self.held().values().cloned().collect();
        held.iter()
            .map(|source| (source.key(), source.status()))
            .collect()
    }

    /// Lets a connection go; its token stays in the store. True where it was held.
    ///
    /// To end a connection for good, revoke its tokens at the server and
    /// [delete](crate::record::RecordStore::delete) its record too.
    pub fn forget(&self, key: &TokenKey) -> bool {
        let RecordId { id, .. } = key.record_id();
        self.held().remove(&id).is_some()
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.held().len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.held().is_empty()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, RenewingToken>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn make(&self, tenant: &Tenant) -> Result<RenewingToken, Error> {
        let Template {
            server,
            client,
            start,
        } = &self.template;
        let server = of_tenant(server, tenant)?;
        let client = tenant.client.as_ref().unwrap_or(client).clone();
        match start {
            Start::ClientCredentials(grant) => {
                let mut grant = grant.clone();
                if let Some(scopes) = &tenant.scopes {
                    grant.scopes = scopes.clone();
                }
                RenewingToken::client_credentials(&self.env, server, client, grant)
            }
            Start::RefreshToken(scopes) => RenewingToken::refresh_token(
                &self.env,
                server,
                client,
                tenant.subject.as_deref().unwrap_or_default(),
                tenant.scopes.as_ref().unwrap_or(scopes).clone(),
                tenant.refresh_token.clone(),
            ),
        }
    }
}

/// The server as that tenant asks it; shared where nothing is added.
fn of_tenant(server: &AuthorizationServer, tenant: &Tenant) -> Result<AuthorizationServer, Error> {
    let server = server.clone();
    if tenant.headers.is_empty() && tenant.parameters.is_empty() {
        return Ok(server);
    }
    let mut departures = (*server.departures).clone();
    departures.request.headers.extend(tenant.headers.clone());
    let parameters = tenant.parameters.clone();
    departures.request.parameters.extend(parameters);
    server.departing(departures)
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections")
            .field("server", &self.0.template.server.name())
            .field("client_id", &self.0.template.client.id)
            .field("held", &self.len())
            .finish_non_exhaustive()
    }
}
