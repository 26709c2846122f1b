//! A store without room: what could be lost is not spent.

use std::sync::Arc;

use oauth_core::error::{ErrorKind, StoreFault};
use oauth_core::record::{RecordStore, RecordValue};
use oauth_core::source::TokenSource as _;
use oauth_stage::Endpoint;
use oauth_store::SqliteStore;

use crate::support::core;
use crate::{Place, id, load, value};

/// A store in which not even a lease has room any more.
async fn full(place: &Place) -> SqliteStore {
    let builder = SqliteStore::builder(place.path()).size_limit(12 * 4096);
    let store = builder.open(place.keys.clone()).await.unwrap();
    store.put(&id("first"), value("kept")).await.unwrap();
    let mut number = 0;
    for size in [2000, 200, 0] {
        loop {
            number += 1;
            let filler = RecordValue::new(vec![b'x'; size]);
            match store.put(&id(&format!("{number:04}")), filler).await {
                Ok(_) => assert!(number < 5000, "it never is full"),
                Err(error) => {
                    assert_eq!(error.fault(), StoreFault::Full, "{error}");
                    break;
                }
            }
        }
    }
    store
}

#[tokio::test]
async fn a_full_store_says_so_and_keeps_what_it_has() {
    let place = Place::new();
    let store = full(&place).await;
    let refused = store.lease(&id("new"), 0, crate::SPAN).await.unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Full);
    let refused = store
        .put(&id("first"), RecordValue::new(vec![0; 9000]))
        .await;
    assert_eq!(refused.unwrap_err().fault(), StoreFault::Full);
    assert_eq!(load(&store, "first").await.value, Some(value("kept")));
    store.close().await.unwrap();
    assert_eq!(
        load(&place.open().await, "first").await.value,
        Some(value("kept"))
    );
}

#[tokio::test]
async fn a_rotating_refresh_token_is_not_spent_where_its_successor_cannot_be_kept() {
    let place = Place::new();
    let server = core::server().await;
    let env = core::env(Arc::new(full(&place).await));
    let source = core::refreshing(&env, &server, &core::login(&server));
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(StoreFault::Full), "{error}");
    assert_eq!(server.count(Endpoint::Token), 0);
}

#[tokio::test]
async fn a_token_that_can_be_had_again_is_served_and_marked_as_not_kept() {
    let place = Place::new();
    let server = core::server().await;
    let env = core::env(Arc::new(full(&place).await));
    let token = core::client_credentials(&env, &server)
        .token()
        .await
        .unwrap();
    assert!(!token.is_persisted());
    let elsewhere = Place::new();
    let env = core::env(Arc::new(elsewhere.open().await));
    let token = core::client_credentials(&env, &server)
        .token()
        .await
        .unwrap();
    assert!(token.is_persisted());
}
