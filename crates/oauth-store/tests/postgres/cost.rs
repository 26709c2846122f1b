//! What a renewal costs, counted on the wire.

use std::sync::Arc;

use oauth_core::record::{Change, RecordStore as _};
use oauth_core::source::TokenSource as _;
use oauth_stage::Endpoint;
use oauth_store::PostgresStore;

use crate::support::{Database, core, keys};
use crate::tap::Tap;
use crate::{SPAN, id, renew, value};

#[tokio::test]
async fn a_renewal_costs_three_round_trips_on_a_warm_connection() {
    let database = Database::create(false).await.unwrap();
    let tap = Tap::before(&database.url).await;
    let builder = PostgresStore::builder(&tap.url).connections(1);
    let store = builder.connect(keys::new()).await.unwrap();
    renew(&store, "a", "1").await;
    renew(&store, "a", "2").await; // the statement for a record that has a version
    tap.round_trips();
    for round in 3..6 {
        renew(&store, "a", &round.to_string()).await;
        assert_eq!(tap.round_trips(), 3);
    }
    renew(&store, "new", "1").await;
    assert_eq!(tap.round_trips(), 3);
    let lease = store.lease(&id("a"), 5, SPAN).await.unwrap().unwrap();
    store
        .commit(&id("a"), &lease, Change::Release)
        .await
        .unwrap();
    tap.round_trips(); // prepared
    let lease = store.lease(&id("a"), 5, SPAN).await.unwrap().unwrap();
    store
        .commit(&id("a"), &lease, Change::Release)
        .await
        .unwrap();
    assert_eq!(tap.round_trips(), 2);
    assert_eq!(tap.connections(), 1);
    drop(store);
    database.remove().await;
}

#[tokio::test]
async fn a_token_s_renewal_costs_three_round_trips_and_a_cached_call_none() {
    let database = Database::create(false).await.unwrap();
    let tap = Tap::before(&database.url).await;
    let builder = PostgresStore::builder(&tap.url).connections(1);
    let store = Arc::new(builder.connect(keys::new()).await.unwrap());
    let server = core::server().await;
    server.set_token_lifetime(std::time::Duration::ZERO);
    let env = core::env(store.clone());
    let source = core::refreshing(&env, &server, &core::login(&server));
    for _ in 0..2 {
        source.token().await.unwrap();
        env.idle().await;
    }
    tap.round_trips();
    source.token().await.unwrap();
    env.idle().await;
    assert_eq!(tap.round_trips(), 3);
    server.set_token_lifetime(std::time::Duration::from_secs(3600));
    source.token().await.unwrap();
    env.idle().await;
    tap.round_trips();
    for _ in 0..10 {
        source.token().await.unwrap();
    }
    assert_eq!(tap.round_trips(), 0);
    assert_eq!(server.count(Endpoint::Token), 4);
    drop((source, env, store));
    database.remove().await;
}

#[tokio::test]
async fn behind_a_pooler_nothing_is_prepared_and_each_statement_is_a_transaction() {
    let database = Database::create(false).await.unwrap();
    let tap = Tap::before(&database.url).await;
    let builder = PostgresStore::builder(&tap.url)
        .connections(1)
        .behind_pooler();
    let store = builder.connect(keys::new()).await.unwrap();
    renew(&store, "a", "1").await;
    tap.round_trips();
    renew(&store, "a", "2").await;
    assert_eq!(tap.round_trips(), 12);
    assert_eq!(
        store.load(&id("a")).await.unwrap().unwrap().value,
        Some(value("2"))
    );
    drop(store);
    database.remove().await;
}
