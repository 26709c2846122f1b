//! A renewal, from the record that is read to the token that is published: what each store adds to the
//! request. PostgreSQL is measured where `OAUTH_TEST_POSTGRES` names one.
#![allow(missing_docs, clippy::expect_used, reason = "a bench fails loudly")]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use oauth_bench::ours::{Ours, Parts};
use oauth_bench::server::Running;
use oauth_bench::subject::Subject as _;
use oauth_core::record::RecordStore;
use oauth_store::{PostgresStore, SealingKeys, SqliteStore};

fn renewals(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Running::start().expect("a server");
    let folder = tempfile::tempdir().expect("a folder");
    let key = || SealingKeys::from_file_or_generate(folder.path().join("key")).expect("a key");
    let sqlite = SqliteStore::open(folder.path().join("tokens.db"), key());
    let sqlite = runtime.block_on(sqlite).expect("a store");
    let mut stores: Vec<(&str, Option<Arc<dyn RecordStore>>)> =
        vec![("memory", None), ("SQLite", Some(Arc::new(sqlite)))];
    if let Ok(url) = std::env::var("OAUTH_TEST_POSTGRES") {
        let postgres = runtime.block_on(PostgresStore::connect(&url, key()));
        stores.push(("PostgreSQL", Some(Arc::new(postgres.expect("a store")))));
    }
    for (name, store) in stores {
        let parts = Parts::of(server.url(), store).expect("an env");
        let ours = Ours::of(&parts, "client").expect("a client");
        criterion.bench_function(&format!("renewal, {name}"), |bencher| {
            bencher.to_async(&runtime).iter(|| ours.fetch());
        });
    }
}

criterion_group!(benches, renewals);
criterion_main!(benches);
