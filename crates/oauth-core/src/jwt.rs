//! Tokens that somebody else signed: JWS in compact form (RFC 7515), JWT (RFC 7519), read by the rules
//! of RFC 8725.
//!
//! [`verify`] answers who signed; the claims are checked by their use ([`id_token`](crate::id_token),
//! [`jarm`](crate::jarm)). What a header points to (`jku`, `x5u`, `jwk`, `x5c`) is never looked at.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::{Map, Value};

use crate::client_auth::HmacAlgorithm;
use crate::env::Env;
use crate::error::{Error, ErrorKind, JwksFault, JwtFault};
use crate::jwks::{KeySet, RemoteKeys, algorithm};
use crate::jwt::compact::Compact;
use crate::secret::Secret;
use crate::signing_key::Algorithm;

mod claims;
mod compact;
mod fault;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use claims::required;
pub(crate) use fault::refused;

/// How far two clocks may differ where nothing else is said.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// Who may have signed a token, and by what. A secret never verifies where keys are expected, whatever the
/// token's header says (RFC 8725 2.1).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum SignedBy<'a> {
    /// One of these keys, by one of these algorithms.
    Keys {
        /// The issuer's keys, from its `jwks_uri`.
        keys: &'a KeySet,
        /// What is allowed (RFC 8725 3.1).
        algorithms: &'a [Algorithm],
    },
    /// Whoever shares this secret: the client's own, where it is registered so.
    Secret {
        /// The secret.
        secret: &'a Secret,
        /// The one algorithm allowed.
        algorithm: HmacAlgorithm,
    },
}

/// What sort of token is expected, by its header's `typ` (RFC 8725 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType<'a> {
    /// `JWT`, or none at all: an id_token, a response of JARM.
    Jwt,
    /// One of its own, such as `token-introspection+jwt`, which must be there.
    Named(&'a str),
}

/// A token whose signature is right. Nothing is known yet of whom it is for, and until when.
pub struct Verified {
    name: &'static str,
    digest: &'static digest::Algorithm,
    claims: Map<String, Value>,
}

impl Verified {
    /// The algorithm it is signed by (RFC 7518 3.1).
    pub fn algorithm(&self) -> &'static str {
        self.name
    }

    /// All that it says.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The left half of a digest in base64url, as `at_hash` and `c_hash` have it (OpenID Connect Core 3.1.3.6).
    /// The digest is that of the token's algorithm; SHA-512 for Ed25519, which uses it.
    pub(crate) fn half_hash(&self, of: &str) -> String {
        let whole = digest::digest(self.digest, of.as_bytes());
        let (half, _) = whole.as_ref().split_at(whole.as_ref().len() / 2);
        URL_SAFE_NO_PAD.encode(half)
    }
}

/// Prints nothing of what it says.
impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("algorithm", &self.name)
            .finish_non_exhaustive()
    }
}

/// Reads a token and checks its signature.
///
/// # Errors
/// [`ErrorKind::Jwt`]: it is malformed, of another type, or not signed as is allowed here.
/// [`ErrorKind::Jwks`]: no key, or more than one, could be meant.
/// Nothing of it may be used, and what came with it is to be dropped.
pub fn verify(token: &str, by: SignedBy<'_>, wanted: TokenType<'_>) -> Result<Verified, Error> {
    let token = Compact::parse(token)?;
    token.check_type(wanted)?;
    match by {
        SignedBy::Keys { keys, algorithms } => by_key(&token, keys, algorithms),
        SignedBy::Secret { secret, algorithm } => by_secret(&token, secret, algorithm),
    }
}

/// As [`verify`], with the keys that an issuer publishes. They are looked up again, once, where the token
/// names a key that is not among them.
///
/// # Errors
/// As [`verify`]; and as those of a look-up.
pub async fn verify_remote(
    env: &Env,
    token: &str,
    keys: &RemoteKeys,
    algorithms: &[Algorithm],
    wanted: TokenType<'_>,
) -> Result<Verified, Error> {
    let token = Compact::parse(token)?;
    token.check_type(wanted)?;
    allowed(&token, algorithms)?; // or no key is asked for
    let known = keys.keys(env).await?;
    match by_key(&token, &known, algorithms) {
        Err(error) if error.kind() == ErrorKind::Jwks(JwksFault::NoKey) => {
            let anew = keys.anew(env, &known).await?;
            by_key(&token, &anew, algorithms)
        }
        outcome => outcome,
    }
}

fn by_key(token: &Compact<'_>, keys: &KeySet, algorithms: &[Algorithm]) -> Result<Verified, Error> {
    let algorithm = allowed(token, algorithms)?;
    let key = keys.find(token.key_id(), algorithm)?;
    if !key.verifies(token.signed(), token.signature()) {
        return Err(forged(
            "the signature is not by the issuer's key",
            "check that the issuer and its `jwks_uri` are those that are meant; else somebody has changed the token",
        ));
    }
    Ok(Verified {
        name: algorithm.name(),
        digest: digest_of(algorithm),
        claims: token.claims()?,
    })
}

fn by_secret(
    token: &Compact<'_>,
    secret: &Secret,
    algorithm: HmacAlgorithm,
) -> Result<Verified, Error> {
    if token.algorithm() != algorithm.name() {
        return Err(not_allowed(token.algorithm(), algorithm.name()));
    }
    if secret.expose().is_empty() {
        let problem = "the secret that the token should be signed with is empty";
        return Err(
            Error::new(ErrorKind::Credential, problem).remedy("configure the client's secret")
        );
    }
    let (form, digest) = match algorithm {
        HmacAlgorithm::HS256 => (hmac::HMAC_SHA256, &digest::SHA256),
        HmacAlgorithm::HS384 => (hmac::HMAC_SHA384, &digest::SHA384),
        HmacAlgorithm::HS512 => (hmac::HMAC_SHA512, &digest::SHA512),
    };
    let key = hmac::Key::new(form, secret.expose().as_bytes());
    hmac::verify(&key, token.signed(), token.signature()).map_err(|_| {
        forged(
            "the signature is not by the client's secret",
            "check the client's secret; if it is right, somebody has changed the token",
        )
    })?;
    Ok(Verified {
        name: algorithm.name(),
        digest,
        claims: token.claims()?,
    })
}

fn allowed(token: &Compact<'_>, algorithms: &[Algorithm]) -> Result<Algorithm, Error> {
    algorithm(token.algorithm())
        .filter(|named| algorithms.contains(named))
        .ok_or_else(|| {
            let names: Vec<&str> = algorithms.iter().map(|one| one.name()).collect();
            not_allowed(token.algorithm(), &names.join(", "))
        })
}

/// The token's own word is shown only where it is one that everybody knows.
fn not_allowed(named: &str, allowed: &str) -> Error {
    const OTHERS: [&str; 6] = ["none", "HS256", "HS384", "HS512", "ES512", "ES256K"];
    let known = OTHERS
        .into_iter()
        .find(|other| *other == named)
        .or_else(|| algorithm(named).map(Algorithm::name));
    let problem = match known {
        Some("none") => "the token is not signed (`alg` is `none`)".to_owned(),
        Some(name) => format!("the token is signed by {name}, which is not allowed here"),
        None => "the token is signed by an algorithm that is not known here".to_owned(),
    };
    refused(
        JwtFault::Algorithm,
        problem,
        format!("have the client registered for {allowed}, or configure what it is registered for"),
    )
}

fn forged(problem: &str, remedy: &str) -> Error {
    refused(JwtFault::Signature, problem, remedy)
}

fn digest_of(algorithm: Algorithm) -> &'static digest::Algorithm {
    match algorithm {
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => &digest::SHA256,
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &digest::SHA384,
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => &digest::SHA512,
    }
}
