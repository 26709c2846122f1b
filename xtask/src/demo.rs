//! `demo`: the template against the stage on loopback, each step shown.

use crate::args::Args;
use crate::failure::Failure;
use crate::workspace::{Workspace, handed_on};

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    args.none()?;
    let mut cargo = workspace.cargo();
    cargo.args([
        "run",
        "--quiet",
        "--package",
        "oauth-template",
        "--example",
        "demo",
    ]);
    handed_on(cargo)
}
