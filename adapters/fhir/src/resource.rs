//! Resources, as they come and as a caller wants them.

use oauth_core::error::{Error, ErrorKind, ProtocolFault};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A resource in the caller's own type.
pub(crate) fn into_resource<T: DeserializeOwned>(resource: Value) -> Result<T, Error> {
    serde_json::from_value(resource)
        .map_err(|_| another_form("a resource that does not fit into the type it is read as"))
}

pub(crate) fn another_form(form: &str) -> Error {
    let problem = format!("the FHIR server answered success with {form}");
    Error::new(ErrorKind::Protocol(ProtocolFault::BadType), problem)
        .remedy("check `fhir_url`, and that the server speaks the version of FHIR that you expect")
}
