//! Why a call brought nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::token::Scopes;

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

/// What a call does, for what a failure half-way means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: it may be made again.
    Reads,
    /// A message: look before it is made again.
    Posts,
}

impl Effect {
    /// What to do when nobody knows whether it was done.
    pub(crate) fn doubt(self, wait: Option<Duration>) -> Recovery {
        match self {
            Self::Reads => Recovery::Retry { after: wait },
            Self::Posts => Recovery::Unknown,
        }
    }

    /// Of a call that does nothing a lost answer is no loss.
    pub(crate) fn of_failure(self, error: Error) -> SlackError {
        let error = match error.kind() {
            ErrorKind::Ambiguous => error.with_recovery(self.doubt(None)),
            _ => error,
        };
        error.into()
    }
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

    /// The error that it is.
    pub(crate) fn into_error(
        self,
        what: &str,
        status: u16,
        effect: Effect,
        wait: Option<Duration>,
    ) -> SlackError {
        let mut problem = format!("Slack refused {what}: {} ({status})", self.code);
        if let Some(needed) = &self.needed {
            problem.push_str(&format!(", needed `{needed}`"));
        }
        if let Some(provided) = &self.provided {
            problem.push_str(&format!(", provided `{provided}`"));
        }
        for message in &self.messages {
            problem.push_str(&format!(", \"{message}\""));
        }
        let retry = Recovery::Retry { after: wait };
        let (kind, recovery) = match self.reason {
            Reason::Credential => (ErrorKind::Refused, Recovery::FixConfig),
            Reason::Permission if self.needed.is_some() => {
                (ErrorKind::InsufficientScope, Recovery::FixConfig)
            }
            Reason::Permission | Reason::Channel | Reason::Message => {
                (ErrorKind::Http, Recovery::FixConfig)
            }
            Reason::Throttled => (ErrorKind::Throttled, retry),
            Reason::Passing => (ErrorKind::Http, retry),
            Reason::Doubtful if effect == Effect::Posts => {
                (ErrorKind::Ambiguous, effect.doubt(wait))
            }
            Reason::Doubtful => (ErrorKind::Http, effect.doubt(wait)),
            Reason::Other => (ErrorKind::Http, Recovery::Report),
        };
        let mut error = Error::new(kind, problem)
            .remedy(reason::of(&self.code).1)
            .with_recovery(recovery)
            .with_status(status);
        if let Some(Ok(needed)) = self.needed.as_deref().map(scopes) {
            error = error.with_scopes(needed);
        }
        SlackError {
            error,
            refusal: Some(Arc::new(self)),
        }
    }
}

/// Slack separates scopes by commas (<https://docs.slack.dev/authentication/installing-with-oauth>).
fn scopes(text: &str) -> Result<Scopes, impl fmt::Display> {
    Scopes::new(
        text.split(',')
            .map(str::trim)
            .filter(|scope| !scope.is_empty()),
    )
}

impl SlackError {
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
