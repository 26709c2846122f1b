//! The template against its contract and its fixtures, in each of its shapes.

mod shapes {
    pub mod client_secret;
    pub mod private_key_jwt;
    pub mod refresh;
    pub mod static_token;
}

use std::process::ExitCode;

fn main() -> ExitCode {
    oauth_contract::run([
        shapes::client_secret::suite(),
        shapes::private_key_jwt::suite(),
        shapes::refresh::suite(),
        shapes::static_token::suite(),
    ])
}
