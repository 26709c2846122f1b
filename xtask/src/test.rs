//! `test`: every test there is, and the certainty that some ran.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::args::Args;
use crate::failure::{Context, Failure};
use crate::services::Services;
use crate::terminal::{count, say};
use crate::workspace::Workspace;

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let package = args.at_most_one()?;
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--no-fail-fast", "--all-features"]);
    let package = match &package {
        None => None,
        Some(name) => Some(full_name(workspace, name)?),
    };
    match &package {
        None => cargo.arg("--workspace"),
        Some(name) => cargo.args(["--package", name]),
    };
    let services = Services::start(workspace, package.as_ref().map(std::slice::from_ref))?;
    services.lend(&mut cargo);
    let (passed, success) = counted(cargo)?;
    if !success {
        return Err(Failure::told());
    }
    if passed == 0 {
        return Err(Failure::failed("nothing ran: there is no test"));
    }
    say(&format!("\n{} passed\n", count(passed, "test")));
    Ok(())
}

/// `core` is `oauth-core`; a whole name stays as it is.
fn full_name(workspace: &Workspace, name: &str) -> Result<String, Failure> {
    let exists = |name: &str| {
        let folder = name.strip_prefix("oauth-").unwrap_or(name);
        name == "xtask"
            || workspace.root.join("crates").join(name).is_dir()
            || name.starts_with("oauth-") && workspace.root.join("adapters").join(folder).is_dir()
    };
    [name.to_owned(), format!("oauth-{name}")]
        .into_iter()
        .find(|name| exists(name))
        .ok_or_else(|| {
            Failure::usage(format!(
                "no package `{name}` or `oauth-{name}` in crates or adapters"
            ))
        })
}

/// Runs the tests with their output shown as it comes; how many passed, and whether cargo is content.
fn counted(mut cargo: Command) -> Result<(usize, bool), Failure> {
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cargo test")?;
    let mut passed = 0;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.context("cargo test")?;
            passed += passed_in(&line).unwrap_or(0);
            say(&format!("{line}\n"));
        }
    }
    let status = child.wait().context("cargo test")?;
    Ok((passed, status.success()))
}

/// The count in `test result: ok. 12 passed; 0 failed; …`.
pub fn passed_in(line: &str) -> Option<usize> {
    number_before(line.strip_prefix("test result: ")?, " passed")
}

/// The count in `test result: FAILED. 11 passed; 1 failed; …`.
pub fn failed_in(line: &str) -> Option<usize> {
    number_before(line.strip_prefix("test result: ")?, " failed")
}

fn number_before(text: &str, word: &str) -> Option<usize> {
    let (before, _) = text.split_once(word)?;
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_passed_and_what_failed() {
        let line =
            "test result: FAILED. 11 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out";
        assert_eq!((passed_in(line), failed_in(line)), (Some(11), Some(1)));
        assert_eq!(passed_in("test a ... ok"), None);
    }
}
