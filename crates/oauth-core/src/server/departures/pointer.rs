//! Where something stands in an answer, and the words that are looked for there.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};
use serde_json::Value;

/// Where a member stands in a JSON document (RFC 6901): `/authed_user/access_token`, `/errors/0/code`.
/// Of a form the pairs are members: `/access_token`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JsonPointer(String);

impl JsonPointer {
    /// Parses a pointer.
    ///
    /// # Errors
    /// It does not begin with `/`, or a `~` in it is followed by neither `0` nor `1` (RFC 6901 3). The
    /// whole document (the empty pointer) is no member.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_escaped = text
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with(['0', '1']));
        if !text.starts_with('/') || !is_escaped {
            let expected = "a JSON pointer such as `/data/access_token` (RFC 6901; `~` is written `~0`, `/` in a name `~1`)";
            return Err(expected.into());
        }
        Ok(Self(text.to_owned()))
    }

    /// The pointer as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands there; `null` is nothing.
    pub(crate) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        document.pointer(&self.0).filter(|found| !found.is_null())
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::escape(&self.0))
    }
}

impl<'de> Deserialize<'de> for JsonPointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|expected| D::Error::custom(format!("expected {expected}")))
    }
}

/// A word that an answer may hold: a string, or a number or truth value by its text, so that `0` and
/// `"0"` are the same word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// The word that a member is; `None`: it is no single value.
    pub(crate) fn text_of(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The word as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Single;
        impl Visitor<'_> for Single {
            type Value = Word;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a whole number or a truth value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Word, E> {
                Ok(Word(text.to_owned()))
            }
            fn visit_bool<E>(self, truth: bool) -> Result<Word, E> {
                Ok(Word(truth.to_string()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Word, E> {
                Ok(Word(number.to_string()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Word, E> {
                Ok(Word(number.to_string()))
            }
        }
        deserializer.deserialize_any(Single)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pointer_finds_what_is_there_and_null_is_nothing() {
        let document = json!({"a/b": {"m~n": [null, "x"]}});
        let find = |text| JsonPointer::parse(text).unwrap().find(&document).cloned();
        assert_eq!(find("/a~1b/m~0n/1"), Some(json!("x")));
        assert_eq!(find("/a~1b/m~0n/0"), None);
        assert_eq!(find("/a~1b/m~0n/2"), None);
        for bad in ["", "a", "$.a", "/a~", "/a~2"] {
            JsonPointer::parse(bad).unwrap_err();
        }
    }

    #[test]
    fn a_number_and_its_text_are_one_word() {
        let words: Vec<Word> = serde_json::from_value(json!([0, "0", true, -1])).unwrap();
        let texts: Vec<&str> = words.iter().map(Word::as_str).collect();
        assert_eq!(texts, ["0", "0", "true", "-1"]);
        assert_eq!(Word::text_of(&json!(99_991_663)), Some("99991663".into()));
        assert_eq!(Word::text_of(&json!({})), None);
    }
}
