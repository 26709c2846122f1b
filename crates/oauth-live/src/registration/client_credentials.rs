//! The clients of the client credentials grant (RFC 6749 4.4), a method each.

use oauth_core::signing_key::Algorithm;
use serde_json::json;

use crate::registration::{Client, Proof};

pub(crate) const RS384: Client = Client::new("cc-rs384", Proof::Given(Algorithm::RS384));
pub(crate) const ES384: Client = Client::new("cc-es384", Proof::Given(Algorithm::ES384));
pub(crate) const CERTIFICATE: Client = bound("cc-certificate", Proof::Certificate);
pub(crate) const OWN_CERTIFICATE: Client = bound("cc-own-certificate", Proof::OwnCertificate);

pub(super) const CLIENTS: &[Client] = &[RS384, ES384, CERTIFICATE, OWN_CERTIFICATE];

/// With tokens that are bound to its certificate (RFC 8705 3.4).
const fn bound(id: &'static str, proof: Proof) -> Client {
    Client {
        more: || json!({"tls_client_certificate_bound_access_tokens": true}),
        ..Client::new(id, proof)
    }
}
