//! The stage held to what it promises: each check is shown to refuse.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod api;
mod assertion;
mod authentication;
mod authorization;
mod binding;
mod discovery;
mod grants;
mod lifecycle;
mod log;
mod refresh;
mod socket;
mod steering;
mod support;
mod tls;
mod token;
