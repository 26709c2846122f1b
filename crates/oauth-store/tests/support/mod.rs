//! What the tests of this crate share.

#![allow(dead_code, reason = "no test uses all of it")]
#![allow(unused_imports, reason = "no test uses all of it")]

pub mod core;
mod database;
pub mod keys;
pub mod ordinary;
mod server;

pub use database::{Database, connect, variable};
pub use server::Server;
