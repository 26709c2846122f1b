//! What is run: each workload once, for every [`Subject`].

mod cached;
mod cold;
mod crowd;
mod lookup;
mod memory;
mod paced;

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::call::Call;
use crate::subject::{Fault, Subject};

/// The driver of a subject: reads its command line, prints one line of JSON.
pub fn main<S: Subject>() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let workload = words.next().unwrap_or_else(|| "meta".into());
    let base = words.next().unwrap_or_default();
    let measured = match Call::new(base).with(words) {
        _ if workload == "meta" => Ok(S::meta()),
        Ok(call) => run::<S>(&workload, &call),
        Err(fault) => Err(fault),
    };
    let measured = measured.unwrap_or_else(|fault| json!({"error": fault.to_string()}));
    #[allow(clippy::print_stdout, reason = "the line a driver is run for")]
    {
        println!("{measured}");
    }
    ExitCode::SUCCESS
}

/// One workload, in a runtime of its own: of two threads where threads are to get in each other's way,
/// else of one.
fn run<S: Subject>(workload: &str, call: &Call) -> Result<Value, Fault> {
    let mut builder = match workload {
        "lookup_2t" => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.worker_threads(2).enable_all().build()?;
    let shared = S::share(call)?;
    let measured = runtime.block_on(async {
        match workload {
            "cached_seq" => cached::run::<S>(call, &shared, 1).await,
            "cached_c64" => cached::run::<S>(call, &shared, 64).await,
            "lookup_1t" => lookup::on_one_thread::<S>(call, &shared).await,
            "lookup_2t" => lookup::on_two_threads::<S>(call, &shared).await,
            "cold" => cold::run::<S>(call, &shared).await,
            "herd" => crowd::herd::<S>(call, &shared).await,
            "refused" => crowd::refused::<S>(call, &shared).await,
            "expiry" => paced::expiry::<S>(call, &shared).await,
            "revoke" => paced::revoke::<S>(call, &shared).await,
            "mem" => memory::run::<S>(call, &shared).await,
            _ => Err(format!("there is no workload `{workload}`").into()),
        }
    });
    // not waited for: what still runs is not measured
    runtime.shutdown_background();
    measured
}
