//! How a connection is, since when and why.

use std::fmt;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::error::{Error, Recovery};

/// How a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Nothing is wrong: it has a live token, or none was needed yet.
    #[default]
    Healthy,
    /// A token is being asked for. A live one is served meanwhile.
    Renewing,
    /// The last renewal failed, and will be tried again; the live token is served meanwhile.
    ServingStale,
    /// The last renewal failed, and will be tried again; there is no live token.
    BackingOff,
    /// The grant has ended: somebody must log in again and hand over the new tokens.
    LogInAgain,
    /// The configuration, the registration or the store cannot work; somebody must mend it.
    Misconfigured,
}

impl ConnectionState {
    /// The state as one word, for logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Renewing => "Renewing",
            Self::ServingStale => "ServingStale",
            Self::BackingOff => "BackingOff",
            Self::LogInAgain => "LogInAgain",
            Self::Misconfigured => "Misconfigured",
        }
    }

    /// After a failure.
    pub(super) fn failed(error: &Error, is_served: bool) -> Self {
        match (error.recovery(), is_served) {
            (Recovery::LogInAgain, _) => Self::LogInAgain,
            (Recovery::FixConfig, _) => Self::Misconfigured,
            (_, true) => Self::ServingStale,
            (_, false) => Self::BackingOff,
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a connection is, since when and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionStatus {
    /// How it is.
    pub state: ConnectionState,
    /// Since when, by the wall clock. Attempts that change nothing do not count: a connection that backs
    /// off has done so since its first failure.
    pub since: DateTime<Utc>,
    /// The last failure; `None` while all is well.
    pub why: Option<Error>,
}

impl ConnectionStatus {
    /// A connection with which nothing is wrong.
    pub fn healthy(since: DateTime<Utc>) -> Self {
        Self {
            state: ConnectionState::Healthy,
            since,
            why: None,
        }
    }
}

/// The changes of a connection's status, as they come. Whoever is slow sees the last one alone.
#[derive(Debug)]
pub struct StatusChanges(watch::Receiver<ConnectionStatus>);

impl StatusChanges {
    /// The status now.
    pub fn current(&self) -> ConnectionStatus {
        self.0.borrow().clone()
    }

    /// The next status; `None`: the connection is gone.
    pub async fn next(&mut self) -> Option<ConnectionStatus> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().clone())
    }
}

/// What a connection remembers of its state.
#[derive(Debug)]
pub(super) struct Watched {
    state: ConnectionState,
    since: DateTime<Utc>,
    /// The state before a renewal began, and since when.
    before: Option<(ConnectionState, DateTime<Utc>)>,
    /// Made for the first subscriber: few connections have one.
    sender: Option<Box<watch::Sender<ConnectionStatus>>>,
}

impl Watched {
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            state: ConnectionState::Healthy,
            since: now,
            before: None,
            sender: None,
        }
    }

    /// Notes the state, and tells whoever wants to know. The state it was before, if that was another one.
    pub fn note(
        &mut self,
        state: ConnectionState,
        why: Option<&Error>,
        now: DateTime<Utc>,
    ) -> Option<ConnectionState> {
        if state == self.state {
            return None;
        }
        let former = self.state;
        let lasting = match (former, self.before) {
            (ConnectionState::Renewing, before) => before,
            _ => Some((former, self.since)),
        };
        self.since = match lasting {
            Some((was, since)) if was == state => since,
            _ => now,
        };
        self.before = lasting.filter(|_| state == ConnectionState::Renewing);
        self.state = state;
        if let Some(sender) = &self.sender {
            sender.send_replace(self.status(why));
        }
        // what it was before the renewal is what a person wants to know
        let former = lasting.map_or(former, |(was, _)| was);
        (former != state).then_some(former)
    }

    pub fn status(&self, why: Option<&Error>) -> ConnectionStatus {
        ConnectionStatus {
            state: self.state,
            since: self.since,
            why: why.cloned(),
        }
    }

    /// The last failure is known from outside.
    pub fn subscribe(&mut self, why: Option<&Error>) -> StatusChanges {
        let status = self.status(why);
        let sender = self
            .sender
            .get_or_insert_with(|| Box::new(watch::Sender::new(status)));
        StatusChanges(sender.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use ConnectionState::{BackingOff, Healthy, LogInAgain, Misconfigured, Renewing, ServingStale};
    use chrono::TimeDelta;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_failure_is_the_state_its_recovery_asks_for() {
        for (kind, served, state) in [
            (ErrorKind::LoggedOut, true, LogInAgain),
            (ErrorKind::Config, true, Misconfigured),
            (ErrorKind::Timeout, true, ServingStale),
            (ErrorKind::Ambiguous, false, BackingOff),
        ] {
            let error = Error::new(kind, "x");
            assert_eq!(ConnectionState::failed(&error, served), state);
        }
    }

    #[test]
    fn attempts_that_change_nothing_do_not_count() {
        let mut watched = Watched::new(at(0));
        let error = Error::new(ErrorKind::Timeout, "x");
        assert_eq!(watched.note(Renewing, None, at(1)), Some(Healthy));
        assert_eq!(watched.note(BackingOff, Some(&error), at(2)), Some(Healthy));
        for second in 3..6 {
            watched.note(Renewing, Some(&error), at(second));
            assert_eq!(watched.note(BackingOff, Some(&error), at(second)), None);
        }
        assert_eq!(watched.status(None).since, at(2));
        watched.note(Renewing, Some(&error), at(7));
        assert_eq!(watched.note(Healthy, None, at(8)), Some(BackingOff));
        assert_eq!(watched.status(None).since, at(8));
    }

    #[tokio::test]
    async fn a_subscriber_sees_the_last_change_and_why() {
        let mut watched = Watched::new(at(0));
        let mut changes = watched.subscribe(None);
        assert_eq!(changes.current().state, Healthy);
        let error = Error::new(ErrorKind::Timeout, "x");
        watched.note(Renewing, None, at(1));
        watched.note(ServingStale, Some(&error), at(2));
        let status = changes.next().await.unwrap();
        assert_eq!((status.state, status.since), (ServingStale, at(2)));
        assert_eq!(status.why.unwrap().kind(), ErrorKind::Timeout);
        drop(watched);
        assert!(changes.next().await.is_none());
    }
}
