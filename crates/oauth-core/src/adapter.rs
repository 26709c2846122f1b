//! What an adapter is.

use std::fmt;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::AuthorizedClient;
use crate::config;
use crate::env::Env;
use crate::error::Error;

/// One target system: facts about its servers, and how to connect.
pub trait Adapter {
    /// Its name: the folder, the fixtures, the tail of the crate's name.
    const NAME: &'static str;

    /// What a user writes, in TOML or JSON. Unknown keys are refused
    /// (`#[serde(deny_unknown_fields)]`, and no `flatten`, which would defeat it).
    type Config: DeserializeOwned;

    /// What a user calls.
    type Client: AsRef<AuthorizedClient> + Clone + fmt::Debug + Send + Sync;

    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// The configuration cannot work; one error names every fault that can be seen
    /// ([`config::all`]).
    fn connect(env: &Env, config: Self::Config) -> Result<Self::Client, Error>;
}

/// Connects with a configuration that is a value already.
///
/// # Errors
/// A key is unknown, missing or of the wrong type, or as [`Adapter::connect`].
pub fn connect<A: Adapter>(env: &Env, config: Value) -> Result<A::Client, Error> {
    A::connect(env, config::parse(config)?)
}

/// Connects with a configuration file, TOML or JSON; relative paths in it are relative to the file.
///
/// # Errors
/// The file cannot be read, or as [`connect`].
pub fn connect_file<A: Adapter>(env: &Env, path: &Path) -> Result<A::Client, Error> {
    connect::<A>(env, config::read_file(path)?).map_err(|error| error.context(path.display()))
}
