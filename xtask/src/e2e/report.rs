//! What the trials wrote about themselves, held against what was to run.

use serde::Deserialize;

use crate::child::Ended;
use crate::e2e::trial::Trial;

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passed,
    Failed,
}

/// One line of the file named in `OAUTH_E2E_REPORT`, and one row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub trial: String,
    pub kind: String,
    pub outcome: Outcome,
    pub millis: u64,
    /// Why it failed; redacted by whoever wrote it.
    pub detail: Option<String>,
}

impl Row {
    /// The adapter with its shape, and the clause or scenario.
    pub fn split(&self) -> (&str, &str) {
        self.trial.rsplit_once('/').unwrap_or(("", &self.trial))
    }

    pub fn cells(&self) -> Vec<String> {
        let (adapter, name) = self.split();
        let first = [adapter, name, &self.kind].map(str::to_owned);
        first.into_iter().chain(self.ended()).collect()
    }

    /// Server, flow and clause: a live trial is `live/<server>/<flow>/<clause>`.
    pub fn live_cells(&self) -> Vec<String> {
        let (place, name) = self.split();
        let place = place.strip_prefix("live/").unwrap_or_default();
        let (server, flow) = place.split_once('/').unwrap_or((place, ""));
        let first = [server, flow, name].map(str::to_owned);
        first.into_iter().chain(self.ended()).collect()
    }

    fn ended(&self) -> [String; 2] {
        let outcome = match self.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
        };
        [outcome.to_owned(), format!("{} ms", self.millis)]
    }
}

/// A row for each trial that was to run, in the order of the list. A trial that wrote nothing has
/// failed, so has one that wrote twice, and so has the run when it ended badly without saying where.
pub fn rows(adapter: &str, chosen: &[Trial], written: &str, ended: &Ended) -> Vec<Row> {
    let (lines, unread): (Vec<_>, Vec<_>) = written
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(serde_json::from_str::<Row>)
        .partition(Result::is_ok);
    let lines: Vec<Row> = lines.into_iter().flatten().collect();
    let mut rows: Vec<Row> = chosen
        .iter()
        .map(|trial| row(trial, &lines, ended))
        .collect();
    let listed = |line: &&Row| !chosen.iter().any(|trial| trial.name == line.trial);
    for line in lines.iter().filter(listed) {
        let detail = "wrote a result but was not in the list".to_owned();
        rows.push(failed(&line.trial, &line.kind, line.millis, detail));
    }
    for error in unread.into_iter().filter_map(Result::err) {
        let detail = format!("a line of its report cannot be read: {error}");
        rows.push(failed(&format!("{adapter}/report"), "run", 0, detail));
    }
    if !ended.success() && rows.iter().all(|row| row.outcome == Outcome::Passed) {
        let detail = format!(
            "every trial passed, yet the run failed: {}\n{}",
            ended.how(),
            ended.tail()
        );
        rows.push(failed(&format!("{adapter}/run"), "run", 0, detail));
    }
    rows
}

fn row(trial: &Trial, lines: &[Row], ended: &Ended) -> Row {
    let mut own = lines.iter().filter(|line| line.trial == trial.name);
    match (own.next(), own.next()) {
        (Some(line), None) => line.clone(),
        (Some(line), Some(_)) => {
            let detail = "wrote more than one result".to_owned();
            failed(&trial.name, &trial.kind, line.millis, detail)
        }
        (None, _) => {
            let mut detail = "wrote no result".to_owned();
            if !ended.success() {
                detail.push_str(&format!(
                    "; the run ended: {}\n{}",
                    ended.how(),
                    ended.tail()
                ));
            }
            failed(&trial.name, &trial.kind, 0, detail)
        }
    }
}

fn failed(trial: &str, kind: &str, millis: u64, detail: String) -> Row {
    Row {
        trial: trial.to_owned(),
        kind: kind.to_owned(),
        outcome: Outcome::Failed,
        millis,
        detail: Some(detail),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn ended(code: i32) -> Ended {
        Ended {
            status: Some(ExitStatus::from_raw(code << 8)),
            stdout: String::new(),
            stderr: "thread panicked".into(),
        }
    }

    fn chosen() -> Vec<Trial> {
        ["a/one", "a/two"]
            .map(|name| Trial {
                name: name.into(),
                kind: "clause".into(),
            })
            .into()
    }

    fn line(trial: &str, outcome: &str) -> String {
        format!(
            r#"{{"trial":"{trial}","kind":"clause","outcome":"{outcome}","millis":3,"detail":null}}"#
        ) + "\n"
    }

    #[test]
    fn all_written_and_passed_is_green() {
        let written = line("a/two", "passed") + &line("a/one", "passed");
        let rows = rows("a", &chosen(), &written, &ended(0));
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].trial, "a/one");
        assert!(rows.iter().all(|row| row.outcome == Outcome::Passed));
    }

    #[test]
    fn a_trial_that_wrote_nothing_has_failed() {
        let rows = rows("a", &chosen(), &line("a/one", "passed"), &ended(101));
        assert_eq!(rows[1].outcome, Outcome::Failed);
        let detail = rows[1].detail.as_deref().unwrap();
        assert!(
            detail.starts_with("wrote no result") && detail.contains("thread panicked"),
            "{detail}"
        );
    }

    #[test]
    fn a_trial_that_wrote_twice_has_failed() {
        let written = line("a/one", "passed") + &line("a/two", "passed") + &line("a/two", "passed");
        assert_eq!(
            rows("a", &chosen(), &written, &ended(0))[1].outcome,
            Outcome::Failed
        );
    }

    #[test]
    fn an_unlisted_or_unreadable_result_fails_the_run() {
        let good = line("a/one", "passed") + &line("a/two", "passed");
        for more in [line("a/three", "passed"), "{\n".to_owned()] {
            let rows = rows("a", &chosen(), &(good.clone() + &more), &ended(0));
            assert_eq!(rows.len(), 3, "{more}");
            assert_eq!(rows[2].outcome, Outcome::Failed, "{more}");
        }
    }

    #[test]
    fn a_run_that_died_after_its_trials_has_failed() {
        let written = line("a/one", "passed") + &line("a/two", "passed");
        let rows = rows("a", &chosen(), &written, &ended(1));
        assert_eq!(rows.last().unwrap().trial, "a/run");
    }
}
