//! The logins on other devices that were begun (RFC 8628).

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::strict::ledger::Granted;
use crate::strict::refusal::{
    ACCESS_DENIED, AUTHORIZATION_PENDING, EXPIRED_TOKEN, INVALID_GRANT, Refusal, SLOW_DOWN,
};

/// The least pause between two polls, in seconds; each poll that comes too early adds as much
/// (RFC 8628 3.5).
pub(crate) const INTERVAL: i64 = 5;

/// What a user does with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allows the device what it asks for.
    Approve,
    /// Does not.
    Deny,
}

/// One that was begun.
pub(crate) struct Login {
    pub(crate) user_code: String,
    pub(crate) granted: Granted,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) interval: TimeDelta,
    pub(crate) polled_at: Option<DateTime<Utc>>,
    pub(crate) decision: Option<Decision>,
    pub(crate) is_spent: bool,
}

/// The logins that were begun, by their device code.
#[derive(Default)]
pub(crate) struct Devices(pub(crate) HashMap<String, Login>);

impl Devices {
    /// What the user allowed, once (RFC 8628 3.5).
    pub(crate) fn poll(
        &mut self,
        code: &str,
        client_id: &str,
        now: DateTime<Utc>,
    ) -> Result<Granted, Refusal> {
        let login = self
            .0
            .get_mut(code)
            .ok_or_else(|| Refusal::new(INVALID_GRANT, "the device code is unknown"))?;
        if login.granted.client_id != client_id {
            let rule = "the device code is another client's (RFC 8628 3.4)";
            return Err(Refusal::violation(INVALID_GRANT, rule));
        }
        if login.is_spent {
            let rule = "the device code has brought its tokens (RFC 8628 3.5)";
            return Err(Refusal::violation(INVALID_GRANT, rule));
        }
        if login.expires_at <= now {
            return Err(Refusal::new(EXPIRED_TOKEN, "the device code has expired"));
        }
        let former = login.polled_at.replace(now);
        if former.is_some_and(|former| now - former < login.interval) {
            login.interval += TimeDelta::seconds(INTERVAL);
            let rule = "the poll came before the interval was over (RFC 8628 3.5)";
            return Err(Refusal::violation(SLOW_DOWN, rule));
        }
        match login.decision {
            None => Err(Refusal::new(
                AUTHORIZATION_PENDING,
                "the user has not decided",
            )),
            Some(Decision::Deny) => Err(Refusal::new(ACCESS_DENIED, "the user declined")),
            Some(Decision::Approve) => {
                login.is_spent = true;
                Ok(login.granted.clone())
            }
        }
    }
}
