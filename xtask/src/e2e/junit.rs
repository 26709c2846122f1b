//! The same rows for a build server.

use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::e2e::report::{Outcome, Row};
use crate::failure::{Context, Failure};

/// Writes the JUnit file, with its folder.
pub fn write(file: &Path, rows: &[Row], time: Duration) -> Result<(), Failure> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).context(folder.display())?;
    }
    let text = report(rows, time).to_string().context(file.display())?;
    std::fs::write(file, text).context(file.display())
}

/// A suite an adapter and shape, a case a trial.
fn report(rows: &[Row], time: Duration) -> Report {
    let mut report = Report::new("e2e");
    report.set_time(time);
    for rows in rows.chunk_by(|one, next| one.split().0 == next.split().0) {
        let mut suite = TestSuite::new(rows[0].split().0);
        suite.set_time(Duration::from_millis(
            rows.iter().map(|row| row.millis).sum(),
        ));
        suite.add_test_cases(rows.iter().map(case));
        report.add_test_suite(suite);
    }
    report
}

fn case(row: &Row) -> TestCase {
    let status = match row.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Failed => {
            let detail = row.detail.as_deref().unwrap_or_default();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(detail.lines().next().unwrap_or_default());
            status.set_description(detail);
            status
        }
    };
    let (adapter, name) = row.split();
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("{adapter}/{}", row.kind));
    case.set_time(Duration::from_millis(row.millis));
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_stands_with_its_reason_in_its_suite() {
        let row = |trial: &str, outcome, detail: Option<&str>| Row {
            trial: trial.into(),
            kind: "clause".into(),
            outcome,
            millis: 7,
            detail: detail.map(str::to_owned),
        };
        let rows = [
            row("a/x/one", Outcome::Passed, None),
            row("a/y/one", Outcome::Failed, Some("status <401>\nline two")),
        ];
        let text = report(&rows, Duration::from_secs(1)).to_string().unwrap();
        assert!(
            text.contains(r#"<testsuites name="e2e" tests="2""#),
            "{text}"
        );
        assert!(
            text.contains(r#"<testsuite name="a/y" tests="1""#),
            "{text}"
        );
        assert!(
            text.contains(r#"message="status &lt;401&gt;""#) && text.contains("line two"),
            "{text}"
        );
    }
}
