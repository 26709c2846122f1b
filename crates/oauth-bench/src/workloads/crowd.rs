//! Many callers at once, and no token yet.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::call::Call;
use crate::measure::{cpu, millis, rounded};
use crate::subject::{Fault, Subject};

/// A thousand callers want a token: how many token requests that makes is counted by the server.
pub(super) async fn herd<S: Subject>(call: &Call, shared: &S::Shared) -> Result<Value, Fault> {
    crowd::<S>(call, shared, 1000).await
}

/// Fifty callers want one from a server that answers 503: how many had it refused in vain is counted by
/// the server.
pub(super) async fn refused<S: Subject>(call: &Call, shared: &S::Shared) -> Result<Value, Fault> {
    crowd::<S>(call, shared, 50).await
}

async fn crowd<S: Subject>(call: &Call, shared: &S::Shared, usual: u64) -> Result<Value, Fault> {
    let tasks = usize::try_from(call.number("tasks", usual)?)?;
    let subject = Arc::new(S::connect(shared, None).await?);
    let barrier = Arc::new(Barrier::new(tasks + 1));
    let cpu_before = cpu();
    let callers: Vec<_> = (0..tasks)
        .map(|_| {
            let (subject, barrier) = (subject.clone(), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                subject.token().await.is_ok()
            })
        })
        .collect();
    let begun = Instant::now();
    barrier.wait().await;
    let mut served = 0;
    for caller in callers {
        served += u64::from(caller.await?);
    }
    let (wall, cpu) = (begun.elapsed(), cpu() - cpu_before);
    Ok(json!({
        "tasks": tasks,
        "ok": served,
        "wall_ms": rounded(millis(wall)),
        "cpu_ms": rounded(millis(cpu)),
    }))
}
