//! OAuth 2.0 for integration adapters: grants, client authentication, and the life of a token.

pub mod adapter;
mod challenge;
pub mod client;
pub mod client_auth;
pub mod clock;
pub mod config;
mod discovery;
mod endpoint;
pub mod env;
pub mod error;
mod files;
pub mod grant;
pub mod http;
pub mod jwks;
pub mod record;
pub mod response;
mod retry;
pub mod secret;
pub mod server;
pub mod signing_key;
pub mod source;
mod text;
pub mod token;
pub mod tokens;
