//! The servers that run in Python.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use oauth_stage::Authority;

use crate::child::{self, Child, Starting};
use crate::django::{self, Django};
use crate::idpyoidc::{self, Idpyoidc};

/// Where a Python is, the packages that were installed for it, and the servers' files.
pub(crate) struct Place {
    program: PathBuf,
    packages: PathBuf,
    servers: PathBuf,
}

impl Place {
    /// As `cargo xtask e2e --live` says in the environment.
    ///
    /// # Errors
    /// It does not say: somebody else started this program.
    fn from_environment() -> io::Result<Self> {
        let variable = |name| {
            let problem = "there is no Python to run servers; run `cargo xtask e2e --live`";
            std::env::var_os(name).ok_or_else(|| io::Error::other(problem))
        };
        Ok(Self {
            program: variable("OAUTH_LIVE_PYTHON")?.into(),
            packages: variable("OAUTH_LIVE_PYTHON_PACKAGES")?.into(),
            servers: variable("OAUTH_LIVE_PYTHON_SERVERS")?.into(),
        })
    }

    /// How one of the servers is started.
    pub(crate) fn command(&self, file: &str) -> Command {
        let mut command = child::command(&self.program);
        command
            .args(["-B", "-s"]) // it writes nothing beside its files, and takes nobody's own packages
            .arg(self.servers.join(file))
            .env("PYTHONPATH", &self.packages);
        command
    }
}

/// Both servers, on their way up.
pub(crate) struct Begun {
    django: (Starting, django::Told),
    idpyoidc: (Starting, idpyoidc::Told),
}

/// Both servers.
pub(crate) struct Servers {
    pub(crate) django: Django,
    pub(crate) idpyoidc: Idpyoidc,
}

/// What has to be ended.
pub(crate) struct Running([Child; 2]);

/// Starts both, and does not wait for them. What they keep is below `files`.
///
/// # Errors
/// The program was not started by `cargo xtask e2e --live`, or Python cannot be started.
pub(crate) fn begin(authority: &Authority, files: &Path) -> io::Result<Begun> {
    let place = Place::from_environment()?;
    Ok(Begun {
        django: django::begin(&place, authority, files)?,
        idpyoidc: idpyoidc::begin(&place, authority, files)?,
    })
}

impl Begun {
    /// Waits until both listen.
    ///
    /// # Errors
    /// One ended before; its stderr has said why.
    pub(crate) fn listening(self) -> io::Result<(Servers, Running)> {
        let (starting, told) = self.django;
        let (first, origin) = starting.listening()?;
        let django = Django::new(origin, told);
        let (starting, told) = self.idpyoidc;
        let (second, issuer) = starting.listening()?;
        let idpyoidc = Idpyoidc::new(issuer, told);
        Ok((Servers { django, idpyoidc }, Running([first, second])))
    }
}

impl Running {
    /// Ends them, and returns when they have ended.
    ///
    /// # Errors
    /// One ended with an error, or had ended before.
    pub(crate) fn stop(self) -> io::Result<()> {
        let stopped = self.0.map(Child::stop);
        stopped.into_iter().collect()
    }
}
