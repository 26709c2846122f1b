//! Why a call brought nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use oauth_core::error::{Error, ErrorKind, Recovery};

use crate::outcome::OperationOutcome;

/// Why a call brought nothing: one line that says what to do, and what the FHIR server said.
///
/// Cheap to clone. It becomes an [`Error`] with `?`, for those who do not care what was said.
#[derive(Clone, Debug)]
pub struct FhirError {
    error: Error,
    outcome: Option<Arc<OperationOutcome>>,
}

impl FhirError {
    /// An answer that is no success (FHIR R4, RESTful API, "Summary").
    pub(crate) fn refused(
        what: &str,
        status: StatusCode,
        outcome: Option<OperationOutcome>,
        wait: Option<Duration>,
    ) -> Self {
        let code = status.as_u16();
        let said = outcome.as_ref().and_then(OperationOutcome::gravest);
        let mut problem = format!("the FHIR server refused the {what} ({code})");
        match said {
            Some(issue) => problem.push_str(&format!(": {issue}")),
            None => problem.push_str(" and did not say why"),
        }
        let passes = [
            "transient",
            "lock-error",
            "timeout",
            "incomplete",
            "throttled",
        ];
        let passes = said.is_some_and(|issue| passes.contains(&issue.code.as_str()));
        let retry = Recovery::Retry { after: wait };
        let (kind, recovery, remedy) = match code {
            429 => (ErrorKind::Throttled, retry, "send fewer requests"),
            405 | 406 | 415 | 501 => (
                ErrorKind::Http,
                Recovery::FixConfig,
                "the server does not offer this: look at its `metadata`",
            ),
            408 | 500..=599 => (
                ErrorKind::Http,
                retry,
                "it may pass; if it lasts, ask whoever runs the server",
            ),
            // it was not processed (RFC 9110 15.5.20, RFC 8470 5.2)
            421 | 425 => (ErrorKind::Http, retry, "it may pass"),
            _ if passes => (ErrorKind::Http, retry, "it may pass"),
            401 | 403 => (
                ErrorKind::Http,
                Recovery::FixConfig,
                "have the client allowed to do this: its scopes, and at the vendor the user or the role it acts as",
            ),
            404 | 410 => (
                ErrorKind::Http,
                Recovery::FixConfig,
                "check the id; without an `OperationOutcome`, check `fhir_url`",
            ),
            400..=499 => (
                ErrorKind::Http,
                Recovery::FixConfig,
                "mend the request as the server says",
            ),
            _ => (
                ErrorKind::Http,
                Recovery::Report,
                "FHIR knows no such answer to this request; report it to whoever runs the server",
            ),
        };
        let error = Error::new(kind, problem)
            .remedy(remedy)
            .with_recovery(recovery)
            .with_status(code);
        Self {
            error,
            outcome: outcome.map(Arc::new),
        }
    }

    /// A refusal of the token, and of the one that took its place.
    pub(crate) fn token_refused(error: Error, outcome: OperationOutcome) -> Self {
        let words = outcome.gravest().map(|issue| format!(": {issue}"));
        Self {
            error: error.adding(&words.unwrap_or_default()),
            outcome: Some(Arc::new(outcome)),
        }
    }

    /// What the server said, where it said anything that FHIR knows.
    pub fn outcome(&self) -> Option<&OperationOutcome> {
        self.outcome.as_deref()
    }

    /// What to do now.
    pub fn recovery(&self) -> Recovery {
        self.error.recovery()
    }

    /// The HTTP status of the answer, where there was one.
    pub fn status(&self) -> Option<u16> {
        self.error.status()
    }

    /// The failure in the words of every adapter: its kind, the status, the OAuth error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Whether the server knows no such resource, or had it once (FHIR R4, RESTful API: 404 and 410).
    /// A wrong `fhir_url` looks the same, but seldom with an `OperationOutcome`: so only with one.
    pub fn is_not_found(&self) -> bool {
        matches!(self.status(), Some(404 | 410)) && self.outcome.is_some()
    }
}

impl fmt::Display for FhirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for FhirError {}

impl From<Error> for FhirError {
    fn from(error: Error) -> Self {
        Self {
            error,
            outcome: None,
        }
    }
}

impl From<FhirError> for Error {
    fn from(refusal: FhirError) -> Self {
        refusal.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oauth_core::client::Quote;
    use serde_json::json;

    #[test]
    fn what_passes_says_so_and_what_does_not_says_what_to_mend() {
        let outcome = |code: &str| {
            let issue = json!({"code": code, "severity": "error"});
            let outcome = json!({"resourceType": "OperationOutcome", "issue": [issue]});
            let bare = http::Response::new(Vec::new()).into();
            OperationOutcome::read(&outcome, &Quote::from(&bare))
        };
        let wait = Some(Duration::from_secs(7));
        for (status, code, kind, recovery) in [
            (429, "throttled", "Throttled", "Retry"),
            (503, "transient", "Http", "Retry"),
            (500, "exception", "Http", "Retry"),
            (501, "not-supported", "Http", "FixConfig"),
            (409, "lock-error", "Http", "Retry"),
            (421, "processing", "Http", "Retry"),
            (409, "conflict", "Http", "FixConfig"),
            (404, "not-found", "Http", "FixConfig"),
            (410, "deleted", "Http", "FixConfig"),
            (403, "forbidden", "Http", "FixConfig"),
            (422, "invalid", "Http", "FixConfig"),
            (200, "exception", "Http", "Report"),
            (302, "exception", "Http", "Report"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = FhirError::refused("read of a Patient", status, outcome(code), wait);
            assert_eq!(error.error().kind().name(), kind, "{status}");
            assert_eq!(error.recovery().name(), recovery, "{status} {code}");
            assert_eq!(error.status(), Some(status.as_u16()));
            let text = error.to_string();
            assert!(text.contains(code) && text.contains("; "), "{text}");
        }
        let missing = |outcome| {
            FhirError::refused("read", StatusCode::NOT_FOUND, outcome, None).is_not_found()
        };
        assert!(missing(outcome("not-found")) && !missing(None));
    }
}
