//! One trial: a name, a kind, and what is done.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::check::{Failure, Outcome};
use crate::fixture::Runner;

/// What a trial is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A clause of the contract.
    Clause,
    /// A scenario of the adapter's own.
    Fixture,
    /// Neither: a trial that somebody wrote for one thing alone.
    Own,
}

impl Kind {
    /// The word for it in lists and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clause => "clause",
            Self::Fixture => "fixture",
            Self::Own => "trial",
        }
    }
}

type Body = Box<dyn FnOnce() -> BoxFuture<'static, Outcome> + Send>;

/// One trial. Its body runs on a runtime of its own.
pub(crate) struct Trial {
    /// `<prefix>/<clause or scenario>`.
    pub name: String,
    pub kind: Kind,
    pub body: Body,
}

impl Trial {
    /// A trial of that name.
    pub fn new<F>(name: String, kind: Kind, body: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let body: Body = Box::new(move || body().boxed());
        Self { name, kind, body }
    }

    /// A scenario, which brings its own runtime.
    pub fn scenario(name: String, play: Runner) -> Self {
        Self::new(name, Kind::Fixture, || async {
            let played = tokio::task::spawn_blocking(play).await?;
            played.map_err(Failure::new)
        })
    }
}
