//! A Python, and what is started with it.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::child;

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
    pub(crate) fn from_environment() -> io::Result<Self> {
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
