//! A token that is there, without a call.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::call::Call;
use crate::measure::{Samples, cpu, nanos};
use crate::subject::{Fault, Subject};

/// The processor time of one lookup: the median of 40 batches.
pub(super) async fn on_one_thread<S: Subject>(
    call: &Call,
    shared: &S::Shared,
) -> Result<Value, Fault> {
    let each = u32::try_from(call.number("n", 2_000_000)? / 40)?;
    let subject = S::connect(shared, None).await?;
    for _ in 0..10_000 {
        black_box(subject.token().await?); // warm
    }
    let mut batches = Vec::new();
    for _ in 0..40 {
        let before = cpu();
        for _ in 0..each {
            black_box(subject.token().await?);
        }
        batches.push(nanos(cpu() - before) / f64::from(each));
    }
    let mut batches: Samples = batches.into_iter().collect();
    Ok(json!({"ns": batches.quantile(0.5), "ns_min": batches.quantile(0.0)}))
}

const TASKS: u32 = 64;
/// Processor time by wall time from which on both threads did run. Other programs may hold a core, and
/// then nobody contends.
const BOTH_RAN: f64 = 1.7;

/// The same by tasks on two threads that get in each other's way, in many short batches.
pub(super) async fn on_two_threads<S: Subject>(
    call: &Call,
    shared: &S::Shared,
) -> Result<Value, Fault> {
    let each = u32::try_from(call.number("per", 1500)?)?;
    let subject = Arc::new(S::connect(shared, None).await?);
    subject.token().await?;
    let (mut all, mut contended, mut walls) =
        (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..call.number("reps", 250)? {
        let (cpu_before, begun) = (cpu(), Instant::now());
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let subject = subject.clone();
                tokio::spawn(async move {
                    for _ in 0..each {
                        black_box(subject.token().await?);
                    }
                    Ok::<_, Fault>(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        let (wall, cpu) = (nanos(begun.elapsed()), nanos(cpu() - cpu_before));
        let lookups = f64::from(TASKS) * f64::from(each);
        all.extend([cpu / lookups]);
        if cpu / wall >= BOTH_RAN {
            contended.extend([cpu / lookups]);
            walls.extend([wall / lookups]);
        }
    }
    let enough = contended.len() >= 5;
    Ok(json!({
        "ns_cpu": enough.then(|| contended.quantile(0.5)),
        "ns_wall": enough.then(|| walls.quantile(0.5)),
        "clean": contended.len(),
        "ns_cpu_all": all.quantile(0.5),
    }))
}
