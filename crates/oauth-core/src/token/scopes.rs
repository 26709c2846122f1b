//! Sets of scopes (RFC 6749 3.3).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use crate::text;

/// A set of scopes (RFC 6749 3.3), sorted, each once. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scopes(Option<Arc<BTreeSet<String>>>); // never of an empty set

/// Why a text is no scope; names the scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeFault(String);

impl fmt::Display for ScopeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScopeFault {}

impl Scopes {
    /// No scope: the parameter is left out and the server decides.
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes scopes one by one.
    ///
    /// # Errors
    /// One of them is empty or holds a character that no scope has: a space, a quote, a backslash,
    /// a control character, anything beyond ASCII (RFC 6749 3.3), or a comma, which is a separator
    /// of servers that depart from it.
    pub fn new<T: AsRef<str>>(scopes: impl IntoIterator<Item = T>) -> Result<Self, ScopeFault> {
        let mut set = BTreeSet::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if scope.is_empty() {
                return Err(ScopeFault("a scope is empty".into()));
            }
            if let Some(bad) = scope.chars().find(|c| !is_scope_character(*c) || *c == ',') {
                let shown = text::escape(scope);
                return Err(ScopeFault(format!(
                    "the scope `{shown}` holds {bad:?}; scopes are separated by one space or written as a list \
                     (RFC 6749 3.3), and a server that wants another separator on the wire is declared by \
                     `departures.request.scope_separator`"
                )));
            }
            set.insert(scope.to_owned());
        }
        Ok(Self::of(set))
    }

    fn of(set: BTreeSet<String>) -> Self {
        Self((!set.is_empty()).then(|| Arc::new(set)))
    }

    fn set(&self) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.0.as_deref().unwrap_or(&NONE)
    }

    /// Parses a list that spaces separate.
    ///
    /// # Errors
    /// As [`Scopes::new`].
    pub fn parse(text: &str) -> Result<Self, ScopeFault> {
        Self::new(text.split(' ').filter(|scope| !scope.is_empty()))
    }

    /// What a server answered: taken as it is, split at spaces and at `separator`.
    pub(crate) fn granted(text: &str, separator: char) -> Self {
        Self::of(
            text.split([' ', separator])
                .filter(|scope| !scope.is_empty())
                .map(text::escape)
                .collect(),
        )
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether that scope is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.set().contains(scope)
    }

    /// Each scope, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.set().iter().map(String::as_str)
    }

    /// Those of these that are not among `others`.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        Self::of(self.set().difference(others.set()).cloned().collect())
    }

    /// As one parameter.
    pub fn joined(&self, separator: char) -> String {
        let mut joined = String::new();
        for scope in self.set() {
            if !joined.is_empty() {
                joined.push(separator);
            }
            joined.push_str(scope);
        }
        joined
    }
}

/// RFC 6749 3.3: `%x21 / %x23-5B / %x5D-7E`.
fn is_scope_character(character: char) -> bool {
    matches!(character, '\u{21}' | '\u{23}'..='\u{5b}' | '\u{5d}'..='\u{7e}')
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.joined(' '))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.set()).finish()
    }
}

/// One string with spaces, or a list of strings.
impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Scopes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("scopes: a list of strings, or one string with spaces between them")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Scopes, E> {
                Scopes::parse(text).map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scopes, A::Error> {
                let mut scopes = Vec::<String>::new();
                while let Some(scope) = list.next_element()? {
                    scopes.push(scope);
                }
                Scopes::new(scopes).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_no_scope_has() {
        for bad in ["a,b", "a\"b", "a\nb", "a\\b", "é"] {
            let fault = Scopes::parse(bad).unwrap_err();
            assert!(!fault.to_string().contains('\n'), "{fault}");
        }
        assert_eq!(Scopes::parse("b  a b").unwrap().to_string(), "a b");
        assert_eq!(Scopes::parse("").unwrap(), Scopes::none());
        Scopes::new(["a b"]).unwrap_err();
    }

    #[test]
    fn reads_a_string_or_a_list() {
        let expected = Scopes::parse("a b").unwrap();
        assert_eq!(
            serde_json::from_str::<Scopes>(r#""a b""#).unwrap(),
            expected
        );
        assert_eq!(
            serde_json::from_str::<Scopes>(r#"["b","a"]"#).unwrap(),
            expected
        );
        serde_json::from_str::<Scopes>("7").unwrap_err();
    }

    #[test]
    fn knows_what_is_missing() {
        let asked = Scopes::parse("a b c").unwrap();
        assert_eq!(asked.without(&Scopes::granted("a,c", ',')).to_string(), "b");
    }
}
