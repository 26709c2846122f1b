//! What a FHIR server says of a request (`OperationOutcome`, FHIR R4).

use std::fmt;

use oauth_core::client::Quote;
use serde_json::Value;

/// What a server says of a request: <https://hl7.org/fhir/R4/operationoutcome.html>. Its texts are
/// escaped, cut, and without the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationOutcome {
    /// One thing after the other; a server that breaks the rules says none.
    pub issues: Vec<Issue>,
}

/// One thing that a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issue {
    /// How much it matters.
    pub severity: Severity,
    /// What kind of thing it is: a code such as `not-found`, `forbidden`, `throttled`
    /// (<https://hl7.org/fhir/R4/valueset-issue-type.html>), or what the server put in its place.
    pub code: String,
    /// What it is in words: the `text` of `details`, else the `display` or `code` of its first coding.
    pub details: Option<String>,
    /// What it is in words for whoever runs the server.
    pub diagnostics: Option<String>,
    /// Where in the request, as FHIRPath: `Patient.name`.
    pub expression: Vec<String>,
}

/// How much an issue matters (<https://hl7.org/fhir/R4/valueset-issue-severity.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// It is good to know.
    Information,
    /// It was done, and may not be what was meant.
    Warning,
    /// It was not done. Also where the server names no severity that FHIR knows.
    Error,
    /// It was not done, and nothing was checked beyond.
    Fatal,
}

impl OperationOutcome {
    /// Reads a body; `None`: it is none of such a resource.
    pub(crate) fn parse(body: &[u8], quote: &Quote) -> Option<Self> {
        Self::read(&serde_json::from_slice(body).ok()?, quote)
    }

    /// Reads a resource; `None`: it is another one.
    pub(crate) fn read(resource: &Value, quote: &Quote) -> Option<Self> {
        if resource["resourceType"] != "OperationOutcome" {
            return None;
        }
        let issues = resource["issue"].as_array();
        let issues = issues.into_iter().flatten().take(MOST);
        Some(Self {
            issues: issues.map(|issue| Issue::read(issue, quote)).collect(),
        })
    }

    /// Whether an issue has that code.
    pub fn has(&self, code: &str) -> bool {
        self.issues.iter().any(|issue| issue.code == code)
    }

    /// The issue that matters most; of those alike, the first.
    pub fn gravest(&self) -> Option<&Issue> {
        self.issues.iter().rev().max_by_key(|issue| issue.severity)
    }
}

/// More issues than that are not told.
const MOST: usize = 64;

impl Issue {
    fn read(issue: &Value, quote: &Quote) -> Self {
        let text =
            |value: &Value| Some(quote.text(value.as_str().filter(|text| !text.is_empty())?));
        let details = &issue["details"];
        let coding = &details["coding"][0];
        let expression = issue["expression"].as_array();
        Self {
            severity: match issue["severity"].as_str() {
                Some("information" | "success") => Severity::Information,
                Some("warning") => Severity::Warning,
                Some("fatal") => Severity::Fatal,
                _ => Severity::Error,
            },
            code: text(&issue["code"]).unwrap_or_else(|| "unknown".to_owned()),
            details: text(&details["text"])
                .or_else(|| text(&coding["display"]))
                .or_else(|| text(&coding["code"])),
            diagnostics: text(&issue["diagnostics"]),
            expression: expression
                .into_iter()
                .flatten()
                .filter_map(text)
                .take(MOST)
                .collect(),
        }
    }
}

/// The code, and the server's words: `not-found, "no such patient"`.
impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        for words in [&self.details, &self.diagnostics].into_iter().flatten() {
            write!(f, ", \"{words}\"")?;
        }
        match self.expression.as_slice() {
            [] => Ok(()),
            [one] => write!(f, " at {one}"),
            [one, more @ ..] => write!(f, " at {one} and {} places more", more.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(resource: Value) -> Option<OperationOutcome> {
        let bare = http::Response::new(Vec::new()).into();
        OperationOutcome::read(&resource, &Quote::from(&bare))
    }

    #[test]
    fn the_gravest_issue_is_told_with_its_words() {
        let outcome = read(json!({"resourceType": "OperationOutcome", "issue": [
            {"severity": "warning", "code": "informational", "diagnostics": "slow"},
            {"severity": "error", "code": "invalid", "details": {"text": "no such code"}, "expression": ["Patient.gender"]},
            {"severity": "error", "code": "required"},
        ]}))
        .unwrap();
        let gravest = outcome.gravest().unwrap();
        assert_eq!(
            gravest.to_string(),
            "invalid, \"no such code\" at Patient.gender"
        );
        assert!(outcome.has("required") && !outcome.has("not-found"));
    }

    #[test]
    fn a_coding_speaks_where_there_is_no_text() {
        for (details, words) in [
            (
                json!({"coding": [{"code": "59177", "display": "no access"}]}),
                Some("no access"),
            ),
            (
                json!({"coding": [{"code": "MSG_NO_EXIST"}]}),
                Some("MSG_NO_EXIST"),
            ),
            (json!({"coding": []}), None),
            (json!("text"), None),
        ] {
            let issue = json!({"severity": "fatal", "code": "x", "details": details});
            let outcome = json!({"resourceType": "OperationOutcome", "issue": [issue]});
            let outcome = read(outcome).unwrap();
            assert_eq!(outcome.issues[0].details.as_deref(), words);
        }
    }

    #[test]
    fn what_breaks_the_rules_is_read_without_harm() {
        assert_eq!(read(json!({"resourceType": "Patient"})), None);
        assert_eq!(read(json!([])), None);
        for issues in [json!(null), json!({}), json!([]), json!("x")] {
            let outcome = json!({"resourceType": "OperationOutcome", "issue": issues});
            assert_eq!(read(outcome), Some(OperationOutcome::default()));
        }
        let outcome = json!({"resourceType": "OperationOutcome", "issue": [7, {"code": "a\nb", "severity": 1}]});
        let outcome = read(outcome).unwrap();
        assert_eq!(outcome.issues[0].to_string(), "unknown");
        assert_eq!(outcome.issues[1].to_string(), "a\\u{a}b");
        assert_eq!(outcome.issues[1].severity, Severity::Error);
    }
}
