//! `jwks`: the public keys of a signing key, by oauth-core's example.

use crate::args::Args;
use crate::failure::{Context, Failure};
use crate::workspace::{Workspace, handed_on};

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let manifest = workspace.root.join("Cargo.toml");
    let mut cargo = workspace.cargo();
    cargo
        .args([
            "run",
            "--quiet",
            "--package",
            "oauth-core",
            "--example",
            "jwks",
        ])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--")
        .args(args.rest())
        // a path among the arguments is meant from where the user stands
        .current_dir(std::env::current_dir().context("the current folder")?)
        .stdin(std::process::Stdio::inherit());
    handed_on(cargo)
}
