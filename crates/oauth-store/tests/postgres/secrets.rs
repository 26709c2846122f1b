//! No value is in the clear: not on the server's disk, in its log of every statement, or in what it tells
//! of its sessions.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_core::record::{Change, Committed, RecordStore as _};
use oauth_store::PostgresStore;

use crate::support::{Server, connect, keys};
use crate::{SPAN, id, renew, value};

const CANARY: &str = "canary-9b2e-token";

#[tokio::test]
async fn no_value_is_in_the_clear_on_the_server_or_in_its_log() {
    let server = Server::start(
        "log_statement = 'all'\nlog_min_duration_statement = 0\nlog_parameter_max_length = -1\n\
         log_parameter_max_length_on_error = -1\nlog_min_error_statement = 'debug5'",
    );
    let mut told = String::new();
    for (name, pooled) in [("direct", false), ("pooled", true)] {
        let mut connection = connect(&server.url).await.unwrap();
        let make = format!("CREATE DATABASE {name}");
        let make = sqlx::raw_sql(sqlx::AssertSqlSafe(make));
        make.execute(&mut connection).await.unwrap();
        let url = server.url.strip_suffix("postgres").unwrap().to_owned() + name;
        let builder = PostgresStore::builder(&url);
        let builder = if pooled {
            builder.behind_pooler()
        } else {
            builder
        };
        let store = builder.connect(keys::new()).await.unwrap();
        store.put(&id("a"), value(CANARY)).await.unwrap();
        renew(&store, "a", CANARY).await;
        let late = store.lease(&id("b"), 0, SPAN).await.unwrap().unwrap();
        store.put(&id("b"), value(CANARY)).await.unwrap();
        let committed = store
            .commit(&id("b"), &late, Change::Replace(value(CANARY)))
            .await;
        assert_eq!(committed.unwrap(), Committed::Journaled);
        store.reseal().await.unwrap();
        let activity: Vec<String> =
            sqlx::query_scalar("SELECT CAST(activity AS TEXT) FROM pg_stat_activity AS activity")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        told.push_str(&activity.join("\n"));
        told.push_str(&format!("{store:?}"));
    }
    assert!(
        told.contains("oauth_record"),
        "sessions tell their last statement"
    );
    server.stop();
    told.push_str(&server.log());
    assert!(
        server.log().contains("UPDATE oauth_record"),
        "statements are logged"
    );
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut files = 0;
    for spelt in [CANARY.to_owned(), STANDARD.encode(CANARY), hex] {
        assert!(!told.contains(&spelt), "{spelt}");
        files += holding(&server.data(), spelt.as_bytes());
    }
    assert_eq!(files, 0);
    assert!(
        holding(&server.data(), b"oauth_record") > 0,
        "the search finds what is there"
    );
}

/// How many files below the folder hold the text.
fn holding(folder: &Path, text: &[u8]) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += holding(&path, text);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        files += usize::from(bytes.windows(text.len()).any(|part| part == text));
    }
    files
}
