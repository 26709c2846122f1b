//! What the tests of this crate share.

#![allow(dead_code, reason = "no test uses all of it")]

mod database;

pub use database::Database;
