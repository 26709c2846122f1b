//! Whose clock is behind takes nothing that somebody holds.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::sync::Arc;
use std::time::Duration;

use oauth_core::clock::ManualClock;
use oauth_core::record::{RecordId, RecordStore as _};
use oauth_store::{SealingKeys, SqliteStore};

const SPAN: Duration = Duration::from_secs(60);

/// As of a statement that read the clock, and then waited for its turn to write.
#[tokio::test]
async fn a_statement_that_waited_takes_no_lease_that_somebody_holds() {
    let folder = tempfile::tempdir().unwrap();
    let keys = SealingKeys::generate(folder.path().join("keys")).unwrap();
    let open = async |clock: &Arc<ManualClock>| {
        let builder = SqliteStore::builder(folder.path().join("store")).clock(clock.clone());
        builder.open(keys.clone()).await.unwrap()
    };
    let behind = Arc::new(ManualClock::new(chrono::DateTime::UNIX_EPOCH));
    let ahead = Arc::new(ManualClock::new(chrono::DateTime::UNIX_EPOCH));
    ahead.advance(Duration::from_secs(10));
    let (holder, other) = (open(&ahead).await, open(&behind).await);
    let id = RecordId {
        namespace: "token".into(),
        id: "a".into(),
    };
    assert!(holder.lease(&id, 0, SPAN).await.unwrap().is_some());
    assert!(other.lease(&id, 0, SPAN).await.unwrap().is_none());
    behind.advance(Duration::from_secs(10) + SPAN);
    let taken = other.lease(&id, 0, SPAN).await.unwrap().unwrap();
    assert!(taken.abandoned);
}
