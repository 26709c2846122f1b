//! The live trials, as `cargo xtask e2e --live` starts them.

use std::process::ExitCode;

fn main() -> ExitCode {
    oauth_live::main()
}
