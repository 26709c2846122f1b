//! A database of its own for one test, on the server that `OAUTH_TEST_POSTGRES` names.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};
use url::Url;

/// Made by [`Database::create`], removed by [`Database::remove`].
pub struct Database {
    /// Where a store connects, through the pooler where that was wanted.
    pub url: String,
    /// The same without a pooler.
    pub direct: String,
    name: String,
}

static MADE: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// An empty one.
    pub async fn create(pooled: bool) -> Result<Self, String> {
        let server = variable("OAUTH_TEST_POSTGRES")?;
        let number = MADE.fetch_add(1, Ordering::SeqCst);
        let name = format!("oauth_test_{}_{number}", std::process::id());
        execute(
            &server,
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await?;
        execute(&server, &format!("CREATE DATABASE {name}")).await?;
        let direct = with_path(&server, &name)?;
        let url = match pooled {
            true => with_path(&variable("OAUTH_TEST_PGBOUNCER")?, &name)?,
            false => direct.clone(),
        };
        Ok(Self { url, direct, name })
    }

    /// Lets every lease be that much older.
    pub async fn age_leases(&self, span: Duration) {
        let sql = format!(
            "UPDATE oauth_record SET lease_until = lease_until - {}",
            span.as_millis()
        );
        execute(&self.direct, &sql).await.unwrap();
    }

    /// As if the server's clock were set back by that much.
    pub async fn set_back(&self, span: Duration) {
        let sql = format!(
            "UPDATE oauth_record SET lease_until = lease_until + {}",
            span.as_millis()
        );
        execute(&self.direct, &sql).await.unwrap();
    }

    /// Runs any statement.
    pub async fn execute(&self, sql: &str) {
        execute(&self.direct, sql).await.unwrap();
    }

    /// Removes it, whoever is connected.
    pub async fn remove(&self) {
        let server = variable("OAUTH_TEST_POSTGRES").unwrap();
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        execute(&server, &sql).await.unwrap();
    }
}

/// What `cargo xtask test` says of its servers.
pub fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set: run `cargo xtask test store`"))
}

/// Connects as the tests do.
pub async fn connect(url: &str) -> Result<PgConnection, String> {
    let options: PgConnectOptions = url.parse().map_err(|error| format!("{error}"))?;
    options.connect().await.map_err(|error| error.to_string())
}

async fn execute(url: &str, sql: &str) -> Result<(), String> {
    let mut connection = connect(url).await?;
    let done = sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await;
    done.map(drop).map_err(|error| format!("{sql}: {error}"))
}

fn with_path(url: &str, name: &str) -> Result<String, String> {
    let mut url = Url::parse(url).map_err(|error| error.to_string())?;
    url.set_path(name);
    Ok(url.into())
}
