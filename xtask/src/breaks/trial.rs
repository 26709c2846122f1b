//! One trial, run by itself.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::breaks::patch::{Target, Trial};
use crate::breaks::tree::Tree;
use crate::child::{self, Ended};
use crate::e2e::artifacts;
use crate::failure::Failure;
use crate::services::Services;
use crate::test::{failed_in, passed_in};

/// A single trial takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed,
    /// There is no trial of that name.
    Missing,
    DoesNotCompile,
    /// It ended without a result, or not at all.
    Died(String),
}

impl Verdict {
    /// What is wrong when there is no break to blame.
    pub fn on_the_whole_tree(&self, trial: &Trial) -> String {
        match self {
            Self::Passed => format!("`{trial}` passes"),
            Self::Failed => format!("`{trial}` fails already"),
            Self::Missing => format!("there is no trial `{trial}`"),
            Self::DoesNotCompile => format!("`{trial}` does not compile"),
            Self::Died(how) => format!("`{trial}` died: {how}"),
        }
    }
}

/// Builds the trial's target in the tree and runs that trial alone.
pub fn run(tree: &Tree<'_>, services: &Services, trial: &Trial) -> Result<Verdict, Failure> {
    let mut cargo = tree.cargo();
    cargo.args(["test", "--quiet", "--no-run", "--package", &trial.package]);
    match &trial.target {
        Target::Lib => cargo.arg("--lib"),
        Target::Test(target) => cargo.args(["--test", target]),
    };
    let Some(built) = artifacts(cargo)? else {
        return Ok(Verdict::DoesNotCompile);
    };
    let program = built.into_iter().find_map(|artifact| {
        let folder = artifact.manifest_path.parent()?.to_owned();
        Some((artifact.executable?, folder))
    });
    let Some((program, folder)) = program else {
        return Ok(Verdict::Missing);
    };
    let mut command = Command::new(program);
    command
        .current_dir(&folder)
        .env("CARGO_MANIFEST_DIR", &folder)
        .stdin(Stdio::null())
        .args(["--exact", &trial.name]);
    services.lend(&mut command);
    child::run(command, LIMIT).map(|ended| verdict(&ended))
}

/// By the count a test program prints last: an exit code alone may mean anything.
fn verdict(ended: &Ended) -> Verdict {
    let count = |of: fn(&str) -> Option<usize>| ended.stdout.lines().rev().find_map(of);
    match (ended.success(), count(passed_in), count(failed_in)) {
        (true, Some(0), Some(0)) => Verdict::Missing,
        (true, Some(1), Some(0)) => Verdict::Passed,
        (false, Some(0), Some(1)) if ended.status.is_some() => Verdict::Failed,
        _ => Verdict::Died(format!("{}\n{}", ended.how(), ended.tail())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn ended(code: i32, result: &str) -> Verdict {
        verdict(&Ended {
            status: Some(ExitStatus::from_raw(code << 8)),
            stdout: format!("running\n{result}\n"),
            stderr: String::new(),
        })
    }

    #[test]
    fn only_a_counted_failure_is_one() {
        assert_eq!(
            ended(0, "test result: ok. 1 passed; 0 failed; 0 ignored"),
            Verdict::Passed
        );
        assert_eq!(
            ended(101, "test result: FAILED. 0 passed; 1 failed; 0 ignored"),
            Verdict::Failed
        );
        assert_eq!(
            ended(0, "test result: ok. 0 passed; 0 failed; 9 filtered out"),
            Verdict::Missing
        );
        assert!(matches!(ended(101, "stack overflow"), Verdict::Died(_)));
        assert!(matches!(ended(0, ""), Verdict::Died(_)));
    }
}
