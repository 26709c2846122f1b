//! Servers for tests and demos of OAuth clients.
//!
//! [`Strict`] is an authorization server with a protected API on loopback. It checks all that a server can
//! check about its clients, with cryptography other than theirs, and keeps what it saw. [`Socket`] is a
//! listener that follows a script: what no well-behaved server does.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use oauth_stage::{Authentication, Endpoint, RegisteredClient, Strict};
//!
//! let secret = Authentication::SecretPost("a secret of the run".into());
//! let stage = Strict::builder()
//!     .client(RegisteredClient::new("client", secret).scopes(["read"]))
//!     .start()
//!     .await?;
//! let answer = reqwest::Client::new()
//!     .post(stage.token_url())
//!     .header("accept", "application/json")
//!     .form(&[
//!         ("grant_type", "client_credentials"),
//!         ("client_id", "client"),
//!         ("client_secret", "a secret of the run"),
//!     ])
//!     .send()
//!     .await?;
//! assert_eq!(answer.status(), 200);
//! assert_eq!(stage.count(Endpoint::Token), 1);
//! assert!(stage.violations().is_empty());
//! # Ok(())
//! # }
//! ```

mod answer;
mod certificate;
mod form;
mod random;
mod redact;
mod socket;
mod strict;
mod sync;

pub use crate::answer::Answer;
pub use crate::certificate::{Authority, Certificate, Identity};
pub use crate::socket::Socket;
pub use crate::socket::builder::Builder as SocketBuilder;
pub use crate::socket::step::Step;
pub use crate::strict::Strict;
pub use crate::strict::api::Access;
pub use crate::strict::builder::Builder as StrictBuilder;
pub use crate::strict::client::{Authentication, RegisteredClient};
pub use crate::strict::devices::Decision;
pub use crate::strict::endpoint::Endpoint;
pub use crate::strict::exchange::Exchange;
pub use crate::strict::handlers::Call;
pub use crate::strict::jwk::Algorithm;
pub use crate::strict::ledger::{Fate, Rotation};
pub use crate::strict::request::Request;
pub use crate::strict::settings::AudiencePolicy;
pub use crate::strict::steering::Hold;
