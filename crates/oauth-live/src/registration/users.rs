//! The clients that somebody logs in with.

use oauth_core::signing_key::Algorithm;
use serde_json::json;

use crate::registration::{Client, GrantType, Proof};

/// What they may have.
pub(crate) const USERS: &str = "openid items.read others.read";

pub(crate) const PUBLIC: Client = user("user-public", Proof::Nothing);
pub(crate) const BASIC: Client = user("user-basic", Proof::Basic);
pub(crate) const SIGNING: Client = user("user-signing", Proof::Given(Algorithm::ES384));
pub(crate) const NATIVE: Client = Client {
    more: || json!({"application_type": "native", "redirect_uris": ["http://127.0.0.1/callback"]}),
    ..user("user-native", Proof::Nothing)
};
pub(crate) const NATIVE_DENIED: Client = Client {
    more: NATIVE.more,
    ..user("user-native-denied", Proof::Nothing)
};
pub(crate) const CONFUSED: Client = user("user-confused", Proof::Nothing);
pub(crate) const MIXED_UP: Client = user("user-mixed-up", Proof::Nothing);
pub(crate) const DENIED: Client = user("user-denied", Proof::Nothing);
pub(crate) const SPENT_TWICE: Client = user("user-spent-twice", Proof::Basic);
pub(crate) const INJECTED: Client = user("user-injected", Proof::Nothing);
pub(crate) const UNSEEN: Client = user("user-unseen", Proof::Nothing);
pub(crate) const GREEDY: Client = user("user-greedy", Proof::Nothing);

pub(crate) const RS256: Client = user("user-rs256", Proof::Nothing);
pub(crate) const ES256: Client = Client {
    more: || json!({"id_token_signed_response_alg": "ES256"}),
    ..user("user-es256", Proof::Nothing)
};
pub(crate) const OTHER_NONCE: Client = user("user-other-nonce", Proof::Nothing);
pub(crate) const AGED: Client = user("user-aged", Proof::Nothing);
pub(crate) const REFRESHED: Client = user("user-refreshed", Proof::Nothing);
/// Its ID tokens are signed by the key that is replaced in the course of a trial.
pub(crate) const KEY_REPLACED: Client = Client {
    more: || json!({"id_token_signed_response_alg": "ES384"}),
    ..user("user-key-replaced", Proof::Nothing)
};

pub(crate) const PUSHING: Client = user("user-pushing", Proof::Basic);
pub(crate) const MUST_PUSH: Client = Client {
    more: || json!({"require_pushed_authorization_requests": true}),
    ..user("user-must-push", Proof::Basic)
};
pub(crate) const ASKING_BY_RS256: Client = Client {
    more: || json!({"request_object_signing_alg": "RS256", "require_signed_request_object": true}),
    ..user("user-asking-by-rs256", Proof::Published(Algorithm::ES384))
};
pub(crate) const ASKING_BY_ES256: Client = Client {
    more: || json!({"request_object_signing_alg": "ES256", "require_signed_request_object": true}),
    ..user("user-asking-by-es256", Proof::Published(Algorithm::ES384))
};
pub(crate) const UNSIGNED: Client = Client {
    more: ASKING_BY_ES256.more,
    ..user("user-unsigned", Proof::Published(Algorithm::ES384))
};
pub(crate) const PUSHING_SIGNED: Client = Client {
    more: ASKING_BY_ES256.more,
    ..user("user-pushing-signed", Proof::Published(Algorithm::ES384))
};
pub(crate) const SIGNED_BY_A_STRANGER: Client = user(
    "user-signed-by-a-stranger",
    Proof::Published(Algorithm::ES384),
);
pub(crate) const ANSWERED_SIGNED: Client = user("user-answered-signed", Proof::Nothing);
pub(crate) const DENIED_SIGNED: Client = Client {
    more: || json!({"authorization_signed_response_alg": "ES256"}),
    ..user("user-denied-signed", Proof::Nothing)
};
pub(crate) const PAYING: Client = Client {
    more: || json!({"authorization_details_types": ["payment"]}),
    ..user("user-paying", Proof::Basic)
};
pub(crate) const PAYING_ODDLY: Client = Client {
    more: PAYING.more,
    ..user("user-paying-oddly", Proof::Basic)
};
pub(crate) const PAYING_ODDLY_PUSHED: Client = Client {
    more: PAYING.more,
    ..user("user-paying-oddly-pushed", Proof::Basic)
};
pub(crate) const ONE_API: Client = user("user-one-api", Proof::Basic);
pub(crate) const TWO_APIS: Client = user("user-two-apis", Proof::Basic);
pub(crate) const ONE_OF_TWO: Client = user("user-one-of-two", Proof::Basic);
pub(crate) const NO_API: Client = user("user-no-api", Proof::Basic);

pub(crate) const ROTATING: Client = user("user-rotating", Proof::Nothing);
pub(crate) const NARROWING: Client = user("user-narrowing", Proof::Basic);
pub(crate) const WIDENING: Client = user("user-widening", Proof::Basic);
pub(crate) const REPLAYED: Client = user("user-replayed", Proof::Basic);
pub(crate) const GIVEN_UP: Client = user("user-given-up", Proof::Basic);
pub(crate) const TOKEN_GIVEN_UP: Client = user("user-token-given-up", Proof::Basic);

pub(crate) const PROVING: Client = proving("user-proving");
pub(crate) const PROVING_RENEWED: Client = proving("user-proving-renewed");
pub(crate) const PROVING_STOLEN: Client = proving("user-proving-stolen");
pub(crate) const CERTIFIED: Client = certified("user-certified", Proof::OwnCertificate);
pub(crate) const CERTIFIED_BY_AUTHORITY: Client =
    certified("user-certified-by-authority", Proof::Certificate);
pub(crate) const CERTIFIED_PUSHING: Client =
    certified("user-certified-pushing", Proof::Certificate);
pub(crate) const CERTIFIED_RENEWED: Client =
    certified("user-certified-renewed", Proof::OwnCertificate);

pub(crate) const DEVICE: Client = device("user-device");
pub(crate) const DEVICE_DENIED: Client = device("user-device-denied");
pub(crate) const DEVICE_IDLE: Client = device("user-device-idle");
pub(crate) const DEVICE_EXPIRED: Client = device("user-device-expired");
pub(crate) const DEVICE_SPENT: Client = device("user-device-spent");
pub(crate) const DEVICE_PROVING: Client = Client {
    wants_nonce: true,
    ..device("user-device-proving")
};

pub(super) const CLIENTS: &[Client] = &[
    PUBLIC,
    BASIC,
    SIGNING,
    NATIVE,
    NATIVE_DENIED,
    CONFUSED,
    MIXED_UP,
    DENIED,
    SPENT_TWICE,
    INJECTED,
    UNSEEN,
    GREEDY,
    RS256,
    ES256,
    OTHER_NONCE,
    AGED,
    REFRESHED,
    KEY_REPLACED,
    PUSHING,
    MUST_PUSH,
    ASKING_BY_RS256,
    ASKING_BY_ES256,
    UNSIGNED,
    PUSHING_SIGNED,
    SIGNED_BY_A_STRANGER,
    ANSWERED_SIGNED,
    DENIED_SIGNED,
    PAYING,
    PAYING_ODDLY,
    PAYING_ODDLY_PUSHED,
    ONE_API,
    TWO_APIS,
    ONE_OF_TWO,
    NO_API,
    ROTATING,
    NARROWING,
    WIDENING,
    REPLAYED,
    GIVEN_UP,
    TOKEN_GIVEN_UP,
    PROVING,
    PROVING_RENEWED,
    PROVING_STOLEN,
    CERTIFIED,
    CERTIFIED_BY_AUTHORITY,
    CERTIFIED_PUSHING,
    CERTIFIED_RENEWED,
    DEVICE,
    DEVICE_DENIED,
    DEVICE_IDLE,
    DEVICE_EXPIRED,
    DEVICE_SPENT,
    DEVICE_PROVING,
];

const fn user(id: &'static str, proof: Proof) -> Client {
    Client {
        grant: GrantType::Login,
        scope: USERS,
        ..Client::new(id, proof)
    }
}

/// A public one whose tokens are bound to its key, and of which the server wants nonces.
const fn proving(id: &'static str) -> Client {
    Client {
        wants_nonce: true,
        more: || json!({"dpop_bound_access_tokens": true}),
        ..user(id, Proof::Nothing)
    }
}

/// One whose tokens are bound to its certificate (RFC 8705 3.4).
const fn certified(id: &'static str, proof: Proof) -> Client {
    Client {
        more: || json!({"tls_client_certificate_bound_access_tokens": true}),
        ..user(id, proof)
    }
}

/// A public one that shows codes (RFC 8628).
const fn device(id: &'static str) -> Client {
    Client {
        grant: GrantType::None,
        scope: USERS,
        more: || {
            json!({
                "application_type": "native",
                "grant_types": [
                    "urn:ietf:params:oauth:grant-type:device_code", "refresh_token",
                ],
            })
        },
        ..Client::new(id, Proof::Nothing)
    }
}
