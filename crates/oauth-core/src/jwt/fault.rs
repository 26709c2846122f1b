//! Refusals of a token. They hold nothing of it.

use crate::error::{Error, ErrorKind, JwtFault};

/// A refusal, and what to do about it.
pub(crate) fn refused(
    fault: JwtFault,
    problem: impl Into<String>,
    remedy: impl Into<String>,
) -> Error {
    Error::new(ErrorKind::Jwt(fault), problem).remedy(remedy)
}

/// A fault that its issuer alone can mend.
pub(crate) fn of_issuer(fault: JwtFault, problem: impl Into<String>) -> Error {
    refused(fault, problem, "report it to whoever runs the server")
}
