//! Many processes, one grant: killed, paused, crowded, and a database that goes down under them.
//!
//! PostgreSQL is found as `cargo xtask test store` tells. `cargo xtask soak` makes long runs of some of
//! these trials.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail loudly, and report"
)]

mod chance;
mod connection;
mod crowds;
mod kills;
mod lanes;
mod orders;
mod pauses;
mod process;
mod restarts;
mod rivals;
mod said;
mod scale;
mod scene;
mod spools;
mod stopping;
mod stores;
#[path = "../support/mod.rs"]
mod support;
mod tally;
mod worker;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::orders::{Policy, WORKER};
use crate::scale::Scale;
use crate::stores::{Home, Kind};
use crate::tally::{Promise, Tally};

fn main() {
    if let Ok(orders) = std::env::var(WORKER) {
        return worker::run(&orders);
    }
    let arguments = Arguments::from_args();
    let scale = Scale::from_environment();
    let mut trials = Vec::new();
    for kind in stores::KINDS {
        let store = kind.name();
        for policy in [Policy::Grace, Policy::Strict] {
            let name = format!(
                "{store}/a_kill_loses_nothing_silently_with_{}",
                policy.name()
            );
            let scale = scale.clone();
            trials.push(trial(name, move || kills_of(kind, policy, scale)));
        }
        let name = format!("{store}/a_kill_with_the_answer_in_the_spool_loses_nothing");
        let of = scale.clone();
        trials.push(trial(name, move || spooled_kills_of(kind, of)));
        let name = format!("{store}/a_kill_among_rivals_loses_nothing_with_grace");
        let of = scale.clone();
        trials.push(trial(name, move || rivals_of(kind, of)));
        let name = format!("{store}/a_crowd_of_processes_presents_nothing_twice");
        let scale = scale.clone();
        trials.push(trial(name, move || crowd_of(kind, scale)));
        let name = format!("{store}/a_worker_that_lost_its_lease_asleep_sends_nothing");
        trials.push(trial(name, async move || {
            pauses::before_it_sends(&kind.home().await?).await
        }));
        let name = format!("{store}/an_answer_that_comes_too_late_takes_nothing_away");
        trials.push(trial(name, async move || {
            pauses::with_the_answer(&kind.home().await?).await
        }));
    }
    let name = "postgres/a_crowd_behind_a_pooler_presents_nothing_twice";
    trials.push(trial(name, pooled_crowd));
    let name = "postgres/an_answer_is_kept_by_a_database_that_was_restarted_meanwhile";
    trials.push(trial(name, restarts::while_it_asks));
    let name = "postgres/an_answer_is_kept_when_the_database_is_there_again";
    trials.push(trial(name, restarts::when_it_is_answered));
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial<F>(name: impl Into<String>, work: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = Result<(), String>>,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(work()).map_err(Failed::from)
    })
}

async fn kills_of(kind: Kind, policy: Policy, scale: Scale) -> Result<(), String> {
    let promise = match policy {
        Policy::Grace => Promise::Kept,
        Policy::Strict => Promise::Told,
    };
    let name = format!("{}, {}", kind.name(), policy.name());
    judged(&name, promise, &scale, kills::kill(kind, policy, &scale)).await
}

async fn spooled_kills_of(kind: Kind, scale: Scale) -> Result<(), String> {
    let name = format!("{}, strict, with a spool", kind.name());
    let killed = spools::kill(kind, &scale);
    judged(&name, Promise::Spooled, &scale, killed).await
}

async fn rivals_of(kind: Kind, scale: Scale) -> Result<(), String> {
    let name = format!("{}, grace, {} rivals", kind.name(), rivals::CREW);
    let killed = rivals::kill(kind, &scale);
    judged(&name, Promise::KeptByRivals, &scale, killed).await
}

async fn judged(
    name: &str,
    promise: Promise,
    scale: &Scale,
    killed: impl Future<Output = Result<Tally, String>>,
) -> Result<(), String> {
    let began = std::time::Instant::now();
    let tally = killed.await?;
    scale.report(&format!("{name}: {tally}"), began.elapsed());
    let faults = tally.faults(promise);
    match faults.is_empty() {
        true => Ok(()),
        false => Err(format!("{}\n{tally}", faults.join("; "))),
    }
}

async fn crowd_of(kind: Kind, scale: Scale) -> Result<(), String> {
    let began = std::time::Instant::now();
    let (processes, renewals) = match kind {
        Kind::Sqlite => scale.sqlite_crowd,
        Kind::Postgres => scale.postgres_crowd,
    };
    crowds::crowd(&kind.home().await?, processes, renewals).await?;
    let text = format!(
        "{}: {processes} processes renewed {renewals} times each, nothing was presented twice or overwritten",
        kind.name()
    );
    scale.report(&text, began.elapsed());
    Ok(())
}

async fn pooled_crowd() -> Result<(), String> {
    crowds::crowd(&Home::pooled().await?, 8, 50).await
}
