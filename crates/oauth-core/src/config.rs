//! Reading what a user wrote, and naming every fault of it at once.

mod file;
mod parse;
mod span;

use std::fmt::Display;

pub use crate::config::file::read_file;
pub(crate) use crate::config::file::read_text;
pub use crate::config::parse::parse;
pub use crate::config::span::Span;

use crate::error::Error;

/// Takes several results and, where any failed, one error that names all the faults.
///
/// ```
/// # use oauth_core::{config, error::Error};
/// let url: Result<u8, Error> = Err(Error::config("token_url", "no"));
/// let secret: Result<u8, Error> = Err(Error::config("client_secret", "no"));
/// let error = config::all((url, secret)).unwrap_err();
/// assert_eq!(error.to_string(), "token_url: no; client_secret: no");
/// ```
///
/// # Errors
/// The first error as it is, where it stands alone; else one of kind `Config` with every line.
pub fn all<T: AllOk>(results: T) -> Result<T::Values, Error> {
    results.all_ok()
}

/// Tuples of results that [`all`] takes.
pub trait AllOk {
    /// The values, where all went well.
    type Values;
    /// See [`all`].
    ///
    /// # Errors
    /// As [`all`].
    fn all_ok(self) -> Result<Self::Values, Error>;
}

macro_rules! all_ok {
    ($($name:ident)+) => {
        impl<$($name),+> AllOk for ($(Result<$name, Error>,)+) {
            type Values = ($($name,)+);
            #[allow(non_snake_case, reason = "a type parameter names its value")]
            fn all_ok(self) -> Result<Self::Values, Error> {
                let ($($name,)+) = self;
                match ($($name,)+) {
                    ($(Ok($name),)+) => Ok(($($name,)+)),
                    ($($name,)+) => Err(joined([$($name.err()),+])),
                }
            }
        }
    };
}
all_ok!(A B);
all_ok!(A B C);
all_ok!(A B C D);
all_ok!(A B C D E);

fn joined<const N: usize>(errors: [Option<Error>; N]) -> Error {
    let mut errors = errors.into_iter().flatten();
    let Some(first) = errors.next() else {
        return Error::new(crate::error::ErrorKind::Config, "nothing failed");
    };
    let mut faults = vec![first.to_string()];
    for error in errors {
        let fault = error.to_string();
        // one setting may be where two servers are
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    if faults.len() == 1 {
        return first;
    }
    Error::new(crate::error::ErrorKind::Config, faults.join("; "))
}

/// Names the field of an error of another kind of fault.
pub fn field<T, E: Display>(field: &str, result: Result<T, E>) -> Result<T, Error> {
    result.map_err(|fault| Error::config(field, fault))
}
