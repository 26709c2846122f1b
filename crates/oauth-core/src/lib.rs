//! OAuth 2.0 for integration adapters: grants, client authentication, and the life of a token.
//!
//! ```no_run
//! use oauth_core::client_auth::ClientAuth;
//! use oauth_core::grant::ClientCredentials;
//! use oauth_core::secret::SecretRef;
//! use oauth_core::server::{AuthorizationServer, ResourceServer};
//! use oauth_core::{AuthorizedClient, Env, Error, HttpSettings, RenewingToken};
//!
//! # async fn run() -> Result<(), Error> {
//! let env = Env::new(HttpSettings::default())?; // once a process
//! let server = AuthorizationServer::configured(&env, "token_url", "https://auth.example/token")?;
//! let client = ClientAuth::secret_basic(&env, "client", SecretRef::variable("CLIENT_SECRET"))?;
//! let source = RenewingToken::client_credentials(&env, server, client, ClientCredentials::default())?;
//! let api = ResourceServer::new(&env, "api_url", "https://api.example/")?;
//! let client = AuthorizedClient::new(&env, api, source); // cheap to clone
//! let answer = client.get("items").send().await?;
//! # drop(answer); Ok(()) }
//! ```
//!
//! An adapter wraps these facts about one target system: see [`Adapter`].
//!
//! What it promises, each proven by a test:
//!
//! - A live token is served at once, without a lock or an allocation, also while it is renewed.
//! - A crowd makes one token request, which no caller can cancel, and shares one failure.
//! - A refresh token is spent under a lease of its record, and what the server answered is never thrown
//!   away; an answer that was lost is an error of its own, [`ErrorKind::Ambiguous`].
//! - No request goes without a token, and no token to another origin.
//! - Every departure from the RFCs is declared ([`server::Departures`]), none is tried out.
//! - Every error says what to do ([`Error::recovery`]) and holds no secret.

pub mod adapter;
pub mod authorization_details;
pub mod authorize;
mod binding;
mod challenge;
pub mod client;
pub mod client_auth;
pub mod clock;
pub mod config;
pub mod connections;
mod discovery;
mod document;
pub mod dpop;
mod endpoint;
pub mod env;
pub mod error;
mod files;
pub mod grant;
pub mod http;
pub mod id_token;
pub mod jarm;
mod json;
pub mod jwks;
pub mod jwt;
pub mod oauth_client;
mod parameters;
#[doc(hidden)]
pub mod parsers;
pub mod protected_resource;
pub mod record;
pub mod registration;
mod response;
mod retry;
pub mod secret;
pub mod server;
pub mod signing_key;
pub mod source;
mod text;
pub mod token;
pub mod tokens;
mod traffic;

pub use crate::adapter::Adapter;
pub use crate::client::AuthorizedClient;
pub use crate::connections::Connections;
pub use crate::env::Env;
pub use crate::error::{Error, ErrorKind, Recovery};
pub use crate::http::HttpSettings;
pub use crate::oauth_client::{OAuthClient, TokenResponse};
pub use crate::secret::{Secret, SecretRef};
pub use crate::source::{
    ConnectionState, ConnectionStatus, FixedToken, RenewingToken, StatusChanges, TokenSource,
};
pub use crate::token::{GrantedToken, Scopes, Token};
