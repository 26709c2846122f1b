//! Public keys as JWK sets (RFC 7517 5): ours, which a server is given, and those of others.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use crate::signing_key::SigningKey;
use crate::text;

mod key;
mod remote;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use key::algorithm;
pub use remote::RemoteKeys;
pub use set::KeySet;

/// The public JWK set of our keys: public members only, each key with its own `kid`.
///
/// # Errors
/// Two keys have the same `kid`, so that a server could not tell which one signed (RFC 7517 4.5).
pub fn public_jwks<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Result<Value, SameKeyId> {
    let mut ids = BTreeSet::new();
    let mut set = Vec::new();
    for key in keys {
        if !ids.insert(key.key_id()) {
            return Err(SameKeyId(key.key_id().to_owned()));
        }
        set.push(key.public_jwk());
    }
    Ok(json!({ "keys": set }))
}

/// Two keys of one set have this `kid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameKeyId(String);

impl fmt::Display for SameKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "two keys have the `kid` `{}`; give each its own, or leave it out to use their thumbprints",
            text::escape(&self.0)
        )
    }
}

impl std::error::Error for SameKeyId {}
