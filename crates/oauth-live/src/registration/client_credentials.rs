//! The clients of the client credentials grant (RFC 6749 4.4): a client a trial.

use oauth_core::signing_key::Algorithm::{ES384, RS384};
use serde_json::json;

use crate::registration::{Client, GrantType, Proof};

// methods

/// A colon and a space, which only a form-encoded Basic header can carry (RFC 6749 2.3.1).
pub(crate) const BASIC: Client = Client::new("cc: basic", Proof::Basic);
pub(crate) const POST: Client = Client::new("cc: post", Proof::Post);
pub(crate) const HASH: Client = Client::new("cc-hash", Proof::Hash);
pub(crate) const BY_RS384: Client = Client::new("cc-rs384", Proof::Given(RS384));
pub(crate) const BY_ES384: Client = Client::new("cc-es384", Proof::Given(ES384));
pub(crate) const FOR_ISSUER: Client = Client::new("cc-for-issuer", Proof::Given(ES384));
pub(crate) const ROTATED: Client = Client::new("cc-rotated", Proof::Published(ES384));
pub(crate) const CROWD: Client = Client::new("cc-crowd", Proof::Basic);

// refusals

pub(crate) const MISTAKEN: Client = Client::new("cc-mistaken", Proof::Basic);
pub(crate) const OTHER_METHOD: Client = Client::new("cc-other-method", Proof::Basic);
/// It may sign by any algorithm that is enabled.
pub(crate) const ANY_ALGORITHM: Client = Client {
    more: || json!({"token_endpoint_auth_signing_alg": null}),
    ..Client::new("cc-any-algorithm", Proof::Published(ES384))
};
pub(crate) const OTHER_AUDIENCE: Client = Client::new("cc-other-audience", Proof::Given(ES384));
pub(crate) const REPLAYED: Client = Client::new("cc-replayed", Proof::Given(ES384));
pub(crate) const SLOW: Client = Client::new("cc-slow", Proof::Given(ES384));
pub(crate) const HOURS_SLOW: Client = Client::new("cc-hours-slow", Proof::Given(ES384));
pub(crate) const NARROWED: Client = Client::new("cc-narrowed", Proof::Basic);
pub(crate) const OVERREACHING: Client = Client::new("cc-overreaching", Proof::Basic);
pub(crate) const OTHER_GRANT: Client = Client::new("cc-other-grant", Proof::Basic);
/// It cannot prove who it is, and so has no grant of its own.
pub(crate) const PUBLIC: Client = Client {
    grant: GrantType::None,
    ..Client::new("cc-public", Proof::Nothing)
};

// certificates (RFC 8705)

pub(crate) const CERTIFICATE: Client = certified("mtls-certificate", Proof::Certificate);
pub(crate) const OWN_CERTIFICATE: Client = certified("mtls-own-certificate", Proof::OwnCertificate);
pub(crate) const STOLEN: Client = certified("mtls-stolen", Proof::Certificate);
pub(crate) const MISNAMED: Client = certified("mtls-misnamed", Proof::Certificate);
pub(crate) const UNKNOWN_AUTHORITY: Client =
    certified("mtls-unknown-authority", Proof::Certificate);
pub(crate) const UNREGISTERED: Client = certified("mtls-unregistered", Proof::OwnCertificate);
pub(crate) const RENEWED: Client = certified("mtls-renewed", Proof::Certificate);
pub(crate) const SECRET: Client = certified("mtls-secret", Proof::Basic);
pub(crate) const WITHOUT: Client = certified("mtls-without", Proof::Basic);

// proofs of possession (RFC 9449)

pub(crate) const BOUND: Client = Client::new("dpop-bound", Proof::Basic);
pub(crate) const NONCE: Client = Client {
    wants_nonce: true,
    ..Client::new("dpop-nonce", Proof::Given(ES384))
};
pub(crate) const API_NONCE: Client = Client::new("dpop-api-nonce", Proof::Basic);
pub(crate) const CURVES: Client = Client::new("dpop-curves", Proof::Basic);
pub(crate) const SENT_TWICE: Client = Client::new("dpop-sent-twice", Proof::Post);
pub(crate) const SHOWN_TWICE: Client = Client::new("dpop-shown-twice", Proof::Basic);
pub(crate) const OTHER_KEY: Client = Client::new("dpop-other-key", Proof::Basic);
pub(crate) const AS_BEARER: Client = Client::new("dpop-as-bearer", Proof::Basic);
pub(crate) const UNPROVEN: Client = Client {
    more: || json!({"dpop_bound_access_tokens": true}),
    ..Client::new("dpop-unproven", Proof::Basic)
};

// resource indicators (RFC 8707)

pub(crate) const FOR_API: Client = Client::new("resource-api", Proof::Basic);
pub(crate) const FOR_ANOTHER: Client = Client {
    scope: "items.read system/Patient.rs",
    ..Client::new("resource-another", Proof::Basic)
};
pub(crate) const FOR_JWT_API: Client = Client::new("resource-jwt", Proof::Basic);
pub(crate) const FOR_UNKNOWN: Client = Client::new("resource-unknown", Proof::Basic);

// introspection (RFC 7662) and revocation (RFC 7009)

pub(crate) const ASKED_ABOUT: Client = Client::new("introspection-asked-about", Proof::Basic);
pub(crate) const CURIOUS: Client = Client::new("introspection-curious", Proof::Basic);
pub(crate) const INTROSPECTING: Client = Client::new("introspection-mistaken", Proof::Basic);
pub(crate) const REVOKING: Client = Client::new("revocation-revoking", Proof::Post);
pub(crate) const UNKNOWING: Client = Client::new("revocation-unknowing", Proof::Given(ES384));
pub(crate) const MEDDLING: Client = Client::new("revocation-meddling", Proof::Basic);

// metadata (RFC 8414)

pub(crate) const BY_OAUTH: Client = Client::new("metadata-oauth", Proof::Basic);
pub(crate) const BY_OPENID: Client = Client::new("metadata-openid", Proof::Basic);
pub(crate) const BY_ANOTHER: Client = Client::new("metadata-another", Proof::Basic);

pub(super) const CLIENTS: &[Client] = &[
    BASIC,
    POST,
    HASH,
    BY_RS384,
    BY_ES384,
    FOR_ISSUER,
    ROTATED,
    CROWD,
    MISTAKEN,
    OTHER_METHOD,
    ANY_ALGORITHM,
    OTHER_AUDIENCE,
    REPLAYED,
    SLOW,
    HOURS_SLOW,
    NARROWED,
    OVERREACHING,
    OTHER_GRANT,
    PUBLIC,
    CERTIFICATE,
    OWN_CERTIFICATE,
    STOLEN,
    MISNAMED,
    UNKNOWN_AUTHORITY,
    UNREGISTERED,
    RENEWED,
    SECRET,
    WITHOUT,
    BOUND,
    NONCE,
    API_NONCE,
    CURVES,
    SENT_TWICE,
    SHOWN_TWICE,
    OTHER_KEY,
    AS_BEARER,
    UNPROVEN,
    FOR_API,
    FOR_ANOTHER,
    FOR_JWT_API,
    FOR_UNKNOWN,
    ASKED_ABOUT,
    CURIOUS,
    INTROSPECTING,
    REVOKING,
    UNKNOWING,
    MEDDLING,
    BY_OAUTH,
    BY_OPENID,
    BY_ANOTHER,
];

/// With tokens that are bound to its certificate (RFC 8705 3.4).
const fn certified(id: &'static str, proof: Proof) -> Client {
    Client {
        more: || json!({"tls_client_certificate_bound_access_tokens": true}),
        ..Client::new(id, proof)
    }
}
