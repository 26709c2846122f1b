//! Why a call brought nothing.

use std::fmt;
use std::sync::Arc;

use oauth_core::error::{Error, Recovery};

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
    /// A refusal by the FHIR server.
    pub(crate) fn refused(error: Error, outcome: Option<OperationOutcome>) -> Self {
        Self {
            error,
            outcome: outcome.map(Arc::new),
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
