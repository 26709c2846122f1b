//! What the server says about itself.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::strict::grants::GRANTS;
use crate::strict::request::Request;
use crate::strict::state::State;

/// The document, whichever well-known path it is asked at (RFC 8414 2, OpenID Connect Discovery 3).
pub(crate) fn answer(state: &State, request: &Request) -> Answer {
    respond(request, document(state))
}

/// The SMART configuration (SMART App Launch), which tells no issuer: that belongs to OpenID.
pub(crate) fn smart(state: &State, request: &Request) -> Answer {
    let mut document = document(state);
    if let Some(members) = document.as_object_mut() {
        members.remove("issuer");
    }
    document["capabilities"] = json!(["client-confidential-asymmetric", "permission-v2"]);
    respond(request, document)
}

fn respond(request: &Request, document: Value) -> Answer {
    match *request.method() {
        Method::GET | Method::HEAD => Answer::json(200, &document),
        _ => Answer::status(405).header("allow", "GET, HEAD"),
    }
}

fn document(state: &State) -> Value {
    let clients = state.clients();
    let methods: BTreeSet<&str> = clients
        .iter()
        .map(|known| known.client.authentication.method())
        .collect();
    let algorithms: BTreeSet<&str> = clients
        .iter()
        .flat_map(|known| known.client.authentication.algorithms())
        .map(|algorithm| algorithm.name())
        .collect();
    let mut document = json!({
        "issuer": state.urls.issuer(),
        "token_endpoint": state.urls.token(),
        "introspection_endpoint": state.urls.introspection(),
        "revocation_endpoint": state.urls.revocation(),
        "authorization_endpoint": state.urls.authorization(),
        "pushed_authorization_request_endpoint": state.urls.pushed_authorization(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": GRANTS.map(|(name, _)| name),
        "token_endpoint_auth_methods_supported": methods,
    });
    // it must be there when a method of JWTs is, and only then (RFC 8414 2)
    if !algorithms.is_empty() {
        document["token_endpoint_auth_signing_alg_values_supported"] = json!(algorithms);
    }
    let settings = state.settings();
    if settings.sends_iss {
        document["authorization_response_iss_parameter_supported"] = true.into();
    }
    if settings.requires_pushed {
        document["require_pushed_authorization_requests"] = true.into();
    }
    if settings.has_devices {
        document["device_authorization_endpoint"] = state.urls.device_authorization().into();
    }
    if settings.has_registration {
        document["registration_endpoint"] = state.urls.registration().into();
    }
    let scopes = settings.scopes_supported;
    if !scopes.is_empty() {
        document["scopes_supported"] = json!(scopes);
    }
    document
}
