//! Values that are never printed, and where they come from.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _};
use zeroize::Zeroizing;

use url::form_urlencoded::byte_serialize;

use crate::files::{self, Look};
use crate::text::escape;

/// A value that must meet the wire and nothing else: no `Display`, no `Serialize`, a `Debug` that
/// prints `[REDACTED]`, compared in constant time, wiped when the last clone is dropped.
///
/// ```compile_fail
/// println!("{}", oauth_core::Secret::new("x")); // no Display
/// ```
/// ```compile_fail
/// let _ = serde_json::to_string(&oauth_core::Secret::new("x")); // no Serialize
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Kept>);

/// A value, behind the scheme that it is borne with where that is known: one copy serves both.
struct Kept {
    text: Zeroizing<Box<str>>,
    from: usize,
}

impl Secret {
    /// Takes over a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self::kept(value.into(), 0)
    }

    /// Takes over a value that is going to be borne in a header, behind that scheme and a space.
    pub(crate) fn borne(scheme: &str, value: impl Into<String>) -> Self {
        let value = Zeroizing::new(value.into());
        let mut text = String::with_capacity(scheme.len() + 1 + value.len());
        text.push_str(scheme);
        text.push(' ');
        text.push_str(&value);
        Self::kept(text, scheme.len() + 1)
    }

    fn kept(text: String, from: usize) -> Self {
        let mut text = Zeroizing::new(text);
        if text.len() != text.capacity() {
            // to be shrunk it might be moved, and what it leaves would not be wiped
            text = Zeroizing::new(String::from(text.as_str()));
        }
        let text = Zeroizing::new(std::mem::take(&mut *text).into_boxed_str());
        Self(Arc::new(Kept { text, from }))
    }

    /// The value itself. Every use of it in the code is a place to check: grep for `expose`.
    pub fn expose(&self) -> &str {
        self.0.text.get(self.0.from..).unwrap_or_default()
    }

    /// The scheme and the value as they stand in a header.
    pub(crate) fn in_header(&self, scheme: &str) -> Bytes {
        let is_behind_it = self
            .0
            .text
            .strip_prefix(scheme)
            .is_some_and(|rest| rest.starts_with(' ') && self.0.from == scheme.len() + 1);
        match is_behind_it {
            true => Bytes::from_owner(InHeader(self.clone())),
            false => Self::borne(scheme, self.expose()).in_header(scheme),
        }
    }
}

/// A secret with all that is kept of it.
struct InHeader(Secret);

impl AsRef<[u8]> for InHeader {
    fn as_ref(&self) -> &[u8] {
        self.0.0.text.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(
            self.expose().as_bytes(),
            other.expose().as_bytes(),
        )
        .is_ok()
    }
}

impl Eq for Secret {}

/// Where a secret is read from, at each use: a changed variable or file counts at once.
///
/// In a configuration it is one string: `env:NAME`, or `file:PATH` (one newline at its end is
/// stripped; the path is relative to the configuration file), or `literal:VALUE` where
/// [`Env`](crate::env::Env) was built to allow that.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRef(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    Variable(String),
    File(PathBuf),
    /// Written into a configuration: refused unless allowed.
    Literal(Secret),
    /// Handed over by the program, which has it from elsewhere.
    Given(Secret),
}

/// Looks up an environment variable by its name.
pub(crate) type Variables = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// What reading a secret needs from its surroundings; part of [`Env`](crate::env::Env).
#[derive(Clone)]
pub struct Secrets {
    /// Looks up an environment variable.
    pub(crate) variables: Variables,
    /// Whether `literal:` is allowed in configurations.
    pub(crate) literals_allowed: bool,
    /// Whether a file that others can read is refused instead of warned of.
    pub(crate) strict_permissions: bool,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            variables: Arc::new(|name| std::env::var_os(name)),
            literals_allowed: false,
            strict_permissions: false,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("literals_allowed", &self.literals_allowed)
            .field("strict_permissions", &self.strict_permissions)
            .finish_non_exhaustive()
    }
}

/// Why a secret could not be read; names the reference, never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFault(String);

impl fmt::Display for SecretFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SecretFault {}

/// The most bytes a secret may have.
const LIMIT: u64 = 256 * 1024;

impl SecretRef {
    /// A secret the program already holds.
    pub fn given(secret: Secret) -> Self {
        Self(Source::Given(secret))
    }

    /// An environment variable.
    pub fn variable(name: impl Into<String>) -> Self {
        Self(Source::Variable(name.into()))
    }

    /// A file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// Parses the form a configuration has.
    ///
    /// # Errors
    /// The text is not of the form `env:NAME`, `file:PATH` or `literal:VALUE`; the message does not
    /// repeat it, as it may be the secret itself.
    pub fn parse(text: &str) -> Result<Self, SecretFault> {
        let source = match text.split_once(':') {
            Some(("env", name)) if is_variable_name(name) => Source::Variable(name.to_owned()),
            Some(("env", _)) => {
                return Err(SecretFault(
                    "`env:` wants the name of an environment variable (letters, digits, `_`)"
                        .into(),
                ));
            }
            Some(("file", "")) => return Err(SecretFault("`file:` wants a path".into())),
            Some(("file", path)) if path.starts_with('~') => {
                return Err(SecretFault(
                    "`~` is not expanded in `file:`; write the whole path".into(),
                ));
            }
            Some(("file", path)) => Source::File(PathBuf::from(path)),
            Some(("literal", "")) => return Err(SecretFault("`literal:` is empty".into())),
            Some(("literal", value)) => Source::Literal(Secret::new(value)),
            _ => {
                return Err(SecretFault(
                    "a secret is given by reference: write `env:NAME` or `file:PATH`".into(),
                ));
            }
        };
        Ok(Self(source))
    }

    /// Whether the secret can change between two uses.
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self.0, Source::Literal(_) | Source::Given(_))
    }

    /// What it looks like without being read; the same look is the same secret. `None`: it must be read.
    pub(crate) fn look(&self) -> Option<Look> {
        match &self.0 {
            Source::File(path) => Look::at(path),
            _ => None,
        }
    }

    /// Reads the secret as text.
    ///
    /// # Errors
    /// It is not there, empty, not UTF-8, contains a control character, or is a literal where none
    /// is allowed. The message names the reference and the remedy.
    pub fn read(&self, secrets: &Secrets) -> Result<Secret, SecretFault> {
        let bytes = self.read_bytes(secrets)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| SecretFault(format!("{self:?} is not UTF-8 text")))?;
        let text = text
            .strip_suffix("\r\n")
            .or_else(|| text.strip_suffix('\n'))
            .unwrap_or(text);
        if text.is_empty() {
            return Err(SecretFault(format!("{self:?} is empty")));
        }
        if text.chars().any(char::is_control) {
            return Err(SecretFault(format!(
                "{self:?} holds a control character (a second line, NUL or tab); a secret is one line"
            )));
        }
        Ok(Secret::new(text))
    }

    /// Reads the secret as it stands, for keys and certificates.
    ///
    /// # Errors
    /// As [`SecretRef::read`], but for the form of the content.
    pub fn read_bytes(&self, secrets: &Secrets) -> Result<Zeroizing<Vec<u8>>, SecretFault> {
        match &self.0 {
            Source::Variable(name) => match (secrets.variables)(name) {
                None => Err(SecretFault(format!(
                    "the environment variable {name} is not set; set it for this process"
                ))),
                Some(value) if value.is_empty() => Err(SecretFault(format!(
                    "the environment variable {name} is empty"
                ))),
                Some(value) => Ok(Zeroizing::new(value.into_encoded_bytes())),
            },
            Source::File(path) => files::read_guarded(path, LIMIT, secrets.strict_permissions)
                .map_err(|fault| SecretFault(fault.to_string())),
            Source::Literal(_) if !secrets.literals_allowed => Err(SecretFault(
                "a literal secret is not allowed here; move it to a file or an environment variable \
                 and write `file:PATH` or `env:NAME`"
                    .into(),
            )),
            Source::Literal(secret) | Source::Given(secret) => {
                Ok(Zeroizing::new(secret.expose().as_bytes().to_vec()))
            }
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Prints the reference, never a value.
impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Variable(name) => write!(f, "env:{name}"),
            Source::File(path) => write!(f, "file:{}", path.display()),
            Source::Literal(_) | Source::Given(_) => f.write_str("[REDACTED]"),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// The text escaped, and every given secret struck out that occurs in it, as it is or encoded as a
/// form: servers echo what they were sent.
pub(crate) fn escape_without(text: &str, secrets: &[Secret]) -> String {
    // the longest first: a short one within it would leave the rest readable
    let mut longest_first: Vec<&str> = secrets.iter().map(Secret::expose).collect();
    longest_first.sort_by_key(|secret| Reverse(secret.len()));
    let mut masked = Cow::Borrowed(text);
    for secret in longest_first {
        if secret.len() >= 4 {
            let encoded: String = byte_serialize(secret.as_bytes()).collect();
            for form in [secret, encoded.as_str()] {
                // a text may be as long as a whole answer: copied only where something is struck out
                if masked.contains(form) {
                    masked = Cow::Owned(masked.replace(form, "[REDACTED]"));
                }
            }
        }
    }
    escape(&masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> Secrets {
        Secrets {
            variables: Arc::new(move |asked| (asked == name).then(|| value.into())),
            ..Secrets::default()
        }
    }

    #[test]
    fn r199_prints_no_value() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "[REDACTED]");
        assert_eq!(format!("{:?}", SecretRef::given(secret)), "[REDACTED]");
        let fault = SecretRef::parse("hunter2").unwrap_err();
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
    }

    #[test]
    fn reads_a_variable_at_each_use() {
        let reference = SecretRef::parse("env:ACME").unwrap();
        assert_eq!(
            reference.read(&with("ACME", "one")).unwrap().expose(),
            "one"
        );
        assert_eq!(
            reference.read(&with("ACME", "two")).unwrap().expose(),
            "two"
        );
        let fault = reference.read(&with("OTHER", "x")).unwrap_err();
        assert!(fault.to_string().contains("ACME is not set"), "{fault}");
    }

    #[test]
    fn reads_a_changed_file_at_once_and_strips_one_newline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let reference = SecretRef::file(&path);
        for (content, read) in [("one\n", "one"), ("two\r\n", "two"), ("three", "three")] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(reference.read(&Secrets::default()).unwrap().expose(), read);
        }
        for bad in ["", "\n", "a\n\n", "a\0b", "a\tb"] {
            std::fs::write(&path, bad).unwrap();
            reference.read(&Secrets::default()).unwrap_err();
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        let fault = reference.read(&Secrets::default()).unwrap_err();
        assert!(fault.to_string().contains("UTF-8"), "{fault}");
    }

    #[test]
    fn r198_refuses_a_literal_unless_allowed() {
        let reference = SecretRef::parse("literal:s3cret").unwrap();
        let fault = reference.read(&Secrets::default()).unwrap_err();
        assert!(!fault.to_string().contains("s3cret"), "{fault}");
        let allowed = Secrets {
            literals_allowed: true,
            ..Secrets::default()
        };
        assert_eq!(reference.read(&allowed).unwrap().expose(), "s3cret");
    }

    #[test]
    fn r198_refuses_what_is_not_a_reference() {
        for text in [
            "", "s3cret", "env:", "env:A B", "env:${A}", "env:1A", "file:", "file:~/x", "exec:ls",
            "literal:",
        ] {
            SecretRef::parse(text).unwrap_err();
        }
    }

    #[test]
    fn strikes_out_what_the_server_echoes() {
        let secret = Secret::new("s3cret/+ é");
        assert_eq!(
            escape_without("bad s3cret/+ é in secret=s3cret%2F%2B+%C3%A9&x", &[secret]),
            "bad [REDACTED] in secret=[REDACTED]&x"
        );
    }
}
