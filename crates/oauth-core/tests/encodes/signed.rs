//! What is signed says what was meant, and is signed by the key that is told.

use std::collections::HashSet;
use std::sync::Arc;

use oauth_core::authorize::AuthorizationRequest;
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
use oauth_core::grant::Grant;
use oauth_core::secret::Secret;
use oauth_core::signing_key::{Algorithm, SigningKey};
use proptest::prelude::Strategy;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::decoded::{self, form, one};
use crate::for_any;
use crate::mirror::{Mirror, Seen};
use crate::support::given;
use crate::texts::{client_id, details, line, resources, scopes, text};

const NOW: i64 = 1_767_225_600; // 2026-01-01, as the clock of these tests stands

/// A key of each sort.
fn keys() -> Vec<Arc<SigningKey>> {
    let key = |algorithm| SigningKey::generate(algorithm).unwrap();
    let made = [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA].map(key);
    let rsa = SigningKey::generate_rsa(Algorithm::RS256, 2048).unwrap();
    made.into_iter().chain([rsa]).map(Arc::new).collect()
}

fn any_key() -> impl Strategy<Value = Arc<SigningKey>> {
    select(keys())
}

/// The one assertion in a form.
fn assertion(seen: &Seen) -> String {
    let form = form(&seen.body);
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(one(&form, "client_assertion_type"), kind);
    one(&form, "client_assertion").to_owned()
}

#[track_caller]
fn says(claims: &Value, id: &str, audience: &str) {
    assert_eq!(
        (claims["iss"].as_str(), claims["sub"].as_str()),
        (Some(id), Some(id))
    );
    assert_eq!(claims["aud"], audience);
    assert_eq!(
        (claims["iat"].as_i64(), claims["exp"].as_i64()),
        (Some(NOW), Some(NOW + 60))
    );
    assert!(claims["jti"].as_str().unwrap().len() >= 22);
}

#[test]
fn an_assertion_says_who_for_whom_and_how_long_by_any_key() {
    let mirror = Mirror::new();
    let names = std::cell::RefCell::new(HashSet::new());
    let parts = (client_id(), line(), any_key());
    for_any(80, parts, |(id, audience, key)| {
        let exact = Audience::Exact(audience.clone());
        let auth = ClientAuth::signer(&id, key.clone(), exact).unwrap();
        let client = mirror.client_by(auth);
        let (_, seen) = mirror.seen(client.token(Grant::ClientCredentials(Default::default())));
        let token = assertion(&seen);
        let claims = decoded::claims(&token, &key.public_jwk());
        says(&claims, &id, &audience);
        let header = decoded::header(&token);
        assert_eq!(header["alg"], key.algorithm().name());
        assert_eq!(header["kid"], key.key_id());
        assert!(
            names.borrow_mut().insert(claims["jti"].to_string()),
            "twice"
        );
    });
}

#[test]
fn an_assertion_by_a_secret_says_the_same() {
    let mirror = Mirror::new();
    let secrets = line().prop_map(|line| format!("{line}, and long enough for a hash of 32 bytes"));
    for_any(
        60,
        (client_id(), line(), secrets),
        |(id, audience, secret)| {
            let exact = Audience::Exact(audience.clone());
            let hash = HmacAlgorithm::HS256;
            let auth =
                ClientAuth::secret_jwt(&mirror.env, &id, given(&secret), hash, exact).unwrap();
            let client = mirror.client_by(auth);
            let (_, seen) = mirror.seen(client.token(Grant::ClientCredentials(Default::default())));
            let token = assertion(&seen);
            says(&decoded::claims_by_secret(&token, &secret), &id, &audience);
        },
    );
}

#[test]
fn a_signed_request_has_all_that_was_asked_as_claims() {
    let mirror = Mirror::new();
    let client = mirror.client();
    let session = Secret::new("session");
    let extra = (text().prop_map(|name| format!("x-{name}")), line());
    let parts = (scopes(), resources(), details(), extra, any_key());
    for_any(
        80,
        parts,
        |(scopes, resource, details, (name, value), key)| {
            let mut request = AuthorizationRequest::new("https://app.example/callback")
                .scopes(scopes.clone())
                .parameter(&name, &value)
                .signed_by(key.clone());
            for one in &resource {
                request = request.resource(one);
            }
            if !details.is_empty() {
                request = request.authorization_details(details.clone().into());
            }
            let begun = mirror.block_on(client.authorization(&request, &session));
            let (url, pending) = begun.unwrap();
            let sent = form(url.query().unwrap());
            assert_eq!(sent.len(), 2, "{sent:?}");
            let token = one(&sent, "request");
            assert_eq!(decoded::header(token)["typ"], "oauth-authz-req+jwt");
            let claims = decoded::claims(token, &key.public_jwk());
            assert_eq!(claims["client_id"], one(&sent, "client_id"));
            assert_eq!(
                (&claims["iss"], claims["aud"].as_str()),
                (&claims["client_id"], Some("https://auth.example"))
            );
            assert_eq!(claims["state"], pending.state().expose());
            assert_eq!(claims[name.as_str()], value);
            let scope = scopes.iter().collect::<Vec<_>>().join(" ");
            assert_eq!(claims["scope"].as_str().unwrap_or_default(), scope);
            let resources = match &claims["resource"] {
                Value::Null => json!([]),
                Value::String(one) => json!([one]),
                list => list.clone(),
            };
            assert_eq!(resources, json!(resource));
            let listed = &claims["authorization_details"];
            assert_eq!(listed.as_array().cloned().unwrap_or_default(), details);
        },
    );
}
