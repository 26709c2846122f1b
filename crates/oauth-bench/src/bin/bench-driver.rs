//! Our driver: see the crate's documentation.

use std::process::ExitCode;

fn main() -> ExitCode {
    oauth_bench::workloads::main::<oauth_bench::ours::Ours>()
}
