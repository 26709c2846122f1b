//! What an answer means for what was asked: by its status first, by Slack's code then.

use std::time::Duration;

use oauth_core::error::{Error, ErrorKind, ProtocolFault, Recovery};
use oauth_core::token::Scopes;

use crate::error::{Refusal, SlackError};
use crate::reason::{self, LOOK, Reason};

/// What a call does, for what a failure half-way means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: it may be made again.
    Reads,
    /// A message: look before it is made again.
    Posts,
}

/// The head of an answer, and what it is the answer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered<'a> {
    /// What was called.
    pub what: &'a str,
    /// What that does.
    pub effect: Effect,
    /// The setting that says where.
    pub setting: &'a str,
    pub status: u16,
    /// How long Slack asks to wait.
    pub wait: Option<Duration>,
}

/// What a status says by itself.
enum Standing {
    /// It was not processed (RFC 6585 4, RFC 9110 15.5.20 and 15.6.4, RFC 8470 5.2).
    NotDone,
    /// Nobody knows whether it was: it failed on the way, whatever the body says.
    Open,
    /// Slack has judged, and the body says how.
    Judged,
}

impl Answered<'_> {
    fn standing(&self) -> Standing {
        match self.status {
            421 | 425 | 429 => Standing::NotDone,
            503 if self.wait.is_some() => Standing::NotDone,
            408 | 500..=599 => Standing::Open,
            _ => Standing::Judged,
        }
    }

    /// The body, or nothing where it broke off and the head says enough without it.
    pub fn body(&self, read: Result<Vec<u8>, Error>) -> Result<Vec<u8>, Error> {
        read.or_else(|error| self.broken_off(error).map_or(Ok(Vec::new()), Err))
    }

    /// A refusal by its code.
    pub fn refused(&self, refusal: Refusal) -> SlackError {
        let retry = Recovery::Retry { after: self.wait };
        let (reason, remedy) = reason::of(&refusal.code);
        let (kind, recovery, remedy) = match (self.standing(), reason) {
            (Standing::NotDone, Reason::Other) => (self.not_done(), retry, "try again later"),
            (Standing::NotDone, _) => (self.not_done(), retry, remedy),
            (Standing::Open, _) | (Standing::Judged, Reason::Doubtful) => match self.effect {
                Effect::Posts => (ErrorKind::Ambiguous, Recovery::Unknown, LOOK),
                Effect::Reads => (ErrorKind::Http, retry, "it may pass"),
            },
            (Standing::Judged, Reason::Credential) => {
                (ErrorKind::Refused, Recovery::FixConfig, remedy)
            }
            (Standing::Judged, Reason::Permission) if refusal.needed.is_some() => {
                (ErrorKind::InsufficientScope, Recovery::FixConfig, remedy)
            }
            (Standing::Judged, Reason::Permission | Reason::Channel | Reason::Message) => {
                (ErrorKind::Http, Recovery::FixConfig, remedy)
            }
            (Standing::Judged, Reason::Throttled) => (ErrorKind::Throttled, retry, remedy),
            (Standing::Judged, Reason::Passing) => (ErrorKind::Http, retry, remedy),
            (Standing::Judged, Reason::Other) => (ErrorKind::Http, Recovery::Report, remedy),
        };
        let problem = format!("Slack refused {}: {refusal} ({})", self.what, self.status);
        let mut error = self.error(kind, problem, recovery, remedy);
        if let Some(Ok(needed)) = refusal.needed.as_deref().map(scopes) {
            error = error.with_scopes(needed);
        }
        SlackError::refused(error, refusal)
    }

    /// An answer without anything that Slack says: of somebody in between, or of Slack when it is down.
    pub fn unreadable(&self, fault: ProtocolFault) -> Error {
        let retry = Recovery::Retry { after: self.wait };
        let between = format!(
            "check `{}`, and what stands between you and Slack",
            self.setting
        );
        let (kind, recovery, remedy) = match (self.standing(), self.effect) {
            (Standing::NotDone, _) => (self.not_done(), retry, "try again later".to_owned()),
            (Standing::Open, Effect::Reads) => (ErrorKind::Http, retry, "it may pass".to_owned()),
            (Standing::Open, Effect::Posts) => {
                (ErrorKind::Ambiguous, Recovery::Unknown, LOOK.into())
            }
            (Standing::Judged, Effect::Posts) if self.is_success() => {
                let look = format!("{between}, and whether the message is there");
                (ErrorKind::Protocol(fault), Recovery::Unknown, look)
            }
            (Standing::Judged, Effect::Reads) if self.is_success() => {
                (ErrorKind::Protocol(fault), Recovery::Report, between)
            }
            (Standing::Judged, _) => (ErrorKind::Http, Recovery::FixConfig, between),
        };
        let problem = format!(
            "{} was answered with status {} and nothing that Slack says",
            self.what, self.status
        );
        self.error(kind, problem, recovery, &remedy)
    }

    /// A body that broke off; `None`: the head says enough without it.
    fn broken_off(&self, error: Error) -> Option<Error> {
        match (self.standing(), self.effect) {
            (Standing::NotDone, _) => None,
            (Standing::Judged, _) if !self.is_success() => None,
            (_, Effect::Reads) => Some(error),
            (_, Effect::Posts) => {
                let kind = ErrorKind::Ambiguous;
                Some(self.error(kind, error.to_string(), Recovery::Unknown, LOOK))
            }
        }
    }

    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn not_done(&self) -> ErrorKind {
        match self.status {
            429 | 503 => ErrorKind::Throttled,
            _ => ErrorKind::Http,
        }
    }

    fn error(&self, kind: ErrorKind, problem: String, recovery: Recovery, remedy: &str) -> Error {
        Error::new(kind, problem)
            .remedy(remedy)
            .with_recovery(recovery)
            .with_status(self.status)
    }
}

/// Slack separates scopes by commas (<https://docs.slack.dev/authentication/installing-with-oauth>).
fn scopes(text: &str) -> Result<Scopes, impl std::fmt::Display> {
    let scopes = text.split(',').map(str::trim);
    Scopes::new(scopes.filter(|scope| !scope.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(effect: Effect, status: u16, wait: Option<u64>) -> Answered<'static> {
        Answered {
            what: "it",
            effect,
            setting: "api_url",
            status,
            wait: wait.map(Duration::from_secs),
        }
    }

    #[test]
    fn what_failed_on_the_way_is_open_whatever_the_code_says() {
        for status in [408, 500, 502, 503, 504] {
            for code in [
                "server_exploded",
                "service_unavailable",
                "ratelimited",
                "channel_not_found",
            ] {
                let refusal = || Refusal::new(code.to_owned());
                let posted = answered(Effect::Posts, status, None).refused(refusal());
                assert_eq!(
                    posted.error().kind(),
                    ErrorKind::Ambiguous,
                    "{status} {code}"
                );
                assert_eq!(posted.recovery(), Recovery::Unknown, "{status} {code}");
                let read = answered(Effect::Reads, status, None).refused(refusal());
                assert_eq!(read.recovery().name(), "Retry", "{status} {code}");
            }
        }
    }

    #[test]
    fn what_was_not_processed_may_be_tried_again_whatever_the_code_says() {
        for (status, wait, kind) in [
            (429, Some(600), "Throttled"),
            (429, None, "Throttled"),
            (503, Some(7), "Throttled"),
            (421, None, "Http"),
            (425, None, "Http"),
        ] {
            let it = answered(Effect::Posts, status, wait);
            let after = wait.map(Duration::from_secs);
            for error in [
                it.refused(Refusal::new("too_fast".to_owned()))
                    .error()
                    .clone(),
                it.refused(Refusal::new("ratelimited".to_owned()))
                    .error()
                    .clone(),
                it.unreadable(ProtocolFault::NotJson),
            ] {
                assert_eq!(error.kind().name(), kind, "{status}");
                assert_eq!(error.recovery(), Recovery::Retry { after }, "{status}");
                assert!(error.to_string().contains("; "), "{error}");
            }
            let broken = Error::new(ErrorKind::Interrupted, "broke");
            assert!(it.broken_off(broken).is_none());
        }
    }

    #[test]
    fn a_body_that_breaks_off_leaves_a_message_open_and_a_test_repeatable() {
        let broken = || Error::new(ErrorKind::Timeout, "it did not answer in full");
        for status in [200, 500] {
            let posted = answered(Effect::Posts, status, None)
                .broken_off(broken())
                .unwrap();
            assert_eq!(posted.kind(), ErrorKind::Ambiguous);
            assert_eq!(posted.recovery(), Recovery::Unknown);
            assert!(posted.to_string().contains("; "), "{posted}");
            let read = answered(Effect::Reads, status, None)
                .broken_off(broken())
                .unwrap();
            assert_eq!(read.recovery().name(), "Retry");
        }
        assert!(
            answered(Effect::Posts, 404, None)
                .broken_off(broken())
                .is_none()
        );
    }

    #[test]
    fn a_page_in_the_place_of_an_answer_says_where_to_look() {
        for (effect, status, kind, recovery) in [
            (Effect::Posts, 200, "Protocol.NotJson", "Unknown"),
            (Effect::Reads, 200, "Protocol.NotJson", "Report"),
            (Effect::Posts, 404, "Http", "FixConfig"),
            (Effect::Reads, 500, "Http", "Retry"),
            (Effect::Posts, 502, "Ambiguous", "Unknown"),
        ] {
            let error = answered(effect, status, None).unreadable(ProtocolFault::NotJson);
            assert_eq!(error.kind().name(), kind, "{status}");
            assert_eq!(error.recovery().name(), recovery, "{status}");
            assert!(error.to_string().contains("; "), "{error}");
        }
    }
}
