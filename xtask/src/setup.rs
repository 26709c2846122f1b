//! `setup`: what `ci` needs beyond a toolchain.

use std::process::{Command, Stdio};

use crate::args::Args;
use crate::failure::Failure;
use crate::terminal::say;
use crate::workspace::{Workspace, handed_on};

/// How a person installs cargo-deny.
pub const DENY: &str = "cargo install cargo-deny --locked";

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    args.none()?;
    if has_deny(workspace) {
        say("cargo-deny is here\n");
        return Ok(());
    }
    say("installing cargo-deny\n");
    let mut cargo = workspace.cargo();
    // into cargo's own home: what it builds is none of the workspace's
    cargo
        .args(DENY.split(' ').skip(1))
        .env_remove("CARGO_TARGET_DIR");
    handed_on(cargo)
}

/// Whether `cargo deny` can be called.
pub fn has_deny(workspace: &Workspace) -> bool {
    let mut cargo: Command = workspace.cargo();
    cargo
        .args(["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    cargo.status().is_ok_and(|status| status.success())
}
