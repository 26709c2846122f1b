//! What every store does, written once: each case is a trial for each store.
//!
//! PostgreSQL is found by `OAUTH_TEST_POSTGRES` and a pooler by `OAUTH_TEST_PGBOUNCER`, which
//! `cargo xtask test store` sets; without them their trials fail.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail loudly"
)]

mod cases;
#[path = "../support/mod.rs"]
mod support;
mod world;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for kind in world::KINDS {
        for (name, case) in cases::CASES {
            let trial = Trial::test(format!("{}/{name}", kind.name()), move || {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()?;
                runtime.block_on(async {
                    let world = kind.open().await?;
                    case(world.clone()).await;
                    world.end().await;
                    Ok(())
                })
            });
            trials.push(trial);
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}
