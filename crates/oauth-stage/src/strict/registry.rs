//! The clients that have registered themselves (RFC 7591).

use std::collections::HashMap;

use serde_json::{Map, Value};

/// What was registered, by `client_id`.
#[derive(Default)]
pub(crate) struct Registry(pub(crate) HashMap<String, Registered>);

/// One client's registration.
pub(crate) struct Registered {
    /// The registration access token (RFC 7592 3).
    pub(crate) token: String,
    pub(crate) secret: Option<String>,
    pub(crate) metadata: Map<String, Value>,
}
