//! Sets of the keys of others (RFC 7517 5).
//!
//! An input is the document.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::jwks::KeySet;
use oauth_core::jwt::{self, SignedBy, TokenType};
use oauth_core::signing_key::Algorithm;

use crate::canary::{CANARY, check_debug, check_error, hide, is_known};

/// Every algorithm there is.
pub const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The private members of a key (RFC 7518 6).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// No key of a set takes a signature that nobody made, and nothing private is kept.
pub fn check(data: &[u8]) {
    match KeySet::parse(data) {
        Err(error) => check_error(&error, &[]),
        Ok(keys) => {
            assert!(keys.len() <= 1000, "{} keys", keys.len());
            assert_eq!(
                format!("{keys:?}"),
                format!("KeySet {{ keys: {} }}", keys.len())
            );
            if !keys.is_empty() {
                takes_no_forgery(&keys);
            }
        }
    }
    let Ok(mut value) = serde_json::from_slice(data) else {
        return;
    };
    hide(&mut value, &PRIVATE);
    let with_canary = value.to_string().into_bytes();
    if is_known(data) || !is_known(&with_canary) {
        return;
    }
    match KeySet::parse(&with_canary) {
        Ok(keys) => check_debug(&keys, &[CANARY]),
        Err(error) => check_error(&error, &[CANARY]),
    }
}

fn takes_no_forgery(keys: &KeySet) {
    for (algorithm, length) in ALGORITHMS
        .into_iter()
        .zip([256, 256, 256, 256, 256, 256, 64, 96, 64])
    {
        let signature = vec![0x55; length];
        for key_id in ["", r#","kid":"k""#] {
            let header = format!(r#"{{"alg":"{}"{key_id}}}"#, algorithm.name());
            let token = format!(
                "{}.e30.{}",
                URL_SAFE_NO_PAD.encode(&header),
                URL_SAFE_NO_PAD.encode(&signature)
            );
            let by = SignedBy::Keys {
                keys,
                algorithms: &ALGORITHMS,
            };
            match jwt::verify(&token, by, TokenType::Jwt) {
                Ok(_) => assert!(header.is_empty(), "{header} was verified"),
                Err(error) => check_error(&error, &[]),
            }
        }
    }
}
