//! What every adapter must do, written once, and the player of fixtures.
//!
//! An adapter's `tests/e2e.rs` says in one [`Subject`] what a user would configure and which calls
//! there are, and in one [`Suite`] what it is held to. Each clause and each scenario is a trial of its
//! own name. Clauses run against a strict server with a clock that is moved by hand, on a client made
//! by [`oauth_core::adapter::connect`]: what they see is what a user gets.
//!
//! ```no_run
//! # use oauth_contract::{Stage, Subject, Suite};
//! # use oauth_core::{adapter::Adapter, error::Error};
//! # use serde_json::{Value, json};
//! # fn suite<Acme: Adapter<Client: 'static> + 'static>() -> Suite {
//! struct Contract<A>(std::marker::PhantomData<A>);
//!
//! impl<A: Adapter<Client: 'static> + 'static> Subject for Contract<A> {
//!     type Adapter = A;
//!
//!     fn config(stage: &Stage) -> Value {
//!         json!({
//!             "token_url": stage.token_url(),
//!             "api_url": stage.api_url(),
//!             "client_id": stage.client_id(),
//!             "client_secret": stage.basic_secret(&["items.read"]),
//!         })
//!     }
//!
//!     fn probe() -> (&'static str, Value) {
//!         ("whoami", json!({}))
//!     }
//!
//!     async fn call(client: &A::Client, name: &str, args: Value) -> Result<Value, Error> {
//!         let response = client.as_ref().get(name).query(&args).send().await?;
//!         oauth_core::client::read_json(response, 64 * 1024).await
//!     }
//! }
//!
//! Suite::of::<Contract<Acme>>("acme").renewing().basic().fixtures("../../fixtures/acme")
//! # }
//! ```

mod capture;
mod check;
mod clauses;
mod connected;
mod crowd;
mod example;
mod fixture;
mod redact;
mod runner;
mod stage;
mod subject;
mod suite;
mod trial;

pub use crate::capture::Listening;
pub use crate::check::{Failure, Outcome, equal, that};
pub use crate::example::{Example, Ran};
pub use crate::runner::run;
pub use crate::stage::Stage;
pub use crate::subject::{Played, Subject};
pub use crate::suite::Suite;
