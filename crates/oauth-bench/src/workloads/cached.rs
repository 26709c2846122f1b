//! Calls with a token that is there.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::call::Call;
use crate::measure::{Samples, cpu, micros, rounded};
use crate::subject::{Fault, Subject};

/// As many calls of the API as `n` says, by `tasks` tasks: what one costs this process.
pub(super) async fn run<S: Subject>(
    call: &Call,
    shared: &S::Shared,
    tasks: u64,
) -> Result<Value, Fault> {
    let count = call.number("n", 20_000)?;
    let subject = Arc::new(S::connect(shared, None).await?);
    calls(&subject, tasks, 2_000).await?; // warm
    let (cpu_before, begun) = (cpu(), Instant::now());
    let (mut latencies, bad) = calls(&subject, tasks, count).await?;
    let (wall, cpu) = (begun.elapsed(), cpu() - cpu_before);
    let made = u32::try_from(latencies.len())?.max(1);
    Ok(json!({
        "n": made,
        "bad": bad,
        "rps": rounded(f64::from(made) / wall.as_secs_f64()),
        "cpu_us": rounded(micros(cpu) / f64::from(made)),
        "p50_us": latencies.quantile(0.5),
        "p99_us": latencies.quantile(0.99),
        "max_us": latencies.quantile(1.0),
    }))
}

async fn calls<S: Subject>(
    subject: &Arc<S>,
    tasks: u64,
    count: u64,
) -> Result<(Samples, u64), Fault> {
    let each = count / tasks;
    let callers = (0..tasks).map(|_| {
        let subject = subject.clone();
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            let mut bad = 0;
            for _ in 0..each {
                let begun = Instant::now();
                let status = subject.call().await;
                latencies.push(micros(begun.elapsed()));
                bad += u64::from(!matches!(status, Ok(200)));
            }
            (latencies, bad)
        })
    });
    let callers: Vec<_> = callers.collect();
    let (mut latencies, mut bad) = (Samples::default(), 0);
    for caller in callers {
        let (its, failed) = caller.await?;
        latencies.extend(its);
        bad += failed;
    }
    Ok((latencies, bad))
}
