//! What an adapter is held to.

use std::path::{Path, PathBuf};

use oauth_core::server::DiscoveryKind;

use crate::check::Outcome;
use crate::clauses::{self, Clause};
use crate::fixture::{self, Runner};
use crate::subject::{Bearing, Played, Subject};
use crate::trial::{Kind, Trial};

/// What an adapter is held to: the clauses of the suites it chose, and its scenarios.
///
/// Every adapter is held to `bears_the_token`, `reports_a_refusal`, `never_leaves_the_api`,
/// `prints_no_secret` and `refuses_a_config_it_cannot_use`. One of [`renewing`](Suite::renewing),
/// [`refreshing`](Suite::refreshing) and [`fixed`](Suite::fixed) must be chosen: where its tokens come
/// from. What is no adapter has trials of its own: [`Suite::own`].
#[must_use = "a suite does nothing until it is run"]
pub struct Suite {
    prefix: String,
    has_source: bool,
    trials: Vec<Trial>,
    /// `None`: there is no subject that could be held to any.
    clauses: Option<Clauses>,
    scenarios: Option<Scenarios>,
    faults: Vec<String>,
}

type Scenarios = fn(&str, &Path) -> Vec<(String, Runner)>;

/// The clauses of each suite, for one subject.
struct Clauses {
    renewing: fn() -> Vec<Clause>,
    refreshing: fn() -> Vec<Clause>,
    fixed: fn() -> Vec<Clause>,
    asserting: fn() -> Vec<Clause>,
    discovering: fn(DiscoveryKind) -> Vec<Clause>,
    basic: fn() -> Vec<Clause>,
}

impl Suite {
    /// The suite of a subject. `prefix` begins the names of its trials: the adapter's name.
    pub fn of<S: Subject>(prefix: impl Into<String>) -> Self {
        let suite = Self {
            has_source: false,
            clauses: Some(Clauses {
                renewing: clauses::renewing::<S>,
                refreshing: clauses::refreshing::<S>,
                fixed: clauses::fixed::<S>,
                asserting: clauses::asserting::<S>,
                discovering: clauses::discovering::<S>,
                basic: clauses::basic::<S>,
            }),
            scenarios: Some(fixture::scenarios::<Bearing<S>>),
            ..Self::own(prefix)
        };
        suite.held_to(|_| clauses::every::<S>())
    }

    /// Trials of what no clause speaks of: of a client that bears no token, or against servers that
    /// others wrote. Each is given by [`Suite::trial`] or, as a scenario, by [`Suite::playing`].
    pub fn own(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            has_source: true,
            trials: Vec::new(),
            clauses: None,
            scenarios: None,
            faults: Vec::new(),
        }
    }

    /// Has its scenarios played on `P`.
    pub fn playing<P: Played>(mut self) -> Self {
        self.scenarios = Some(fixture::scenarios::<P>);
        self
    }

    /// One trial more. It runs on two threads of its own and has half a minute; a panic in any of its
    /// tasks fails it.
    pub fn trial<F>(mut self, name: &str, body: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let name = format!("{}/{name}", self.prefix);
        self.trials.push(Trial::new(name, Kind::Own, body));
        self
    }

    /// Its tokens come by client credentials (RFC 6749 4.4), again and again.
    pub fn renewing(mut self) -> Self {
        self.has_source = true;
        self.held_to(|clauses| (clauses.renewing)())
    }

    /// Its tokens come by a refresh token (RFC 6749 6).
    pub fn refreshing(mut self) -> Self {
        self.has_source = true;
        self.held_to(|clauses| (clauses.refreshing)())
    }

    /// Its token is somebody else's work: a bot token, an API key.
    pub fn fixed(mut self) -> Self {
        self.has_source = true;
        self.held_to(|clauses| (clauses.fixed)())
    }

    /// It proves who it is by `private_key_jwt`, for the token endpoint.
    pub fn asserting(self) -> Self {
        self.held_to(|clauses| (clauses.asserting)())
    }

    /// It looks its endpoints up, in a document of that kind.
    pub fn discovering(self, kind: DiscoveryKind) -> Self {
        self.held_to(|clauses| (clauses.discovering)(kind))
    }

    /// It proves who it is by `client_secret_basic`.
    pub fn basic(self) -> Self {
        self.held_to(|clauses| (clauses.basic)())
    }

    /// Its scenarios: every `.yaml` below that folder, which is relative to the adapter's own.
    pub fn fixtures(mut self, folder: impl Into<PathBuf>) -> Self {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .unwrap_or_default();
        let folder = own.join(folder.into());
        let Some(scenarios) = self.scenarios else {
            let fault = format!(
                "the suite `{}` does not say what its scenarios are played on",
                self.prefix
            );
            self.faults.push(fault);
            return self;
        };
        for (name, play) in scenarios(&self.prefix, &folder) {
            self.trials.push(Trial::scenario(name, play));
        }
        self
    }

    fn held_to(mut self, chosen: impl FnOnce(&Clauses) -> Vec<Clause>) -> Self {
        let Some(clauses) = &self.clauses else {
            let fault = format!(
                "the suite `{}` has no subject to hold to a clause",
                self.prefix
            );
            self.faults.push(fault);
            return self;
        };
        for clause in chosen(clauses) {
            let name = format!("{}/{}", self.prefix, clause.name);
            self.trials
                .push(Trial::new(name, Kind::Clause, move || clause.run()));
        }
        self
    }

    /// Its trials; where it cannot be run, why.
    pub(crate) fn into_trials(self) -> Result<Vec<Trial>, String> {
        if let Some(fault) = self.faults.into_iter().next() {
            return Err(fault);
        }
        if self.has_source {
            return Ok(self.trials);
        }
        Err(format!(
            "the suite `{}` does not say where its tokens come from: renewing, refreshing or fixed",
            self.prefix
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_subject_no_clause_is_left_out_in_silence() {
        for suite in [
            Suite::own("own").renewing(),
            Suite::own("own").basic(),
            Suite::own("own").fixtures("nowhere"),
        ] {
            assert!(suite.into_trials().is_err());
        }
        let suite = Suite::own("own").trial("one", || async { Ok(()) });
        let trials = suite.into_trials().unwrap();
        assert_eq!(trials.len(), 1);
        assert_eq!(trials[0].name, "own/one");
    }
}
