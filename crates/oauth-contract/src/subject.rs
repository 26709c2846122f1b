//! What an adapter tells the contract about itself.

use std::marker::PhantomData;

use oauth_core::adapter::{self, Adapter};
use oauth_core::env::Env;
use oauth_core::error::Error;
use serde_json::Value;

use crate::stage::Stage;

/// An adapter as the contract sees it: what a user would configure, and which calls there are.
///
/// It stands in the adapter's tests, in at most 60 lines.
pub trait Subject: Sized + 'static {
    /// The adapter.
    type Adapter: Adapter<Client: 'static>;

    /// What a user would write to connect to that stage. It registers the client at the stage by asking
    /// for its credential ([`Stage::basic_secret`] and its like).
    fn config(stage: &Stage) -> Value;

    /// The call that clauses make, with its arguments: it reads, and it makes one request of the API.
    fn probe() -> (&'static str, Value);

    /// What its API answers on the stage, where the stage's own echo is not enough: handlers by
    /// [`Strict::on`](oauth_stage::Strict::on).
    fn prepare(stage: &Stage) {
        let _ = stage;
    }

    /// Makes the call of that name, for clauses and fixtures.
    ///
    /// # Errors
    /// Those of the adapter; an unknown name is [`ErrorKind::Config`](oauth_core::error::ErrorKind).
    fn call(
        client: &<Self::Adapter as Adapter>::Client,
        name: &str,
        args: Value,
    ) -> impl Future<Output = Result<Value, Error>> + Send;
}

/// What scenarios are played on, where it is no [`Adapter`]: what bears no token, such as a client of a
/// secret URL. What an adapter's scenarios are played on follows from its [`Subject`].
pub trait Played: Sized + 'static {
    /// What makes the calls.
    type Client: Send + Sync;

    /// Connects with what a user would write. Nothing is sent yet.
    ///
    /// # Errors
    /// The configuration cannot work.
    fn connect(env: &Env, config: Value) -> Result<Self::Client, Error>;

    /// Makes the call of that name.
    ///
    /// # Errors
    /// Those of the client; an unknown name is [`ErrorKind::Config`](oauth_core::error::ErrorKind).
    fn call(
        client: &Self::Client,
        name: &str,
        args: Value,
    ) -> impl Future<Output = Result<Value, Error>> + Send;
}

/// A subject, as its scenarios are played.
pub(crate) struct Bearing<S>(PhantomData<S>);

impl<S: Subject> Played for Bearing<S> {
    type Client = <S::Adapter as Adapter>::Client;

    fn connect(env: &Env, config: Value) -> Result<Self::Client, Error> {
        adapter::connect::<S::Adapter>(env, config)
    }

    fn call(
        client: &Self::Client,
        name: &str,
        args: Value,
    ) -> impl Future<Output = Result<Value, Error>> + Send {
        S::call(client, name, args)
    }
}
