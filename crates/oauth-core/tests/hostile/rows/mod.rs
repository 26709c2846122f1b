//! The rows, a file an area.

mod callback;
mod config;
mod device;
mod discovery;
mod framing;
mod http_status;
mod jwks;
mod jwt;
mod log_output;
mod members;
mod network;
mod private_key;
mod resource;
mod time;
mod token_error;
mod token_response;
mod users;

use crate::table::Row;

pub fn all() -> Vec<Row> {
    [
        token_response::rows(),
        framing::rows(),
        members::rows(),
        token_error::rows(),
        http_status::rows(),
        discovery::rows(),
        jwks::rows(),
        jwt::rows(),
        private_key::rows(),
        callback::rows(),
        device::rows(),
        users::rows(),
        resource::rows(),
        network::rows(),
        time::rows(),
        config::rows(),
        log_output::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
