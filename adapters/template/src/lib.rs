//! The template: an adapter for an imaginary API of items, in each shape an adapter can have.
//!
//! `cargo xtask new acme --grant client-secret` copies one of these shapes to make a new adapter:
//!
//! | `--grant` | module | tokens come from |
//! |---|---|---|
//! | `client-secret` | [`client_secret`] | client credentials, proved with a secret |
//! | `private-key-jwt` | [`private_key_jwt`] | client credentials, proved with a private key |
//! | `refresh` | [`refresh`] | the refresh token of somebody's login |
//! | `static` | [`static_token`] | somebody else: a bot token, an API key |
//!
//! They differ in facts alone. The calls are the same: [`client::TemplateClient`].

pub mod client;
pub mod client_secret;
pub mod private_key_jwt;
pub mod refresh;
pub mod static_token;
