//! Why a call brought nothing.

use std::fmt;
use std::sync::Arc;

use oauth_core::error::{Error, ErrorKind, Recovery};

use crate::reason::{self, Reason};

/// Why a call brought nothing: one line that says what to do, and what Slack said.
///
/// Cheap to clone. It becomes an [`Error`] with `?`, for those who do not care what was said.
#[derive(Clone, Debug)]
pub struct SlackError {
    error: Error,
    refusal: Option<Arc<Refusal>>,
}

/// What Slack said when it refused. Its texts are escaped, cut, and without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Slack's code, such as `channel_not_found`.
    pub code: String,
    /// What it means.
    pub reason: Reason,
    /// The scope that is missing, where one is (`needed`).
    pub needed: Option<String>,
    /// The scopes that the token has, where one is missing (`provided`).
    pub provided: Option<String>,
    /// What Slack says in words, such as where blocks are wrong (`response_metadata.messages`).
    pub messages: Vec<String>,
}

impl Refusal {
    pub(crate) fn new(code: String) -> Self {
        Self {
            reason: reason::of(&code).0,
            code,
            needed: None,
            provided: None,
            messages: Vec::new(),
        }
    }
}

/// The code, and what Slack says of it: `missing_scope, needed `chat:write`, provided `users:read``.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 3;
        f.write_str(&self.code)?;
        if let Some(needed) = &self.needed {
            write!(f, ", needed `{needed}`")?;
        }
        if let Some(provided) = &self.provided {
            write!(f, ", provided `{provided}`")?;
        }
        for message in self.messages.iter().take(MOST) {
            write!(f, ", \"{message}\"")?;
        }
        match self.messages.len().checked_sub(MOST) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, " and {more} more"),
        }
    }
}

impl SlackError {
    pub(crate) fn refused(error: Error, refusal: Refusal) -> Self {
        Self {
            error,
            refusal: Some(Arc::new(refusal)),
        }
    }

    /// What Slack said, where it said anything.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_deref()
    }

    /// What it means for the caller, where Slack said anything.
    pub fn reason(&self) -> Option<Reason> {
        Some(self.refusal()?.reason)
    }

    /// What to do now.
    pub fn recovery(&self) -> Recovery {
        self.error.recovery()
    }

    /// The HTTP status of the answer, where there was one.
    pub fn status(&self) -> Option<u16> {
        self.error.status()
    }

    /// The failure in the words of every adapter.
    pub fn error(&self) -> &Error {
        &self.error
    }
}

impl fmt::Display for SlackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for SlackError {}

/// A token that was refused in the body is told by the client below, with Slack's code.
impl From<Error> for SlackError {
    fn from(error: Error) -> Self {
        let code = error.oauth().filter(|_| error.kind() == ErrorKind::Refused);
        let refusal = code.map(|said| Arc::new(Refusal::new(said.code.clone())));
        Self { error, refusal }
    }
}

impl From<SlackError> for Error {
    fn from(error: SlackError) -> Self {
        error.error
    }
}
