//! The authorization code flow: the URL that a user is sent to, and what comes back
//! (RFC 6749 4.1, always with PKCE, RFC 7636).
//!
//! A transaction is begun with an [`AuthorizationRequest`], which gives a URL and a
//! [`PendingAuthorization`]. What then comes to the redirect URI is a [`Callback`]; the pending
//! authorization turns it into an [`AuthorizationCode`], once, and only where it is the answer to its own
//! question: by `state`, by issuer (RFC 9207), by redirect URI and by user session.
//!
//! [`OAuthClient`](crate::oauth_client::OAuthClient) begins it, judges what comes and redeems the code:
//!
//! ```no_run
//! use oauth_core::authorize::{AuthorizationRequest, Callback, PendingAuthorization};
//! use oauth_core::oauth_client::OAuthClient;
//! use oauth_core::{Error, Secret};
//!
//! const AT: &str = "https://app.example/callback/acme";
//!
//! // where the user wants to connect; `cookie` names the user's session
//! async fn begin(client: &OAuthClient, cookie: &Secret) -> Result<(String, Secret), Error> {
//!     let request = AuthorizationRequest::new(AT);
//!     let (url, pending) = client.authorization(&request, cookie).await?;
//!     Ok((url.into(), pending.into_secret_form()?)) // redirect there; keep the other in the session
//! }
//!
//! // at the redirect URI; `kept` was taken out of the session
//! async fn finish(client: &OAuthClient, cookie: &Secret, kept: &Secret, query: &str) -> Result<(), Error> {
//!     let pending = PendingAuthorization::from_secret_form(kept)?;
//!     let came = Callback::query(AT, query)?;
//!     let code = client.callback(pending, cookie, came).await?;
//!     let redeemed = client.redeem(code).await?;
//!     # drop(redeemed);
//!     Ok(())
//! }
//! ```
//!
//! The code stands in the address that the browser shows: answer the callback with a redirect to a fixed page of
//! your own, never to where a parameter says, and with `Referrer-Policy: no-referrer` (RFC 9700 4.2.4, 4.11).
//!
//! A program on the user's machine takes the callback with a [`LoopbackListener`] (RFC 8252 7.3).

pub(crate) mod answered;
mod callback;
mod code;
mod decode;
mod judge;
mod loopback;
mod pending;
mod pkce;
mod refusal;
mod request;
mod request_object;
mod response_mode;
mod start;

pub(crate) use crate::authorize::judge::unbound;
pub(crate) use crate::authorize::pending::IssRule;
pub(crate) use crate::authorize::pkce::fresh;
pub(crate) use crate::authorize::request_object::{Signing, sign as request_object};
pub(crate) use crate::authorize::start::{Pairs, Place, begin, url};

pub use crate::authorize::callback::Callback;
pub use crate::authorize::code::AuthorizationCode;
pub use crate::authorize::loopback::{LoopbackListener, LoopbackSettings};
pub use crate::authorize::pending::PendingAuthorization;
pub use crate::authorize::request::AuthorizationRequest;
pub use crate::authorize::response_mode::ResponseMode;
