//! The text that keys are kept as.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use crate::key::Key;
use crate::random::{random_bytes, random_digits};

/// Keys as they are written.
pub struct KeyText {
    pub store: String,
    pub current: String,
    keys: BTreeMap<String, Zeroizing<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    store: String,
    current: String,
    keys: BTreeMap<String, String>,
}

/// The most characters the id of a key has.
const LONGEST_ID: usize = 64;
/// How many hexadecimal digits the id of a store has.
const STORE_DIGITS: usize = 32;

impl KeyText {
    /// A new store's, with one key.
    pub fn new() -> Result<Self, StoreError> {
        let mut text = Self {
            store: random_digits(STORE_DIGITS / 2)?,
            current: String::new(),
            keys: BTreeMap::new(),
        };
        text.current = text.add()?;
        Ok(text)
    }

    /// Adds a key; its id.
    pub fn add(&mut self) -> Result<String, StoreError> {
        let id = format!("k{}", random_digits(4)?);
        let key = Zeroizing::new(STANDARD.encode(&*random_bytes(Key::LENGTH)?));
        self.keys.insert(id.clone(), key);
        Ok(id)
    }

    /// Has another key seal.
    pub fn make_current(&mut self, id: &str) -> Result<(), StoreError> {
        if !self.keys.contains_key(id) {
            return Err(StoreError::new(
                StoreFault::KeyUnavailable,
                format!("there is no key `{}`; add it first", id.escape_debug()),
            ));
        }
        id.clone_into(&mut self.current);
        Ok(())
    }

    /// Reads it. `name` says where it stands.
    pub fn parse(text: &str, name: &str) -> Result<Self, StoreError> {
        let refuse = |problem: String| {
            let text = format!("{name}: {problem}");
            StoreError::new(StoreFault::KeyUnavailable, text)
        };
        let toml: Toml = toml::from_str(text).map_err(|error| {
            // its text quotes the line, and with it a key
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or(0, |before| before.matches('\n').count())
                + 1;
            refuse(format!(
                "line {line} is not what it should be: `store`, `current` and a table `keys` of \
                 Base64 texts"
            ))
        })?;
        let keys = toml.keys.into_iter();
        let parsed = Self {
            store: toml.store,
            current: toml.current,
            keys: keys.map(|(id, key)| (id, Zeroizing::new(key))).collect(),
        };
        let digits = parsed.store.bytes().filter(u8::is_ascii_hexdigit).count();
        if digits != STORE_DIGITS || parsed.store.len() != STORE_DIGITS {
            return Err(refuse("`store` has not 32 hexadecimal digits".into()));
        }
        if !parsed.keys.contains_key(&parsed.current) {
            return Err(refuse("`current` names none of the keys".into()));
        }
        for id in parsed.keys.keys() {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(plain) {
                return Err(refuse(
                    "a key's id has 1 to 64 letters, digits, `-`, `_` or `.`".into(),
                ));
            }
        }
        parsed.keys().map_err(|error| refuse(error.to_string()))?;
        Ok(parsed)
    }

    /// The keys, ready for use.
    pub fn keys(&self) -> Result<BTreeMap<String, Key>, StoreError> {
        let ready = self.keys.iter().map(|(id, key)| {
            let mut bytes = STANDARD.decode(key.trim()).unwrap_or_default();
            let ready = Key::new(&bytes);
            bytes.zeroize();
            let ready = ready.ok_or_else(|| {
                StoreError::new(
                    StoreFault::KeyUnavailable,
                    format!("the key `{id}` is not 32 bytes in Base64"),
                )
            });
            Ok((id.clone(), ready?))
        });
        ready.collect()
    }

    /// As it is kept.
    pub fn to_text(&self) -> Zeroizing<String> {
        let length = self.keys.len() * 128 + 256;
        let mut text = Zeroizing::new(String::with_capacity(length));
        let _ = write!(
            text,
            "# The keys of a store of tokens. Whoever has them can read it; without them nobody can.\n\
             store = \"{}\"\ncurrent = \"{}\"\n\n[keys]\n",
            self.store, self.current
        );
        for (id, key) in &self.keys {
            let _ = writeln!(text, "\"{id}\" = \"{}\"", key.as_str());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut text = KeyText::new().unwrap();
        let former = text.current.clone();
        let added = text.add().unwrap();
        assert_eq!(text.current, former, "it only opens");
        assert!(text.make_current("another").is_err());
        text.make_current(&added).unwrap();
        let read = KeyText::parse(&text.to_text(), "x").unwrap();
        assert_eq!((&read.store, &read.current), (&text.store, &text.current));
        assert!(read.keys.contains_key(&former) && read.keys.len() == 2);
    }

    #[test]
    fn names_the_fault_and_quotes_no_key() {
        let written = KeyText::new().unwrap();
        let key = written.keys.values().next().unwrap().to_string();
        let good = written.to_text();
        for (bad, says) in [
            (good.replace("store = \"", "store = \"z"), "32 hexadecimal"),
            (
                good.replace("current = \"", "current = \"z"),
                "none of the keys",
            ),
            (good.replace(&key, &key[..20]), "32 bytes in Base64"),
            (good.replace("current", "corrent"), "line 3"),
            (
                good.replace(&format!("\"{key}\""), &format!("\"{key}")),
                "line 6",
            ),
            (format!("{}extra = 1\n", good.as_str()), "line"),
            (String::new(), "line 1"),
        ] {
            let error = KeyText::parse(&bad, "x").err().unwrap();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(says), "{says}: {shown}");
            assert!(!shown.contains(&key[..8]), "{shown}");
            assert_eq!(error.fault(), StoreFault::KeyUnavailable);
        }
    }
}
