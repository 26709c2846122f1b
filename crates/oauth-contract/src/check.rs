//! Saying what was expected and what was seen.

use std::fmt::{self, Debug, Display};
use std::time::Duration;

use oauth_core::error::{Error, Recovery};

/// Why a trial failed: what was expected and what was seen.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure with that text, which holds no secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Says first what was being done.
    #[must_use]
    pub fn when(self, what: impl Display) -> Self {
        Self(format!("{what}: {}", self.0))
    }

    /// Adds what may help to understand it.
    #[must_use]
    pub fn with(self, more: impl Display) -> Self {
        Self(format!("{}\n{more}", self.0))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(format!(
            "an error that was not expected ({}): {error}",
            error.kind().name()
        ))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(format!("the test itself failed: {error}"))
    }
}

impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(format!("a task of the test ended early: {error}"))
    }
}

/// How a trial ends.
pub type Outcome = Result<(), Failure>;

/// Fails unless the two are the same.
///
/// # Errors
/// They are not; both are told.
pub fn equal<T: PartialEq + Debug>(what: impl Display, expected: T, seen: T) -> Outcome {
    if expected == seen {
        return Ok(());
    }
    Err(Failure(format!(
        "{what}: expected {expected:?}, saw {seen:?}"
    )))
}

/// Fails unless it is so.
///
/// # Errors
/// It is not; the text says what was seen.
pub fn that(is_so: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if is_so {
        Ok(())
    } else {
        Err(Failure(otherwise()))
    }
}

/// The error of what must not succeed.
pub(crate) fn refused<T>(what: impl Display, result: Result<T, Error>) -> Result<Error, Failure> {
    match result {
        Ok(_) => Err(Failure(format!("{what}: expected an error, saw a success"))),
        Err(error) => Ok(error),
    }
}

/// Fails unless the error is of that kind ([`oauth_core::error::ErrorKind::name`]).
pub(crate) fn kind(what: impl Display, expected: &str, error: &Error) -> Outcome {
    if error.kind().name() == expected {
        return Ok(());
    }
    Err(Failure(format!(
        "{what}: expected an error of kind {expected}, saw {}: {error}",
        error.kind().name()
    )))
}

/// Fails unless the error asks for that.
pub(crate) fn recovery(what: impl Display, expected: &[&str], error: &Error) -> Outcome {
    let seen = Recovery::name(error.recovery());
    that(expected.contains(&seen), || {
        format!(
            "{what}: expected the recovery {}, saw {seen}: {error}",
            expected.join(" or ")
        )
    })
}

/// Fails unless the text is one line without anything that steers a terminal.
pub(crate) fn one_line(what: impl Display, text: &str) -> Outcome {
    that(
        !text.is_empty() && !text.chars().any(char::is_control),
        || format!("{what}: expected one line of text, saw {text:?}"),
    )
}

/// How long an event that must come is awaited, in real time. Nothing here takes as long; it only
/// turns what would hang into a text that says what did not happen.
const PATIENCE: Duration = Duration::from_secs(8);

/// Waits for an event that must come.
pub(crate) async fn comes<T>(
    what: impl Display,
    event: impl Future<Output = T>,
) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, event).await.map_err(|_| {
        Failure(format!(
            "{what}: waited {} s, and it did not come",
            PATIENCE.as_secs()
        ))
    })
}
