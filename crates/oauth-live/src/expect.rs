//! Saying what was expected and what was seen.

use oauth_contract::{Failure, Outcome};
use oauth_core::error::{Error, ErrorKind, Recovery};

pub(crate) use oauth_contract::{equal, that};

/// What is there.
pub(crate) fn some<T>(what: &str, value: Option<T>) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::new(format!("{what}: there is none")))
}

/// Fails unless it is an error of that kind which asks for that.
pub(crate) fn error<T>(
    what: &str,
    seen: Result<T, Error>,
    kind: ErrorKind,
    recovery: Recovery,
) -> Result<Error, Failure> {
    let Err(error) = seen else {
        return Err(Failure::new(format!("{what}: expected an error")));
    };
    let expected = (kind.name(), recovery.name());
    equal(
        what,
        expected,
        (error.kind().name(), error.recovery().name()),
    )
    .map_err(|failure| failure.with(&error))?;
    Ok(error)
}

/// Fails unless the server said `invalid_client`, and the error says to mend the configuration.
pub(crate) fn invalid_client<T>(what: &str, seen: Result<T, Error>) -> Outcome {
    let error = error(what, seen, ErrorKind::OAuth, Recovery::FixConfig)?;
    let code = error.oauth().map(|oauth| oauth.code.as_str());
    equal(what, Some("invalid_client"), code)
}

/// Fails unless the server said that, and the error asks for that.
pub(crate) fn oauth<T>(
    what: &str,
    seen: Result<T, Error>,
    code: &str,
    recovery: Recovery,
) -> Outcome {
    let error = error(what, seen, ErrorKind::OAuth, recovery)?;
    let said = error.oauth().map(|oauth| oauth.code.as_str());
    equal(what, Some(code), said)
}
