//! What happens to a PostgreSQL database, and what a renewal over it costs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail loudly"
)]

mod broken;
mod clock;
mod cost;
mod refused;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
mod tap;
mod tls;

use std::time::Duration;

use oauth_core::record::{Change, Committed, RecordId, RecordStore as _, RecordValue};
use oauth_store::PostgresStore;

pub(crate) const SPAN: Duration = Duration::from_secs(60);
/// Longer than a busy machine takes.
pub(crate) const PATIENT: Duration = Duration::from_secs(60);

pub(crate) fn id(text: &str) -> RecordId {
    RecordId {
        namespace: "token".into(),
        id: text.into(),
    }
}

pub(crate) fn value(text: &str) -> RecordValue {
    RecordValue::new(text.into())
}

/// Writes under a lease, as a renewal does.
pub(crate) async fn renew(store: &PostgresStore, name: &str, text: &str) {
    let record = store.load(&id(name)).await.unwrap().unwrap_or_default();
    let lease = store.lease(&id(name), record.version, SPAN).await.unwrap();
    let change = Change::Replace(value(text));
    let committed = store.commit(&id(name), &lease.unwrap(), change).await;
    assert_eq!(committed.unwrap(), Committed::Yes);
}
