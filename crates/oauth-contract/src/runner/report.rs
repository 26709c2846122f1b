//! The line a trial leaves behind.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::time::Duration;

use serde_json::json;

/// What is told of a trial. Nothing in it is secret.
pub(crate) struct Line<'a> {
    pub trial: &'a str,
    pub kind: &'a str,
    pub took: Duration,
    /// Why it failed; `None`: it passed.
    pub detail: Option<&'a str>,
}

/// Appends a line to the file that `OAUTH_E2E_REPORT` names; without it, does nothing.
pub(crate) fn append(line: &Line<'_>) -> io::Result<()> {
    let Some(path) = std::env::var_os("OAUTH_E2E_REPORT") else {
        return Ok(());
    };
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    // in one piece: other trials write at the same time
    file.write_all(text(line).as_bytes())
}

fn text(line: &Line<'_>) -> String {
    let outcome = if line.detail.is_none() {
        "passed"
    } else {
        "failed"
    };
    let millis = u64::try_from(line.took.as_millis()).unwrap_or(u64::MAX);
    let value = json!({
        "trial": line.trial, "kind": line.kind, "outcome": outcome, "millis": millis, "detail": line.detail,
    });
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_line_is_one_line_of_json() {
        let took = Duration::from_millis(7);
        for (detail, outcome) in [(None, "passed"), (Some("two\nlines \"quoted\""), "failed")] {
            let text = text(&Line {
                trial: "a/b",
                kind: "clause",
                took,
                detail,
            });
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["outcome"], outcome);
            assert_eq!(value["millis"], 7);
            assert_eq!(value["detail"].as_str(), detail);
        }
    }
}
