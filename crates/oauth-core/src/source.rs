//! Where tokens come from.

mod bind;
mod fixed;
mod flight;
mod keep;
mod lease;
mod lifetime;
mod renewing;
mod restore;
mod scheduler;
mod slot;
mod start;
mod status;
mod steps;
mod token_source;

pub use crate::source::fixed::FixedToken;
pub use crate::source::renewing::RenewingToken;
pub use crate::source::status::{ConnectionState, ConnectionStatus, StatusChanges};
pub use crate::source::token_source::TokenSource;
