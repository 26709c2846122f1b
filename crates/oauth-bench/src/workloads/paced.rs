//! Calls on a schedule, while tokens end or are revoked.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::call::Call;
use crate::measure::{Samples, millis};
use crate::subject::{Fault, Subject};

/// Tokens end while the calls are made: what the server answers ends in the midst of them.
pub(super) async fn expiry<S: Subject>(call: &Call, shared: &S::Shared) -> Result<Value, Fault> {
    paced::<S>(call, shared, false).await
}

/// At half time every token that was issued is revoked.
pub(super) async fn revoke<S: Subject>(call: &Call, shared: &S::Shared) -> Result<Value, Fault> {
    paced::<S>(call, shared, true).await
}

/// What one task saw.
#[derive(Default)]
struct Seen {
    latencies: Vec<f64>,
    refused: u64,
    failed: u64,
}

/// Tasks that call at a rate of their own. A latency counts from when the call was due, so that a stall is
/// charged to every call it delays.
async fn paced<S: Subject>(
    call: &Call,
    shared: &S::Shared,
    revoking: bool,
) -> Result<Value, Fault> {
    let seconds = call.number("secs", 10)?;
    let rate = u32::try_from(call.number("rate", 10)?)?;
    let tasks = u32::try_from(call.number("tasks", 64)?)?;
    let subject = Arc::new(S::connect(shared, None).await?);
    subject.token().await?;
    let period = Duration::from_secs(1) / rate.max(1);
    let start = Instant::now() + Duration::from_millis(50);
    let end = start + Duration::from_secs(seconds);
    let callers: Vec<_> = (0..tasks)
        .map(|number| {
            let subject = subject.clone();
            let first = start + period * number / tasks;
            tokio::spawn(async move { calls(&*subject, first, period, end).await })
        })
        .collect();
    if revoking {
        sleep_until(start + Duration::from_millis(seconds * 500)).await;
        let url = call.url("revoke-all");
        let client = reqwest::Client::builder().no_proxy().build()?;
        client.post(url).send().await?.error_for_status()?;
    }
    let (mut latencies, mut refused, mut failed) = (Samples::default(), 0, 0);
    for caller in callers {
        let seen = caller.await?;
        latencies.extend(seen.latencies);
        refused += seen.refused;
        failed += seen.failed;
    }
    Ok(json!({
        "n": latencies.len(),
        "fail401": refused,
        "err": failed,
        "p50_ms": latencies.quantile(0.5),
        "p99_ms": latencies.quantile(0.99),
        "max_ms": latencies.quantile(1.0),
        "over50ms": latencies.above(50.0),
    }))
}

async fn calls<S: Subject>(subject: &S, first: Instant, period: Duration, end: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut due = first;
    while due < end {
        sleep_until(due).await;
        match subject.call().await {
            Ok(200) => {}
            Ok(401) => seen.refused += 1,
            _ => seen.failed += 1,
        }
        seen.latencies.push(millis(due.elapsed()));
        due += period;
    }
    seen
}
