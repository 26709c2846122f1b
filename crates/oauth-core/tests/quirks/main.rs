//! How real servers depart from the RFCs: each departure of the catalogue in `QUIRKS.md` declared as a user
//! would, against a server that departs so. A test's name begins with the catalogue's number.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod answers;
mod assertions;
mod dialects;
mod errors;
mod facts;
mod grants;
mod lifetimes;
mod placement;
mod refreshes;
mod requests;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod vendor;

pub(crate) use vendor::{Vendor, granted, pairs};
