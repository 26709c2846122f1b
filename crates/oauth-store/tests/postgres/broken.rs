//! Connections that are lost, and a database that does not answer or is started again.

use std::sync::Arc;
use std::time::Duration;

use oauth_core::error::StoreFault;
use oauth_core::record::{Change, Committed, RecordStore as _};
use oauth_core::source::TokenSource as _;
use oauth_stage::Endpoint;
use oauth_store::PostgresStore;

use crate::support::{Database, Server, core, keys};
use crate::tap::Tap;
use crate::{PATIENT, SPAN, id, renew, value};

const END_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test]
async fn connections_that_the_server_ended_cost_no_call() {
    let database = Database::create(false).await.unwrap();
    let store = PostgresStore::connect(&database.url, keys::new())
        .await
        .unwrap();
    renew(&store, "a", "1").await;
    database.execute(END_ALL).await;
    renew(&store, "a", "2").await;
    let lease = store.lease(&id("a"), 2, SPAN).await.unwrap().unwrap();
    database.execute(END_ALL).await;
    let committed = store
        .commit(&id("a"), &lease, Change::Replace(value("3")))
        .await;
    assert_eq!(committed.unwrap(), Committed::Yes);
    database.execute(END_ALL).await;
    let lease = store.lease(&id("a"), 3, SPAN).await.unwrap().unwrap();
    assert!(!lease.abandoned);
    drop(store);
    database.remove().await;
}

#[tokio::test]
async fn a_database_that_falls_silent_hangs_no_call() {
    let database = Database::create(false).await.unwrap();
    let tap = Tap::before(&database.url).await;
    let builder = PostgresStore::builder(&tap.url).connections(1);
    let store = builder
        .deadline(Duration::from_secs(2))
        .connect(keys::new())
        .await
        .unwrap();
    renew(&store, "a", "1").await;
    tap.fall_silent(true);
    for _ in 0..2 {
        let error = store.load(&id("a")).await.unwrap_err();
        assert_eq!(error.fault(), StoreFault::Unavailable);
        assert!(error.to_string().contains("2000 ms"), "{error}");
    }
    tap.fall_silent(false);
    assert_eq!(
        store.load(&id("a")).await.unwrap().unwrap().value,
        Some(value("1"))
    );
    drop(store);
    database.remove().await;
}

#[tokio::test]
async fn a_statement_that_waits_for_a_lock_ends_on_the_server_too() {
    let database = Database::create(false).await.unwrap();
    let builder = PostgresStore::builder(&database.url).deadline(Duration::from_secs(1));
    let store = builder.connect(keys::new()).await.unwrap();
    renew(&store, "a", "1").await;
    let mut other = crate::support::connect(&database.direct).await.unwrap();
    let lock = sqlx::raw_sql("BEGIN; SELECT 1 FROM oauth_record FOR UPDATE");
    lock.execute(&mut other).await.unwrap();
    let error = store.lease(&id("a"), 1, SPAN).await.unwrap_err();
    assert_eq!(error.fault(), StoreFault::Unavailable, "{error}");
    assert_eq!(
        store.load(&id("a")).await.unwrap().unwrap().value,
        Some(value("1"))
    );
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    drop((store, other));
    database.remove().await;
}

#[tokio::test]
async fn a_token_survives_a_restart_of_the_database_in_mid_renewal() {
    let database = Server::start("");
    let builder = PostgresStore::builder(&database.url).deadline(PATIENT);
    let store = Arc::new(builder.connect(keys::new()).await.unwrap());
    let server = core::server().await;
    let env = core::env(store.clone());
    let source = core::refreshing(&env, &server, &core::login(&server));
    let hold = server.hold_answer(Endpoint::Token);
    let waiting = tokio::spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    hold.arrived(1).await;
    database.restart(); // leased and asked, not answered yet
    hold.release();
    let token = waiting.await.unwrap().unwrap();
    assert!(token.is_persisted());
    env.idle().await;
    let record = store
        .load(&source.key().record_id())
        .await
        .unwrap()
        .unwrap();
    assert!(record.value.is_some() && record.journal.is_empty());
    assert_eq!((record.version, server.reuse_detected()), (1, 0));
}

#[tokio::test]
async fn a_token_is_kept_when_the_database_comes_back() {
    let database = Server::start("");
    let store = Arc::new(
        PostgresStore::connect(&database.url, keys::new())
            .await
            .unwrap(),
    );
    let server = core::server().await;
    let env = core::env(store.clone());
    let source = core::refreshing(&env, &server, &core::login(&server));
    database.stop();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind().name(), "Store.Unavailable", "{error}");
    assert_eq!(server.count(Endpoint::Token), 0, "nothing is spent");
    let token = core::client_credentials(&env, &server)
        .token()
        .await
        .unwrap();
    assert!(!token.is_persisted());
    database.run();
    renew(&store, "a", "1").await;
}
