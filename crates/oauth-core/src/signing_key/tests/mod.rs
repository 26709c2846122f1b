//! What loads, what is refused and in which words.

use serde_json::Value;

use crate::secret::Secret;
use crate::signing_key::{Algorithm, KeyError, KeyErrorKind, KeyOptions, SigningKey};

mod accepts;
mod encrypted;
mod envelopes;
mod jwk;
mod make;
mod refuses;
mod signs;
mod source;

fn options(algorithm: Option<Algorithm>) -> KeyOptions {
    KeyOptions {
        algorithm,
        ..KeyOptions::default()
    }
}

fn with_passphrase(algorithm: Option<Algorithm>, passphrase: &str) -> KeyOptions {
    KeyOptions {
        passphrase: Some(Secret::new(passphrase)),
        ..options(algorithm)
    }
}

/// Loads a key and checks a signature of it with another library.
#[track_caller]
fn accepted(bytes: impl AsRef<[u8]>, options: &KeyOptions) -> SigningKey {
    let key = SigningKey::load(bytes.as_ref(), options)
        .unwrap_or_else(|fault| panic!("refused: {fault}"));
    let signature = key.sign(b"message").unwrap();
    assert!(signs::verified(&key, b"message", &signature), "{key:?}");
    key
}

/// Expects a refusal of this kind, in one line that holds nothing of the key.
#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, options: &KeyOptions, kind: KeyErrorKind) -> String {
    let bytes = bytes.as_ref();
    let fault: KeyError = match SigningKey::load(bytes, options) {
        Ok(key) => panic!("loaded {key:?}, expected {kind:?}"),
        Err(fault) => fault,
    };
    let message = fault.to_string();
    assert_eq!(fault.kind(), kind, "{message}");
    assert!(
        !message.contains(['\n', '\r']) && message.len() < 600,
        "{message}"
    );
    if let Some(passphrase) = &options.passphrase {
        let exposed = passphrase.expose();
        assert!(
            exposed.is_empty() || !message.contains(exposed),
            "{message}"
        );
    }
    for piece in bytes
        .split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|piece| piece.len() >= 20)
    {
        let piece = std::str::from_utf8(&piece[..20]).unwrap();
        assert!(!message.contains(piece), "{message}");
    }
    message
}

/// Expects a refusal of this kind that holds these words.
#[track_caller]
fn says(bytes: impl AsRef<[u8]>, algorithm: Option<Algorithm>, kind: KeyErrorKind, words: &str) {
    let message = refused(bytes, &options(algorithm), kind);
    assert!(message.contains(words), "{message}");
}

fn json(value: &Value) -> String {
    value.to_string()
}

#[test]
fn names_every_kind_once() {
    use KeyErrorKind::*;
    let kinds = [
        Size,
        Invalid,
        AlgorithmMismatch,
        AlgorithmRequired,
        Unsupported,
        NeedsPassphrase,
        WrongPassphrase,
        WrongContainer,
        NotPrivate,
        Ambiguous,
        Encoding,
        Certificate,
        Unreadable,
        Signer,
        Rng,
    ];
    let names: std::collections::BTreeSet<&str> = kinds.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), kinds.len());
}

#[test]
fn knows_an_algorithm_by_its_name_only() {
    for algorithm in Algorithm::ALL {
        assert_eq!(
            algorithm.to_string().parse::<Algorithm>().unwrap(),
            algorithm
        );
        let read: Algorithm = serde_json::from_value(algorithm.name().into()).unwrap();
        assert_eq!(read, algorithm);
    }
    for wrong in [
        "none", "None", "HS256", "HS384", "HS512", "ES512", "ES256K", "rs384", "RS384 ", "Ed25519",
        "RSA-OAEP", "",
    ] {
        let fault = wrong.parse::<Algorithm>().unwrap_err();
        assert_eq!(fault.kind(), KeyErrorKind::Unsupported);
        assert!(fault.to_string().contains("choose RS256"), "{fault}");
        serde_json::from_value::<Algorithm>(wrong.into()).unwrap_err();
    }
}

// KEY-045: that the kind and the words are these. aws-lc-rs seals its source of random bytes, so that
// none that fails can be put in its place: that generating and signing end here and try no other source
// is to be read in `pair`.
#[test]
fn a_failed_source_of_random_bytes_has_a_kind_and_words_of_its_own() {
    let fault = super::pair::no_random_bytes(aws_lc_rs::error::Unspecified);
    assert_eq!(fault.kind(), KeyErrorKind::Rng);
    assert!(
        fault.to_string().contains("no weaker substitute"),
        "{fault}"
    );
}
