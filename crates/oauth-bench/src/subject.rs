//! What is measured.

use std::future::Future;

use serde_json::Value;

use crate::call::Call;

pub use crate::fault::Fault;

/// A library that has tokens: what every workload is written against.
pub trait Subject: Send + Sync + Sized + 'static {
    /// What all tenants of a process share.
    type Shared: Send + Sync + 'static;
    /// What is had at each call.
    type Token: Send;

    /// Name, version, renewal margin, and the workloads it has nothing to show in, with the reason.
    fn meta() -> Value;

    /// Once a process.
    ///
    /// # Errors
    /// The call asks for what it has not.
    fn share(call: &Call) -> Result<Self::Shared, Fault>;

    /// One client of the server; `None`: the only one.
    fn connect(
        shared: &Self::Shared,
        tenant: Option<u64>,
    ) -> impl Future<Output = Result<Self, Fault>> + Send;

    /// The current token, from where it is kept.
    fn token(&self) -> impl Future<Output = Result<Self::Token, Fault>> + Send;

    /// A token that nobody had before.
    fn fetch(&self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// A `GET` of the API as its caller sees it, its body read: the status.
    fn call(&self) -> impl Future<Output = Result<u16, Fault>> + Send;
}
