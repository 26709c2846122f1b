//! Databases that are not what they should be.

use std::sync::Arc;

use oauth_core::error::{ErrorKind, StoreFault};
use oauth_core::record::{RecordStore as _, StoreError};
use oauth_core::source::TokenSource as _;
use oauth_stage::Endpoint;
use oauth_store::{PostgresStore, SealingKeys};
use url::Url;

use crate::support::{Database, core, keys};
use crate::{SPAN, id, value};

async fn open(database: &Database, keys: &SealingKeys) -> Result<PostgresStore, StoreError> {
    PostgresStore::connect(&database.url, keys.clone()).await
}

async fn refused(database: &Database, keys: &SealingKeys) -> StoreFault {
    let opened = open(database, keys).await;
    opened.expect_err("it must not be opened").fault()
}

#[tokio::test]
async fn openers_at_the_same_time_make_one_store() {
    let database = Arc::new(Database::create(false).await.unwrap());
    let keys = keys::new();
    let mut openers = tokio::task::JoinSet::new();
    for number in 0..16 {
        let (database, keys) = (database.clone(), keys.clone());
        openers.spawn(async move {
            let store = open(&database, &keys).await.unwrap();
            store
                .put(&id(&number.to_string()), value("x"))
                .await
                .unwrap();
        });
    }
    while let Some(opened) = openers.join_next().await {
        opened.unwrap();
    }
    let store = open(&database, &keys).await.unwrap();
    assert_eq!(store.list("token", "").await.unwrap().len(), 16);
    drop(store);
    database.remove().await;
}

#[tokio::test]
async fn what_was_emptied_or_exchanged_is_damage_and_no_new_store() {
    for (sql, fault) in [
        ("DROP TABLE oauth_record", StoreFault::Corrupt),
        ("DROP TABLE oauth_store", StoreFault::Corrupt),
        ("DELETE FROM oauth_store", StoreFault::Corrupt),
        (
            "UPDATE oauth_store SET value = 'x' WHERE name = 'store'",
            StoreFault::Corrupt,
        ),
        (
            "UPDATE oauth_store SET value = '2' WHERE name = 'schema'",
            StoreFault::Version,
        ),
    ] {
        let database = Database::create(false).await.unwrap();
        let keys = keys::new();
        let store = open(&database, &keys).await.unwrap();
        store.close().await;
        database.execute(sql).await;
        assert_eq!(refused(&database, &keys).await, fault, "{sql}");
        database.remove().await;
    }
}

#[tokio::test]
async fn a_table_that_goes_while_it_is_used_is_damage() {
    let database = Database::create(false).await.unwrap();
    let store = open(&database, &keys::new()).await.unwrap();
    store.put(&id("a"), value("x")).await.unwrap();
    database.execute("DROP TABLE oauth_record").await;
    let error = store.load(&id("a")).await.unwrap_err();
    assert_eq!(error.fault(), StoreFault::Corrupt, "{error}");
    drop(store);
    database.remove().await;
}

#[tokio::test]
async fn values_that_changed_places_or_were_forged_are_refused() {
    let database = Database::create(false).await.unwrap();
    let store = open(&database, &keys::new()).await.unwrap();
    for name in ["a", "b"] {
        store.put(&id(name), value(name)).await.unwrap();
    }
    database
        .execute(
            "UPDATE oauth_record SET sealed = other.sealed FROM oauth_record AS other \
             WHERE other.id <> oauth_record.id",
        )
        .await;
    for name in ["a", "b"] {
        let refused = store.load(&id(name)).await.unwrap_err();
        assert_eq!(refused.fault(), StoreFault::Tampered);
    }
    database
        .execute("UPDATE oauth_record SET sealed = NULL")
        .await;
    let refused = store.load(&id("a")).await.unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Corrupt);
    drop(store);
    database.remove().await;
}

/// Refuses every write in that way.
async fn refuse_writes(database: &Database, state: &str) {
    let sql = format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{state}'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON oauth_record \
         FOR EACH ROW EXECUTE FUNCTION refuse()"
    );
    database.execute(&sql).await;
}

#[tokio::test]
async fn a_refresh_token_is_not_spent_where_its_successor_cannot_be_kept() {
    for (state, fault) in [
        ("53100", StoreFault::Full),
        ("25006", StoreFault::ReadOnly),
        ("42501", StoreFault::Permission),
        ("XX001", StoreFault::Corrupt),
    ] {
        let database = Database::create(false).await.unwrap();
        let store = Arc::new(open(&database, &keys::new()).await.unwrap());
        refuse_writes(&database, state).await;
        let server = core::server().await;
        let env = core::env(store);
        let source = core::refreshing(&env, &server, &core::login(&server));
        let error = source.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store(fault), "{error}");
        assert_eq!(server.count(Endpoint::Token), 0, "{state}");
        let token = core::client_credentials(&env, &server)
            .token()
            .await
            .unwrap();
        assert!(!token.is_persisted(), "{state}");
        drop((source, env));
        database.remove().await;
    }
}

#[tokio::test]
async fn a_database_that_is_read_only_is_read_and_not_leased() {
    let database = Database::create(false).await.unwrap();
    let keys = keys::new();
    open(&database, &keys)
        .await
        .unwrap()
        .put(&id("a"), value("x"))
        .await
        .unwrap();
    let read_only = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET \
                     default_transaction_read_only = on', current_database()); END $$";
    database.execute(read_only).await;
    let store = open(&database, &keys).await.unwrap();
    assert_eq!(
        store.load(&id("a")).await.unwrap().unwrap().value,
        Some(value("x"))
    );
    let refused = store.lease(&id("a"), 1, SPAN).await.unwrap_err();
    assert_eq!(refused.fault(), StoreFault::ReadOnly, "{refused}");
    drop(store);
    database.remove().await;
}

#[tokio::test]
async fn a_role_that_may_read_and_write_needs_no_more_and_one_that_may_not_is_told_so() {
    let database = Database::create(false).await.unwrap();
    let keys = keys::new();
    open(&database, &keys).await.unwrap().close().await;
    let role = format!("role_{}", std::process::id());
    let make = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'role-password'; \
         GRANT SELECT ON oauth_store TO {role}; GRANT SELECT, INSERT ON oauth_record TO {role}"
    );
    database.execute(&make).await;
    let mut url = Url::parse(&database.url).unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some("role-password")).unwrap();
    let store = PostgresStore::connect(url.as_str(), keys.clone())
        .await
        .unwrap();
    let refused = store.lease(&id("a"), 0, SPAN).await.unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Permission, "{refused}");
    database
        .execute(&format!("GRANT UPDATE ON oauth_record TO {role}"))
        .await;
    store.lease(&id("a"), 0, SPAN).await.unwrap().unwrap();
    drop(store);
    url.set_password(Some("not-the-password")).unwrap();
    let error = PostgresStore::connect(url.as_str(), keys)
        .await
        .unwrap_err();
    let shown = format!("{error} {error:?}");
    assert_eq!(error.fault(), StoreFault::Permission, "{shown}");
    assert!(
        !shown.contains("not-the-password") && !shown.contains("postgres://"),
        "{shown}"
    );
    database
        .execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
    database.remove().await;
}

#[tokio::test]
async fn a_builder_prints_no_url() {
    let builder = PostgresStore::builder("postgres://user:s3cret@db.example/x");
    assert!(!format!("{builder:?}").contains("s3cret"));
}

#[tokio::test]
async fn nobody_there_is_told_in_one_line() {
    let url = "postgres://user:s3cret@127.0.0.1:1/x";
    let error = PostgresStore::connect(url, keys::new()).await.unwrap_err();
    assert_eq!(error.fault(), StoreFault::Unavailable);
    let shown = error.to_string();
    assert!(
        !shown.contains("s3cret") && !shown.contains('\n'),
        "{shown}"
    );
}

#[tokio::test]
async fn a_pooler_that_was_not_declared_is_told_with_the_remedy() {
    let database = Database::create(true).await.unwrap();
    let error = open(&database, &keys::new()).await.unwrap_err();
    assert_eq!(error.fault(), StoreFault::Unavailable, "{error}");
    assert!(error.to_string().contains("behind_pooler"), "{error}");
    database.remove().await;
}
