//! Many tenants, each with a token of its own.

use std::hint::black_box;
use std::time::Instant;

use serde_json::{Value, json};

use crate::call::Call;
use crate::measure::{memory_kb, rounded};
use crate::subject::{Fault, Subject};

/// How many tenants come at once.
const AT_ONCE: u64 = 50;

/// What a tenant takes of this process's memory, its token included.
pub(super) async fn run<S: Subject>(call: &Call, shared: &S::Shared) -> Result<Value, Fault> {
    let count = u32::try_from(call.number("tenants", 10_000)?)?.max(1);
    let first = S::connect(shared, Some(u64::from(count))).await?;
    first.token().await?; // connections, buffers
    let mut all = Vec::with_capacity(usize::try_from(count)?);
    let (before, begun) = (memory_kb("VmRSS"), Instant::now());
    let at_once = call.number("at_once", AT_ONCE)?.max(1);
    let mut next = 0;
    while next < u64::from(count) {
        let until = (next + at_once).min(u64::from(count));
        let tenants = (next..until).map(|tenant| async move {
            let subject = S::connect(shared, Some(tenant)).await?;
            subject.token().await?;
            Ok::<S, Fault>(subject)
        });
        all.extend(futures_util::future::try_join_all(tenants).await?);
        next = until;
    }
    let (after, most) = (memory_kb("VmRSS"), memory_kb("VmHWM"));
    black_box(&all);
    let each = |kilobytes: u64| {
        let bytes = u32::try_from(kilobytes.saturating_sub(before)).unwrap_or(u32::MAX);
        rounded(f64::from(bytes) * 1024.0 / f64::from(count))
    };
    Ok(json!({
        "tenants": count,
        "rss0_kb": before,
        "rss_kb": after,
        "peak_kb": most,
        "bytes_per_tenant": each(after),
        "peak_bytes_per_tenant": each(most),
        "setup_s": rounded(begun.elapsed().as_secs_f64()),
    }))
}
