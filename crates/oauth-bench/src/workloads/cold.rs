//! Tokens that nobody had before, one after the other.

use std::time::Instant;

use serde_json::{Value, json};

use crate::call::Call;
use crate::measure::{Samples, cpu, micros, rounded};
use crate::subject::{Fault, Subject};

/// What one costs, with an assertion of its own where `alg` names an algorithm.
pub(super) async fn run<S: Subject>(call: &Call, shared: &S::Shared) -> Result<Value, Fault> {
    let count = u32::try_from(call.number("n", 200)?)?.max(1);
    let subject = S::connect(shared, None).await?;
    for _ in 0..call.number("warm", 10)? {
        subject.fetch().await?;
    }
    let (cpu_before, begun) = (cpu(), Instant::now());
    let mut latencies = Samples::default();
    for _ in 0..count {
        let begun = Instant::now();
        subject.fetch().await?;
        latencies.extend([micros(begun.elapsed())]);
    }
    let (wall, cpu) = (begun.elapsed(), cpu() - cpu_before);
    Ok(json!({
        "n": count,
        "us": rounded(micros(wall) / f64::from(count)),
        "p50_us": latencies.quantile(0.5),
        "cpu_us": rounded(micros(cpu) / f64::from(count)),
    }))
}
