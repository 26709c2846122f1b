//! Trials: stores of an older version, opened by a library that knows a newer one.

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../tests/support/database.rs"]
mod database;

use std::sync::Arc;
use std::time::Duration;

use oauth_core::error::StoreFault;
use oauth_core::record::{Change, Committed, RecordId, RecordStore, RecordValue, StoreError};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use url::Url;

use crate::keys::SealingKeys;
use crate::migrations::database::{Database, connect};
use crate::postgres::PostgresStore;
use crate::schema::{Alter, Step, take};
use crate::sqlite::SqliteStore;

/// A step whose statements are the same for both.
const fn step(statements: &'static [&'static str]) -> Step {
    Step {
        sqlite: statements,
        postgres: statements,
    }
}

/// Taken twice it fails.
const ADD: Step = step(&[
    "ALTER TABLE oauth_record ADD COLUMN added BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX oauth_record_added ON oauth_record (added)",
]);
const MORE: &str = "ALTER TABLE oauth_record ADD COLUMN more TEXT";

const NONE: &[Step] = &[];
const ONE: &[Step] = &[ADD];
const TWO: &[Step] = &[ADD, step(&[MORE])];
/// The second fails after it has changed something.
const BROKEN: &[Step] = &[ADD, step(&[MORE, "UPDATE oauth_record SET nowhere = 'x'"])];

const SPAN: Duration = Duration::from_secs(60);

/// Where a store is, and its keys.
struct Home {
    kind: Kind,
    keys: SealingKeys,
}

enum Kind {
    Sqlite(TempDir),
    Postgres(Database),
}

type Store = Box<dyn RecordStore>;

impl Home {
    fn sqlite() -> Self {
        Self {
            kind: Kind::Sqlite(tempfile::tempdir().unwrap()),
            keys: SealingKeys::new_random().unwrap(),
        }
    }

    async fn postgres() -> Self {
        Self {
            kind: Kind::Postgres(Database::create(false).await.unwrap()),
            keys: SealingKeys::new_random().unwrap(),
        }
    }

    async fn open(&self, steps: &'static [Step]) -> Result<Store, StoreError> {
        self.open_with(&self.keys, steps).await
    }

    async fn open_with(
        &self,
        keys: &SealingKeys,
        steps: &'static [Step],
    ) -> Result<Store, StoreError> {
        Ok(match &self.kind {
            Kind::Sqlite(_) => Box::new(self.open_sqlite(keys, steps).await?),
            Kind::Postgres(database) => {
                let builder = PostgresStore::builder(&database.url);
                Box::new(builder.connect_by(keys.clone(), steps).await?)
            }
        })
    }

    async fn open_sqlite(
        &self,
        keys: &SealingKeys,
        steps: &'static [Step],
    ) -> Result<SqliteStore, StoreError> {
        let builder = SqliteStore::builder(self.path());
        builder.open_by(keys.clone(), steps).await
    }

    /// A store of the first version, with that record.
    async fn with(self, text: &str) -> Self {
        let store = self.open(NONE).await.unwrap();
        store.put(&id(), value(text)).await.unwrap();
        self
    }

    /// The version that the tables say they are of.
    async fn version(&self) -> String {
        let sql = "SELECT value FROM oauth_store WHERE name = 'schema'";
        match &self.kind {
            Kind::Sqlite(_) => {
                let options = SqliteConnectOptions::new().filename(self.path());
                let mut connection = options.connect().await.unwrap();
                let version = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
                version.unwrap()
            }
            Kind::Postgres(database) => {
                let mut connection = connect(&database.url).await.unwrap();
                let version = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
                version.unwrap()
            }
        }
    }

    fn path(&self) -> std::path::PathBuf {
        match &self.kind {
            Kind::Sqlite(folder) => folder.path().join("tokens.db"),
            Kind::Postgres(_) => unreachable!(),
        }
    }

    fn database(&self) -> &Database {
        match &self.kind {
            Kind::Sqlite(_) => unreachable!(),
            Kind::Postgres(database) => database,
        }
    }

    async fn remove(self) {
        if let Kind::Postgres(database) = self.kind {
            database.remove().await;
        }
    }
}

fn id() -> RecordId {
    RecordId {
        namespace: "token".into(),
        id: "a".into(),
    }
}

fn value(text: &str) -> RecordValue {
    RecordValue::new(text.into())
}

/// What the record says.
async fn said(store: &Store) -> String {
    let record = store.load(&id()).await.unwrap().unwrap();
    String::from_utf8(record.value.unwrap().expose().to_vec()).unwrap()
}

/// Writes under a lease, as a renewal does.
async fn renew(store: &Store, text: &str) {
    let record = store.load(&id()).await.unwrap().unwrap();
    let lease = store.lease(&id(), record.version, SPAN).await.unwrap();
    let change = Change::Replace(value(text));
    let committed = store.commit(&id(), &lease.unwrap(), change).await;
    assert_eq!(committed.unwrap(), Committed::Yes);
}

/// A trial of each name on each database.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            use super::Home;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(Home::sqlite()).await;
                }
            )*
        }
        mod postgres {
            use super::Home;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(Home::postgres().await).await;
                }
            )*
        }
    };
}

on_both!(
    openers_at_the_same_time_take_each_step_once,
    a_step_that_somebody_else_has_taken_is_not_taken_again,
    a_new_store_takes_every_step,
    whoever_has_the_store_open_goes_on_over_a_step,
    a_step_that_fails_changes_nothing_and_is_told_with_what_to_do,
    tables_of_a_newer_library_are_refused_and_left_alone,
    another_store_s_tables_take_no_step,
);

async fn openers_at_the_same_time_take_each_step_once(home: Home) {
    let home = Arc::new(home.with("kept").await);
    let mut openers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let home = home.clone();
        openers.spawn(async move { said(&home.open(TWO).await.unwrap()).await });
    }
    while let Some(said) = openers.join_next().await {
        assert_eq!(said.unwrap(), "kept");
    }
    assert_eq!(home.version().await, "3");
    renew(&home.open(TWO).await.unwrap(), "renewed").await;
    assert_eq!(said(&home.open(TWO).await.unwrap()).await, "renewed");
    Arc::into_inner(home).unwrap().remove().await;
}

async fn a_step_that_somebody_else_has_taken_is_not_taken_again(home: Home) {
    async fn late(engine: &impl Alter) {
        take(engine, 1, &ADD).await.unwrap();
        take(engine, 1, &ADD).await.unwrap();
    }
    let home = home.with("kept").await;
    match &home.kind {
        Kind::Sqlite(_) => {
            let store = home.open_sqlite(&home.keys, NONE).await.unwrap();
            late(&store.records.engine).await;
        }
        Kind::Postgres(database) => {
            let builder = PostgresStore::builder(&database.url);
            let store = builder.connect_by(home.keys.clone(), NONE).await;
            late(&store.unwrap().records.engine).await;
        }
    }
    assert_eq!(home.version().await, "2");
    assert_eq!(said(&home.open(ONE).await.unwrap()).await, "kept");
    home.remove().await;
}

async fn a_new_store_takes_every_step(home: Home) {
    let store = home.open(TWO).await.unwrap();
    store.put(&id(), value("x")).await.unwrap();
    renew(&store, "renewed").await;
    assert_eq!(home.version().await, "3");
    assert_eq!(said(&home.open(TWO).await.unwrap()).await, "renewed");
    drop(store);
    home.remove().await;
}

async fn whoever_has_the_store_open_goes_on_over_a_step(home: Home) {
    let home = home.with("kept").await;
    let open = home.open(NONE).await.unwrap();
    renew(&open, "before").await;
    let newer = home.open(ONE).await.unwrap();
    renew(&open, "after").await;
    assert_eq!(said(&newer).await, "after");
    renew(&newer, "newer").await;
    assert_eq!(said(&open).await, "newer");
    drop((open, newer));
    home.remove().await;
}

async fn a_step_that_fails_changes_nothing_and_is_told_with_what_to_do(home: Home) {
    let home = home.with("kept").await;
    let error = home.open(BROKEN).await.err().unwrap();
    assert_eq!(error.fault(), StoreFault::Version, "{error}");
    let told = error.to_string();
    for part in [
        "from version 2 to 3 failed",
        "nowhere",
        "a step is taken wholly or not at all",
        "open the store again, or go on with the library that knows version 2",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(home.version().await, "2");
    assert_eq!(said(&home.open(ONE).await.unwrap()).await, "kept");
    // what the step had changed before it failed would be in the way now
    assert_eq!(said(&home.open(TWO).await.unwrap()).await, "kept");
    home.remove().await;
}

async fn tables_of_a_newer_library_are_refused_and_left_alone(home: Home) {
    let home = home.with("kept").await;
    home.open(TWO).await.unwrap();
    for steps in [NONE, ONE] {
        let error = home.open(steps).await.err().unwrap();
        assert_eq!(error.fault(), StoreFault::Version, "{error}");
        assert!(error.to_string().contains("update it"), "{error}");
    }
    assert_eq!(home.version().await, "3");
    assert_eq!(said(&home.open(TWO).await.unwrap()).await, "kept");
    home.remove().await;
}

async fn another_store_s_tables_take_no_step(home: Home) {
    let home = home.with("kept").await;
    let other = SealingKeys::new_random().unwrap();
    let error = home.open_with(&other, ONE).await.err().unwrap();
    assert_eq!(error.fault(), StoreFault::Corrupt, "{error}");
    assert_eq!(home.version().await, "1");
    assert_eq!(said(&home.open(NONE).await.unwrap()).await, "kept");
    home.remove().await;
}

#[tokio::test]
async fn a_file_that_lacks_what_a_step_made_is_damage() {
    let home = Home::sqlite().with("kept").await;
    home.open(ONE).await.unwrap();
    let options = SqliteConnectOptions::new().filename(home.path());
    let mut connection = options.connect().await.unwrap();
    let dropped = sqlx::raw_sql("DROP INDEX oauth_record_added");
    dropped.execute(&mut connection).await.unwrap();
    let error = home.open(TWO).await.err().unwrap();
    assert_eq!(error.fault(), StoreFault::Corrupt, "{error}");
    assert_eq!(home.version().await, "2");
}

#[tokio::test]
async fn a_role_that_does_not_own_the_tables_is_told_who_takes_the_step() {
    let home = Home::postgres().await.with("kept").await;
    let role = format!("step_{}", std::process::id());
    let make = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'role-password'; \
         GRANT SELECT, UPDATE ON oauth_store, oauth_record TO {role}"
    );
    home.database().execute(&make).await;
    let mut url = Url::parse(&home.database().url).unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some("role-password")).unwrap();
    let open = async || {
        let builder = PostgresStore::builder(url.as_str());
        builder.connect_by(home.keys.clone(), ONE).await
    };
    let error = open().await.unwrap_err();
    assert_eq!(error.fault(), StoreFault::Permission, "{error}");
    let told = error.to_string();
    assert!(told.contains("the role that owns the tables"), "{told}");
    assert_eq!(home.version().await, "1");
    home.open(ONE).await.unwrap();
    open().await.unwrap();
    let gone = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    home.database().execute(&gone).await;
    home.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_whose_transactions_see_the_past_takes_a_step_once() {
    let home = Arc::new(Home::postgres().await.with("kept").await);
    let usual = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET \
                 default_transaction_isolation = serializable', current_database()); END $$";
    home.database().execute(usual).await;
    let mut openers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let home = home.clone();
        openers.spawn(async move { said(&home.open(TWO).await.unwrap()).await });
    }
    while let Some(said) = openers.join_next().await {
        assert_eq!(said.unwrap(), "kept");
    }
    Arc::into_inner(home).unwrap().remove().await;
}

/// Long enough for all but what is held up.
const SHORT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_step_that_another_writer_holds_up_is_told_and_taken_when_he_is_done() {
    let home = Home::sqlite().with("kept").await;
    let options = SqliteConnectOptions::new().filename(home.path());
    let mut writer = options.connect().await.unwrap();
    let begun = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut writer).await;
    begun.unwrap();
    let builder = SqliteStore::builder(home.path()).deadline(SHORT);
    let error = builder.open_by(home.keys.clone(), ONE).await.unwrap_err();
    assert_eq!(error.fault(), StoreFault::Locked, "{error}");
    let ended = sqlx::raw_sql("ROLLBACK").execute(&mut writer).await;
    ended.unwrap();
    assert_eq!(home.version().await, "1");
    assert_eq!(said(&home.open(ONE).await.unwrap()).await, "kept");
}

#[tokio::test]
async fn a_step_that_a_reader_holds_up_is_told_and_taken_when_he_is_done() {
    let home = Home::postgres().await.with("kept").await;
    let mut reader = connect(&home.database().url).await.unwrap();
    let reading = "BEGIN; SELECT id FROM oauth_record";
    sqlx::raw_sql(reading).execute(&mut reader).await.unwrap();
    let builder = PostgresStore::builder(&home.database().url).deadline(SHORT);
    let error = builder
        .connect_by(home.keys.clone(), ONE)
        .await
        .unwrap_err();
    assert_eq!(error.fault(), StoreFault::Unavailable, "{error}");
    let told = error.to_string();
    assert!(told.contains("wholly or not at all"), "{told}");
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut reader)
        .await
        .unwrap();
    assert_eq!(said(&home.open(ONE).await.unwrap()).await, "kept");
    assert_eq!(home.version().await, "2");
    home.remove().await;
}

#[tokio::test]
async fn a_version_that_cannot_be_raised_is_told_and_not_tried_for_ever() {
    let home = Home::sqlite().with("kept").await;
    let options = SqliteConnectOptions::new().filename(home.path());
    let mut connection = options.connect().await.unwrap();
    let sql = sqlx::raw_sql("UPDATE oauth_store SET value = '01' WHERE name = 'schema'");
    sql.execute(&mut connection).await.unwrap();
    let error = home.open(ONE).await.err().unwrap();
    assert_eq!(error.fault(), StoreFault::Version);
    assert!(error.to_string().contains("`schema`"), "{error}");
    drop(connection);
    home.remove().await;
}
