//! The life of a token, against a strict server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod ahead;
mod chains;
mod clocks;
mod crashes;
mod crowds;
mod expiry;
mod logins;
mod many;
mod spent;
mod states;
mod stores;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use oauth_core::clock::ManualClock;
use oauth_core::server::RotationPolicy;
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_core::{Error, Token};
use oauth_stage::{Rotation, Strict};
use support::{CLIENT, Wanted};
use tokio::task::JoinHandle;

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) async fn rotating(clock: &Arc<ManualClock>) -> (Strict, String) {
    let stage = support::strict_builder(clock)
        .rotation(Rotation::Rotate {
            grace: Duration::ZERO,
        })
        .start()
        .await
        .unwrap();
    stage.set_token_lifetime(HOUR);
    let seed = stage.issue_refresh_token(CLIENT, "read");
    (stage, seed)
}

pub(crate) fn declared(wanted: Wanted, rotation: RotationPolicy) -> Wanted {
    wanted
        .scopes("read")
        .departing(|departures| departures.lifetime.rotation = rotation)
}

/// Renews once, so that what follows is a renewal with a live token gone.
pub(crate) async fn expire(source: &RenewingToken, clock: &ManualClock) {
    source.token().await.unwrap();
    clock.advance(HOUR);
}

/// A caller that wants a token, in a task of its own.
pub(crate) fn waiting(source: &RenewingToken) -> JoinHandle<Result<Arc<Token>, Error>> {
    let source = source.clone();
    tokio::spawn(async move { source.token().await })
}
