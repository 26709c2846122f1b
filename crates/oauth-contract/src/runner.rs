//! Runs trials, each on threads of its own, and writes down how they ended.

mod report;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed};

use crate::capture::{self, Capture};
use crate::check::Failure;
use crate::check::Outcome;
use crate::redact::redacted;
use crate::suite::Suite;
use crate::trial::Trial;

/// The `main` of an adapter's `tests/e2e.rs`: runs all trials of its suites, or those the command line
/// names, as `cargo test` does.
///
/// Where the environment variable `OAUTH_E2E_REPORT` names a file, each trial appends one line of JSON
/// to it. Without any trial, or with two of one name, it fails.
pub fn run(suites: impl IntoIterator<Item = Suite>) -> ExitCode {
    let arguments = Arguments::from_args();
    match collect(suites) {
        Ok(trials) => {
            capture::install();
            let trials = trials.into_iter().map(mimic).collect();
            libtest_mimic::run(&arguments, trials).exit_code()
        }
        Err(problem) => {
            complain(&problem);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "it is the output of a test program")]
fn complain(problem: &str) {
    eprintln!("error: {problem}");
}

/// All trials; where they cannot be run, why.
fn collect(suites: impl IntoIterator<Item = Suite>) -> Result<Vec<Trial>, String> {
    let mut trials = Vec::new();
    for suite in suites {
        trials.extend(suite.into_trials()?);
    }
    if trials.is_empty() {
        return Err("there is no trial: nothing would be proved".into());
    }
    let mut names = BTreeSet::new();
    match trials
        .iter()
        .find(|trial| !names.insert(trial.name.as_str()))
    {
        Some(twice) => Err(format!("two trials have the name `{}`", twice.name)),
        None => Ok(trials),
    }
}

fn mimic(trial: Trial) -> libtest_mimic::Trial {
    let (name, kind) = (trial.name.clone(), trial.kind.name());
    libtest_mimic::Trial::test(name, move || one(trial)).with_kind(kind)
}

fn one(trial: Trial) -> Result<(), Failed> {
    let (name, kind, started) = (trial.name.clone(), trial.kind.name(), Instant::now());
    let outcome = perform(trial, LIMIT);
    let detail = outcome.err().map(|failure| redacted(&failure.to_string()));
    let line = report::Line {
        trial: &name,
        kind,
        took: started.elapsed(),
        detail: detail.as_deref(),
    };
    report::append(&line).map_err(|error| format!("the report cannot be written: {error}"))?;
    detail.map_or(Ok(()), |detail| Err(detail.into()))
}

/// The longest a trial may take, in real time.
const LIMIT: Duration = Duration::from_secs(30);

/// Two worker threads for each trial, so that what races does race.
fn perform(trial: Trial, limit: Duration) -> Outcome {
    let captured = Arc::new(Capture::default());
    let (dispatch, capture) = (captured.dispatch(), Arc::clone(&captured));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("trial")
        .on_thread_start(move || capture.adopt_this_thread(&dispatch))
        .enable_all()
        .build()?;
    let (ended, end) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        let outcome = tokio::spawn(async move { (trial.body)().await }).await;
        let _ = ended.send(outcome); // nobody listens any more after the limit
    });
    // not a timer of the runtime, whose threads may be what hangs
    let outcome = match end.recv_timeout(limit) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Failure::new("it panicked")),
        Err(_) => Err(Failure::new(format!("it did not end within {limit:?}"))),
    };
    runtime.shutdown_background();
    unless_panicked(outcome, &captured)
}

/// A panic anywhere fails a trial, also one in the background that nobody waits for.
fn unless_panicked(outcome: Outcome, capture: &Capture) -> Outcome {
    let panics = capture.panics();
    if panics.is_empty() {
        return outcome;
    }
    let panics = panics.join("\n");
    match outcome {
        Ok(()) => Err(Failure::new(format!(
            "a thread of the trial panicked: {panics}"
        ))),
        Err(failure) => Err(failure.with(panics)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Kind;

    fn ended<F>(limit: Duration, body: impl FnOnce() -> F + Send + 'static) -> Result<(), String>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        capture::install();
        perform(Trial::new("a".into(), Kind::Clause, body), limit)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_trial_ends_as_its_body_does() {
        assert_eq!(ended(LIMIT, || async { Ok(()) }), Ok(()));
        assert_eq!(
            ended(LIMIT, || async { Err(Failure::new("why")) }),
            Err("why".into())
        );
    }

    #[test]
    fn a_panic_is_a_failure_with_its_text_and_place() {
        let text = ended(LIMIT, || async { panic!("a text of its own") }).unwrap_err();
        assert!(
            text.contains("a text of its own") && text.contains("runner.rs"),
            "{text}"
        );
    }

    #[test]
    fn a_panic_that_nobody_waits_for_is_a_failure() {
        let text = ended(LIMIT, || async {
            let task = tokio::spawn(async { panic!("in the background") });
            assert!(task.await.is_err());
            Ok(())
        });
        assert!(text.unwrap_err().contains("in the background"));
    }

    #[test]
    fn what_does_not_end_is_a_failure() {
        let limit = Duration::from_millis(50);
        let text = ended(limit, std::future::pending::<Outcome>).unwrap_err();
        assert_eq!(text, "it did not end within 50ms");
    }

    #[test]
    fn without_a_trial_nothing_passes() {
        assert!(collect([]).is_err_and(|problem| problem.contains("no trial")));
    }
}
