//! Why a request is refused, for the client and for the list of violations.

use serde_json::json;

use crate::answer::Answer;

/// An OAuth error (RFC 6749 5.2).
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    error: &'static str,
    description: String,
    /// What the client did that an RFC forbids; a wrong secret, say, is no such thing.
    pub(crate) violation: Option<String>,
}

impl Refusal {
    /// The client asked for something it may not have, in a way that it may ask.
    pub(crate) fn new(error: &'static str, description: impl Into<String>) -> Self {
        let status = match error {
            INVALID_CLIENT | INVALID_TOKEN => 401,
            _ => 400,
        };
        Self {
            status,
            error,
            description: description.into(),
            violation: None,
        }
    }

    /// The client broke a rule, and is told which.
    pub(crate) fn violation(error: &'static str, rule: impl Into<String>) -> Self {
        let rule = rule.into();
        Self {
            violation: Some(rule.clone()),
            ..Self::new(error, rule)
        }
    }

    /// As [`Refusal::violation`], with a status of its own.
    pub(crate) fn with_status(status: u16, rule: impl Into<String>) -> Self {
        Self {
            status,
            ..Self::violation(INVALID_REQUEST, rule)
        }
    }

    /// The one answer to all wrong secrets: it does not tell what was wrong about them.
    pub(crate) fn unauthenticated(violation: Option<String>) -> Self {
        Self {
            violation,
            ..Self::new(INVALID_CLIENT, "client authentication failed")
        }
    }

    pub(crate) fn to_answer(&self) -> Answer {
        let mut answer = Answer::json(
            self.status,
            &json!({"error": self.error, "error_description": describe(&self.description)}),
        )
        .header("cache-control", "no-store");
        if self.status == 401 {
            let challenge = match self.error {
                INVALID_TOKEN => "Bearer error=\"invalid_token\"",
                _ => "Basic realm=\"oauth-stage\"",
            };
            answer = answer.header("www-authenticate", challenge);
        }
        if self.status == 405 {
            answer = answer.header("allow", "POST");
        }
        answer
    }
}

pub(crate) const INVALID_REQUEST: &str = "invalid_request";
pub(crate) const INVALID_CLIENT: &str = "invalid_client";
pub(crate) const INVALID_DPOP_PROOF: &str = "invalid_dpop_proof";
pub(crate) const USE_DPOP_NONCE: &str = "use_dpop_nonce";
pub(crate) const INVALID_GRANT: &str = "invalid_grant";
pub(crate) const INVALID_SCOPE: &str = "invalid_scope";
pub(crate) const UNAUTHORIZED_CLIENT: &str = "unauthorized_client";
pub(crate) const INVALID_TARGET: &str = "invalid_target";
pub(crate) const INVALID_TOKEN: &str = "invalid_token";
pub(crate) const INVALID_CLIENT_METADATA: &str = "invalid_client_metadata";
pub(crate) const INVALID_REDIRECT_URI: &str = "invalid_redirect_uri";
pub(crate) const ACCESS_DENIED: &str = "access_denied";
pub(crate) const AUTHORIZATION_PENDING: &str = "authorization_pending";
pub(crate) const EXPIRED_TOKEN: &str = "expired_token";
pub(crate) const SLOW_DOWN: &str = "slow_down";
pub(crate) const UNSUPPORTED_GRANT_TYPE: &str = "unsupported_grant_type";

/// The characters that a description may have (RFC 6749 5.2).
fn describe(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' => '\'',
            ' '..='~' if c != '\\' => c,
            _ => '?',
        })
        .collect()
}
