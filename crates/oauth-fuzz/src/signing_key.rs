//! Private keys (PEM, DER, JWK).
//!
//! An input is: what is configured beside the key, a key of [`keys`] or none, and then edits of that key, or the
//! bytes as they are. An edit is two bytes of position, one that says what is done there (overwrite, insert, delete),
//! one of length, and as many bytes. So no input is a key, and none need be kept.

use std::sync::OnceLock;

use oauth_core::Secret;
use oauth_core::jwks::{KeySet, public_jwks};
use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};

use crate::canary::{check_line, quotes_nothing};
use crate::choice::one_of;
use crate::keys;

/// A key that loads signs, and is the same when it is written and loaded again; of one that does not, nothing is shown.
pub fn check(mut data: &[u8]) {
    let algorithms = [None, Some(Algorithm::RS256), Some(Algorithm::ES256)];
    let Some(algorithm) = one_of(&mut data, &algorithms) else {
        return;
    };
    let Some(bytes) = written(data) else { return };
    let options = KeyOptions {
        algorithm: *algorithm,
        passphrase: Some(Secret::new(keys::PASSPHRASE)),
        ..KeyOptions::default()
    };
    match SigningKey::load(&bytes, &options) {
        Err(error) => {
            check_line(&error.to_string());
            quotes_nothing(&error, &bytes);
            quotes_nothing(format!("{error:?}"), &bytes);
        }
        Ok(key) => check_key(&key),
    }
}

fn check_key(key: &SigningKey) {
    let set = public_jwks([key]).map(|set| set.to_string());
    let set = set.unwrap_or_default();
    assert!(!set.contains("\"d\""), "{set}");
    let set = KeySet::parse(set.as_bytes());
    assert_eq!(set.map(|set| set.len()).ok(), Some(1));
    let options = KeyOptions {
        algorithm: Some(key.algorithm()),
        ..KeyOptions::default()
    };
    let again = key
        .to_pkcs8_pem()
        .and_then(|pem| SigningKey::load(pem.expose().as_bytes(), &options));
    let thumbprint = again.map(|key| key.thumbprint().to_owned());
    assert_eq!(thumbprint.as_deref(), Ok(key.thumbprint()));
}

/// The bytes that an input stands for.
fn written(mut data: &[u8]) -> Option<Vec<u8>> {
    static KEYS: OnceLock<Vec<Option<Vec<u8>>>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let keys = keys::all().into_iter().map(Some);
        std::iter::once(None).chain(keys).collect()
    });
    match one_of(&mut data, keys)? {
        None => Some(data.to_vec()),
        Some(key) => Some(edited(key.clone(), data)),
    }
}

fn edited(mut key: Vec<u8>, mut edits: &[u8]) -> Vec<u8> {
    while let [high, low, how, length, rest @ ..] = edits {
        let at = usize::from(u16::from_be_bytes([*high, *low])) % (key.len() + 1);
        let wanted = usize::from(*length);
        let end = (at + wanted).min(key.len());
        let (with, left) = rest.split_at(wanted.min(rest.len()));
        edits = match how % 3 {
            0 => {
                key.splice(at..end, with.iter().copied());
                left
            }
            1 => {
                key.splice(at..at, with.iter().copied());
                left
            }
            _ => {
                key.drain(at..end);
                rest
            }
        };
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_overwrite_insert_and_delete() {
        let key = b"0123456789".to_vec();
        assert_eq!(edited(key.clone(), b"\0\x02\0\x02ab"), b"01ab456789");
        assert_eq!(edited(key.clone(), b"\0\x02\x01\x02ab"), b"01ab23456789");
        assert_eq!(edited(key.clone(), b"\0\x02\x02\x02"), b"01456789");
        assert_eq!(edited(key, b"\0\x02\x02"), b"0123456789");
    }
}
