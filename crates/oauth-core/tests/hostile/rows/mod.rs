//! The rows, a file an area.

mod config;
mod discovery;
mod framing;
mod http_status;
mod log_output;
mod members;
mod network;
mod resource;
mod time;
mod token_error;
mod token_response;

use crate::table::Row;

pub fn all() -> Vec<Row> {
    [
        token_response::rows(),
        framing::rows(),
        members::rows(),
        token_error::rows(),
        http_status::rows(),
        discovery::rows(),
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
