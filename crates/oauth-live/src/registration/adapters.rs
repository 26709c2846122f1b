//! The clients that adapters are.

use oauth_core::signing_key::Algorithm;

use crate::registration::{Client, GrantType, ITEMS, OTHERS, PATIENTS, Proof};

pub(crate) const RS384: Client = patients("fhir-rs384", Algorithm::RS384);
pub(crate) const ES384: Client = patients("fhir-es384", Algorithm::ES384);
pub(crate) const REPLAYED: Client = patients("fhir-replayed", Algorithm::ES384);
pub(crate) const ROTATED: Client = patients("fhir-rotated", Algorithm::ES384);
pub(crate) const STRANGER: Client = patients("fhir-stranger", Algorithm::ES384);
pub(crate) const REVOKED: Client = patients("fhir-revoked", Algorithm::ES384);
pub(crate) const UNTRUSTING: Client = patients("fhir-untrusting", Algorithm::ES384);
pub(crate) const DISCOVERING: Client = Client {
    scope: ITEMS,
    ..patients("discovering", Algorithm::ES384)
};

/// A colon and a space, which only a form-encoded Basic header can carry (RFC 6749 2.3.1).
pub(crate) const BASIC: Client = Client::new("live: basic client", Proof::Basic);
pub(crate) const RAW_BASIC: Client = Client::new("raw-basic", Proof::Basic);
pub(crate) const MISTAKEN: Client = Client::new("mistaken", Proof::Basic);
pub(crate) const POST: Client = Client::new("live: post client", Proof::Post);
pub(crate) const HASHING: Client = Client::new("hashing", Proof::Hash);
pub(crate) const HASHING_TWICE: Client = Client::new("hashing-twice", Proof::Hash);
pub(crate) const REVOKED_BASIC: Client = Client::new("revoked-basic", Proof::Basic);
pub(crate) const OUT_OF_SCOPE: Client = Client {
    scope: OTHERS,
    ..Client::new("out-of-scope", Proof::Basic)
};
pub(crate) const ROTATING: Client = logging_in("rotating");
pub(crate) const REUSING: Client = logging_in("reusing");

pub(super) const CLIENTS: &[Client] = &[
    RS384,
    ES384,
    REPLAYED,
    ROTATED,
    STRANGER,
    REVOKED,
    UNTRUSTING,
    DISCOVERING,
    BASIC,
    RAW_BASIC,
    MISTAKEN,
    POST,
    HASHING,
    HASHING_TWICE,
    REVOKED_BASIC,
    OUT_OF_SCOPE,
    ROTATING,
    REUSING,
];

/// For itself, with a private key whose public half is at its `jwks_uri`.
const fn patients(id: &'static str, algorithm: Algorithm) -> Client {
    Client {
        scope: PATIENTS,
        ..Client::new(id, Proof::Published(algorithm))
    }
}

/// For somebody who logs in, with a secret.
const fn logging_in(id: &'static str) -> Client {
    Client {
        grant: GrantType::Login,
        ..Client::new(id, Proof::Basic)
    }
}
