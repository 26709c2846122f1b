//! What an adapter is held to.

use std::path::{Path, PathBuf};

use crate::clauses::{self, Clause};
use crate::fixture::{self, Runner};
use crate::subject::Subject;
use crate::trial::{Kind, Trial};

/// What an adapter is held to: the clauses of the suites it chose, and its scenarios.
///
/// Every adapter is held to `bears_the_token`, `reports_a_refusal`, `never_leaves_the_api`,
/// `prints_no_secret` and `refuses_a_config_it_cannot_use`. One of [`renewing`](Suite::renewing),
/// [`refreshing`](Suite::refreshing) and [`fixed`](Suite::fixed) must be chosen: where its tokens come
/// from.
#[must_use = "a suite does nothing until it is run"]
pub struct Suite {
    prefix: String,
    has_source: bool,
    trials: Vec<Trial>,
    clauses: Clauses,
    scenarios: fn(&str, &Path) -> Vec<(String, Runner)>,
}

/// The clauses of each suite, for one subject.
struct Clauses {
    renewing: fn() -> Vec<Clause>,
    refreshing: fn() -> Vec<Clause>,
    fixed: fn() -> Vec<Clause>,
    asserting: fn() -> Vec<Clause>,
    discovering: fn() -> Vec<Clause>,
    basic: fn() -> Vec<Clause>,
}

impl Suite {
    /// The suite of a subject. `prefix` begins the names of its trials: the adapter's name.
    pub fn of<S: Subject>(prefix: impl Into<String>) -> Self {
        let suite = Self {
            prefix: prefix.into(),
            has_source: false,
            trials: Vec::new(),
            clauses: Clauses {
                renewing: clauses::renewing::<S>,
                refreshing: clauses::refreshing::<S>,
                fixed: clauses::fixed::<S>,
                asserting: clauses::asserting::<S>,
                discovering: clauses::discovering::<S>,
                basic: clauses::basic::<S>,
            },
            scenarios: fixture::scenarios::<S>,
        };
        suite.held_to(clauses::every::<S>())
    }

    /// Its tokens come by client credentials (RFC 6749 4.4), again and again.
    pub fn renewing(mut self) -> Self {
        self.has_source = true;
        let clauses = (self.clauses.renewing)();
        self.held_to(clauses)
    }

    /// Its tokens come by a refresh token (RFC 6749 6).
    pub fn refreshing(mut self) -> Self {
        self.has_source = true;
        let clauses = (self.clauses.refreshing)();
        self.held_to(clauses)
    }

    /// Its token is somebody else's work: a bot token, an API key.
    pub fn fixed(mut self) -> Self {
        self.has_source = true;
        let clauses = (self.clauses.fixed)();
        self.held_to(clauses)
    }

    /// It proves who it is by `private_key_jwt`, for the token endpoint.
    pub fn asserting(self) -> Self {
        let clauses = (self.clauses.asserting)();
        self.held_to(clauses)
    }

    /// It looks its endpoints up (RFC 8414, OpenID Connect Discovery 1.0, SMART App Launch).
    pub fn discovering(self) -> Self {
        let clauses = (self.clauses.discovering)();
        self.held_to(clauses)
    }

    /// It proves who it is by `client_secret_basic`.
    pub fn basic(self) -> Self {
        let clauses = (self.clauses.basic)();
        self.held_to(clauses)
    }

    /// Its scenarios: every `.yaml` below that folder, which is relative to the adapter's own.
    pub fn fixtures(mut self, folder: impl Into<PathBuf>) -> Self {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .unwrap_or_default();
        let folder = own.join(folder.into());
        for (name, play) in (self.scenarios)(&self.prefix, &folder) {
            self.trials.push(Trial::scenario(name, play));
        }
        self
    }

    fn held_to(mut self, clauses: Vec<Clause>) -> Self {
        for clause in clauses {
            let name = format!("{}/{}", self.prefix, clause.name);
            self.trials
                .push(Trial::new(name, Kind::Clause, move || clause.run()));
        }
        self
    }

    /// Its trials; where it cannot be run, why.
    pub(crate) fn into_trials(self) -> Result<Vec<Trial>, String> {
        if self.has_source {
            return Ok(self.trials);
        }
        Err(format!(
            "the suite `{}` does not say where its tokens come from: renewing, refreshing or fixed",
            self.prefix
        ))
    }
}
