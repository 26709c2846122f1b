//! The clock of the database is set back under a lease.

use std::time::Duration;

use oauth_core::record::RecordStore as _;
use oauth_store::PostgresStore;

use crate::support::{Database, keys};
use crate::{SPAN, id};

#[tokio::test]
async fn a_lease_outlives_a_clock_that_is_set_back_and_ends_after_its_span() {
    for back in [
        Duration::from_secs(600),
        Duration::from_secs(3600),
        Duration::from_secs(10 * 365 * 24 * 3600),
    ] {
        let database = Database::create(false).await.unwrap();
        let store = PostgresStore::connect(&database.url, keys::new())
            .await
            .unwrap();
        let held = store.lease(&id("a"), 0, SPAN).await.unwrap().unwrap();
        database.set_back(back).await;
        for _ in 0..2 {
            let again = store.lease(&id("a"), 0, SPAN).await.unwrap();
            assert!(again.is_none(), "it is held, set back by {back:?}");
        }
        database.age_leases(SPAN / 2).await;
        let again = store.lease(&id("a"), 0, SPAN).await.unwrap();
        assert!(again.is_none(), "half of it is left");
        database.age_leases(SPAN / 2).await;
        let next = store.lease(&id("a"), 0, SPAN).await.unwrap().unwrap();
        assert!(next.abandoned && next.fence > held.fence);
        drop(store);
        database.remove().await;
    }
}
