//! `test`: every test there is, and the certainty that some ran.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::args::Args;
use crate::failure::{Context, Failure};
use crate::requirements::{self, Proof};
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
    let ran = counted(cargo)?;
    if !ran.success {
        return Err(Failure::told());
    }
    if ran.passed == 0 {
        return Err(Failure::failed("nothing ran: there is no test"));
    }
    let table = workspace.root.join(requirements::FILE);
    let table = std::fs::read_to_string(&table).context(table.display())?;
    let left = not_run(&table, package.as_deref(), &ran.names);
    if !left.is_empty() {
        say(&left
            .iter()
            .map(|test| format!("{test}\n"))
            .collect::<String>());
        return Err(Failure::failed(format!(
            "{} of {} did not run",
            count(left.len(), "test"),
            requirements::FILE
        )));
    }
    say(&format!("\n{} passed\n", count(ran.passed, "test")));
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

/// The tests that the table of requirements names, of one package or of all, and that were not run.
fn not_run(table: &str, package: Option<&str>, names: &BTreeSet<String>) -> Vec<String> {
    requirements::read(table)
        .into_iter()
        .filter_map(|requirement| match requirement.proof {
            Proof::Tests(tests) => Some(tests),
            _ => None,
        })
        .flatten()
        .filter(|test| package.is_none_or(|package| test.package == package))
        .filter(|test| !names.contains(&test.name))
        .map(|test| format!("{} {} {}", test.package, test.target, test.name))
        .collect()
}

/// What came of a run.
struct Ran {
    /// How many tests passed.
    passed: usize,
    /// The names of those that did, as their binaries list them.
    names: BTreeSet<String>,
    /// Whether cargo is content.
    success: bool,
}

/// Runs the tests with their output shown as it comes.
fn counted(mut cargo: Command) -> Result<Ran, Failure> {
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cargo test")?;
    let mut passed = 0;
    let mut names = BTreeSet::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.context("cargo test")?;
            passed += passed_in(&line).unwrap_or(0);
            names.extend(name_of_passed(&line).map(str::to_owned));
            say(&format!("{line}\n"));
        }
    }
    let status = child.wait().context("cargo test")?;
    Ok(Ran {
        passed,
        names,
        success: status.success(),
    })
}

/// The name in `test a::b ... ok`.
fn name_of_passed(line: &str) -> Option<&str> {
    let name = line.strip_prefix("test ")?.strip_suffix("... ok")?;
    Some(name.trim_end())
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

    #[test]
    fn a_test_of_the_table_that_did_not_run_is_named() {
        let lines = [
            "test a::r001_b ... ok",
            "test TOK-001/1        ... ok",
            "test c ... FAILED",
        ];
        let names: BTreeSet<String> = lines
            .iter()
            .filter_map(|line| name_of_passed(line))
            .map(str::to_owned)
            .collect();
        assert_eq!(names.len(), 2);
        let table = "| R001 | x | `p lib a::r001_b` |\n| R002 | x | `p lib a::r002_c`<br>`q lib r002_d` |\n";
        assert_eq!(not_run(table, Some("p"), &names), ["p lib a::r002_c"]);
        assert_eq!(not_run(table, None, &names).len(), 2);
    }
}
