//! What all connections to one server share: its clock, its failures, what it asks them to wait.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod clocks;
mod outages;
#[path = "../support/mod.rs"]
mod support;
mod throttles;
