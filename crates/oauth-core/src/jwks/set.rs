//! The public keys of somebody else, as a set (RFC 7517 5).

use std::fmt;

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, JwksFault, ProtocolFault, Recovery};
use crate::json;
use crate::jwks::key::Key;
use crate::signing_key::Algorithm;

/// The most members of `keys` that are looked at.
const MOST_KEYS: usize = 1000;

/// The keys by which somebody else signs: the usable ones of a JWK set. Private members are not kept.
#[derive(Clone)]
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a JWK set. What is of an unknown kind, algorithm or use is passed over (RFC 7517 5); a key that
    /// is damaged or too weak is an error only where it is the one that is wanted.
    ///
    /// # Errors
    /// It is no JSON object with an array `keys`, holds a member twice, or more than 1,000 keys. The document
    /// is dropped as a whole.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        let document = json::unique(document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document))
            .map_err(|error| match error.is_data() {
                true => unreadable(ProtocolFault::DuplicateKey, "holds a member twice"),
                false => unreadable(ProtocolFault::NotJson, "is not JSON"),
            })?;
        let Value::Object(mut document) = document else {
            return Err(unreadable(
                ProtocolFault::NotObject,
                "is not one JSON object",
            ));
        };
        let keys = match document.remove("keys") {
            Some(Value::Array(keys)) => keys,
            Some(_) => {
                return Err(unreadable(
                    ProtocolFault::BadType,
                    "has a `keys` that is no array",
                ));
            }
            None => return Err(unreadable(ProtocolFault::MissingField, "has no `keys`")),
        };
        if keys.len() > MOST_KEYS {
            return Err(unreadable(
                ProtocolFault::TooLarge,
                "holds more than 1,000 keys",
            ));
        }
        Ok(Self::of(&keys))
    }

    fn of(members: &[Value]) -> Self {
        let mut keys: Vec<Key> = Vec::new();
        for jwk in members.iter().filter_map(Value::as_object) {
            warn_of_private(jwk);
            match Key::read(jwk) {
                // the same key once more is no second one
                Some(key) if !keys.contains(&key) => keys.push(key),
                _ => {}
            }
        }
        if keys.len() < members.len() {
            tracing::debug!(
                taken = keys.len(),
                of = members.len(),
                "keys of a JWK set were passed over"
            );
        }
        Self(keys)
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one key that may have signed so: with that `kid`, or without one the only one that fits.
    pub(crate) fn find(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Found<'_>, Error> {
        let fitting = |key: &&Key| {
            key.fits(algorithm) && (key_id.is_none() || key.key_id.as_deref() == key_id)
        };
        let (good, bad): (Vec<&Key>, Vec<&Key>) = self
            .0
            .iter()
            .filter(fitting)
            .partition(|key| key.fault().is_none());
        match (good.as_slice(), bad.first().and_then(|key| key.fault())) {
            ([key], _) => Ok(Found { key, algorithm }),
            ([], None) => Err(no_key(key_id.is_some())),
            ([], Some(fault)) => Err(keys(
                JwksFault::BadKey,
                &format!("the issuer's key cannot be used: {fault}"),
            )
            .remedy("have the issuer publish a sound key")),
            _ => Err(keys(JwksFault::Ambiguous, "several of the issuer's keys could have signed, and the token does not say which (`kid`)")
                .remedy("have the issuer write the `kid` of the key into its tokens, and give each key its own")),
        }
    }
}

/// A key, and the algorithm it was looked for by.
pub(crate) struct Found<'a> {
    key: &'a Key,
    algorithm: Algorithm,
}

impl Found<'_> {
    /// Whether the signature over the message is by that key and that algorithm.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verifies(self.algorithm, message, signature)
    }
}

fn no_key(is_named: bool) -> Error {
    let problem = match is_named {
        true => {
            "the issuer publishes no usable key with the `kid` and for the algorithm of the token"
        }
        false => "the issuer publishes no usable key for the algorithm of the token",
    };
    keys(JwksFault::NoKey, problem).remedy(
        "check that `jwks_uri` is the issuer's; if it is, the issuer must publish the key it signs by",
    )
}

fn keys(fault: JwksFault, problem: &str) -> Error {
    Error::new(ErrorKind::Jwks(fault), problem)
}

fn unreadable(fault: ProtocolFault, problem: &str) -> Error {
    let kind = ErrorKind::Protocol(fault);
    Error::new(kind, format!("the JWK set {problem}"))
        .remedy("check that `jwks_uri` is the issuer's, and have its JWK set mended")
        .with_recovery(Recovery::FixConfig)
}

/// Whoever publishes a private key has lost it.
fn warn_of_private(jwk: &Map<String, Value>) {
    const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];
    if PRIVATE.into_iter().any(|name| jwk.contains_key(name)) {
        tracing::warn!("a JWK set publishes private members of a key; they are not kept");
    }
}

/// Prints the number of keys alone.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("keys", &self.0.len())
            .finish()
    }
}
