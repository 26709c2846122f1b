//! Tokens that others signed (RFC 7515, RFC 7519), and what they say of a login or of an authorization.
//!
//! An input is a letter and, by it, a token as it is; or a header, a line break and claims, which are signed here.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use oauth_core::client_auth::HmacAlgorithm;
use oauth_core::id_token::{self, Expected, IdToken, Login};
use oauth_core::jwks::{KeySet, public_jwks};
use oauth_core::jwt::{self, SignedBy, TokenType, Verified};
use oauth_core::signing_key::{KeyOptions, SigningKey};
use oauth_core::{Error, Secret, jarm};
use serde_json::json;
use sha2::Sha256;

use crate::canary::{check_error, quotes_nothing};
use crate::choice::one_of;
use crate::jwks::ALGORITHMS;
use crate::keys;

const SECRET: &str = "the secret of client and server, long enough";
const ISSUER: &str = "https://auth.example";
const CLIENT: &str = "client";
const NONCE: &str = "n-0S6_WzA2Mj";

/// No token is verified that was not signed, and nothing of one that is refused is quoted.
pub fn check(mut data: &[u8]) {
    match one_of(&mut data, &[false, true]) {
        Some(false) => as_it_is(data),
        Some(true) => signed(data),
        None => {}
    }
}

fn as_it_is(data: &[u8]) {
    let Ok(token) = std::str::from_utf8(data) else {
        return;
    };
    for wanted in [TokenType::Jwt, TokenType::Named("token-introspection+jwt")] {
        let by = SignedBy::Keys {
            keys: published(),
            algorithms: &ALGORITHMS,
        };
        check_refused(jwt::verify(token, by, wanted), data);
        for algorithm in [
            HmacAlgorithm::HS256,
            HmacAlgorithm::HS384,
            HmacAlgorithm::HS512,
        ] {
            check_refused(by_secret(token, algorithm, wanted), data);
        }
    }
}

fn by_secret(
    token: &str,
    algorithm: HmacAlgorithm,
    wanted: TokenType<'_>,
) -> Result<Verified, Error> {
    let secret = Secret::new(SECRET);
    let by = SignedBy::Secret {
        secret: &secret,
        algorithm,
    };
    jwt::verify(token, by, wanted)
}

/// The key of a server that signs by ES256.
fn published() -> &'static KeySet {
    static KEYS: OnceLock<KeySet> = OnceLock::new();
    KEYS.get_or_init(|| {
        let key = SigningKey::load(&keys::p256(), &KeyOptions::default());
        let set = key.ok().and_then(|key| public_jwks([&key]).ok());
        let set = set.unwrap_or_default().to_string();
        KeySet::parse(set.as_bytes()).unwrap_or_else(|error| unreachable!("{error}"))
    })
}

/// Nobody here can sign but this program, and it has not.
fn check_refused(judged: Result<Verified, Error>, input: &[u8]) {
    match judged {
        Ok(verified) => unreachable!("{verified:?} was verified"),
        Err(error) => {
            check_error(&error, &[SECRET]);
            quotes_nothing(&error, input);
        }
    }
}

fn signed(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (header, claims) = data.split_at(at);
    let claims = claims.strip_prefix(b"\n").unwrap_or(claims);
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let mut token = format!("{}.{}", encode(header), encode(claims));
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) else {
        return;
    };
    mac.update(token.as_bytes());
    token = format!("{token}.{}", encode(&mac.finalize().into_bytes()));
    match by_secret(&token, HmacAlgorithm::HS256, TokenType::Jwt) {
        Err(error) => {
            check_error(&error, &[SECRET]);
            quotes_nothing(&error, data);
        }
        Ok(verified) => {
            assert_eq!(verified.algorithm(), "HS256");
            quotes_nothing(format!("{verified:?}"), data);
            judge(&verified, data);
        }
    }
}

fn judge(verified: &Verified, input: &[u8]) {
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let nonce = Secret::new(NONCE);
    let token = Secret::new("access token");
    let mut expected = Expected::new(ISSUER, CLIENT);
    expected.max_age = Some(TimeDelta::minutes(5));
    expected.access_token = Some(&token);
    expected.code = Some(&token);
    for expected_nonce in [None, Some(&nonce)] {
        expected.nonce = expected_nonce;
        let judged = id_token::validate(verified, &expected, now);
        check_login(judged, &expected, now, input);
    }
    if let Some(former) = former() {
        let judged = id_token::validate_refreshed(verified, &expected, former, now);
        check_login(judged, &expected, now, input);
    }
    match jarm::parameters(verified, ISSUER, CLIENT, now, expected.leeway) {
        Ok(parameters) => {
            let values = parameters.into_iter().map(|(_, value)| value);
            quotes_nothing(format!("{:?}", values.collect::<Vec<_>>()), input);
        }
        Err(error) => {
            check_error(&error, &[SECRET]);
            quotes_nothing(&error, input);
        }
    }
}

fn check_login(
    judged: Result<IdToken, Error>,
    expected: &Expected<'_>,
    now: DateTime<Utc>,
    input: &[u8],
) {
    match judged {
        Ok(token) => {
            assert_eq!(token.issuer(), expected.issuer);
            assert!(!token.subject().is_empty());
            assert!(token.expires_at() + expected.leeway > now);
            assert!(token.issued_at() - expected.leeway <= now);
            quotes_nothing(format!("{token:?}"), input);
        }
        Err(error) => {
            check_error(&error, &[SECRET]);
            quotes_nothing(&error, input);
        }
    }
}

/// A login that was checked before.
fn former() -> Option<&'static Login> {
    static FORMER: OnceLock<Option<Login>> = OnceLock::new();
    let login = json!({
        "issuer": ISSUER, "subject": "user", "audience": [CLIENT], "issued_at": "2024-10-04T00:00:00Z",
        "authenticated_at": null, "nonce": NONCE,
    });
    FORMER
        .get_or_init(|| serde_json::from_value(login).ok())
        .as_ref()
}
