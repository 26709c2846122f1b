//! The servers that run in Python.

use std::io;
use std::path::Path;

use oauth_stage::Authority;

use crate::child::{Child, Starting};
use crate::django::{self, Django};
use crate::idpyoidc::{self, Idpyoidc};
use crate::interpreter::Place;

/// Both servers, on their way up.
pub(crate) struct Begun {
    django: (Starting, django::Told),
    idpyoidc: (Starting, idpyoidc::Told),
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
    /// Waits until both listen; from then on the trials find them.
    ///
    /// # Errors
    /// One ended before; its stderr has said why.
    pub(crate) fn listening(self) -> io::Result<Running> {
        let (starting, told) = self.django;
        let (first, origin) = starting.listening()?;
        Django::listens(origin, told);
        let (starting, told) = self.idpyoidc;
        let (second, issuer) = starting.listening()?;
        Idpyoidc::listens(issuer, told);
        Ok(Running([first, second]))
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
