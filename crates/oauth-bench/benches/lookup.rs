//! A token that is there: on one thread, on two that contend, and with a durable store, which is not asked.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench fails loudly"
)]

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use oauth_bench::ours::Parts;
use oauth_bench::server::Running;
use oauth_core::AuthorizedClient;
use oauth_core::source::TokenSource as _;
use oauth_store::{SealingKeys, SqliteStore};

fn lookups(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Running::start().expect("a server");
    let parts = Parts::of(server.url(), None).expect("an env");
    let source = parts.source("client").expect("a source");
    runtime.block_on(source.token()).expect("a token");
    criterion.bench_function("cached", |bencher| {
        bencher.iter(|| black_box(source.cached()))
    });

    let client = parts.client("client").expect("a client");
    criterion.bench_function("token", |bencher| {
        bencher.to_async(&runtime).iter(|| client.token());
    });
    criterion.bench_function("token, two threads", |bencher| {
        bencher.iter_custom(|count| contended(&client, count));
    });

    let folder = tempfile::tempdir().expect("a folder");
    let store = runtime.block_on(async {
        let key = SealingKeys::from_file_or_generate(folder.path().join("key"))?;
        SqliteStore::open(folder.path().join("tokens.db"), key).await
    });
    let parts = Parts::of(server.url(), Some(Arc::new(store.expect("a store"))));
    let client = parts
        .and_then(|parts| parts.client("client"))
        .expect("a client");
    runtime.block_on(client.token()).expect("a token");
    criterion.bench_function("token, kept by SQLite", |bencher| {
        bencher.to_async(&runtime).iter(|| client.token());
    });
}

/// The time of one lookup by either of two threads that began together.
fn contended(client: &AuthorizedClient, count: u64) -> Duration {
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime.expect("a runtime").block_on(async {
                    barrier.wait();
                    for _ in 0..count {
                        let _ = black_box(client.token().await);
                    }
                    barrier.wait();
                });
            });
        }
        barrier.wait();
        let begun = Instant::now();
        barrier.wait();
        begun.elapsed()
    })
}

criterion_group!(benches, lookups);
criterion_main!(benches);
