//! What others assert, exchanged tokens, devices, and clients that register themselves.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::Algorithm;
use oauth_stage::{Authentication, Decision, Endpoint, Strict};
use serde_json::{Value, json};

use crate::support::{
    Assertion, CREDENTIALS, SECRET, answer, assert_violation, client, keys, post, post_stage, text,
    token,
};

const ISSUER: &str = "https://issuer.example";

/// A server that believes what [`ISSUER`] signs.
async fn trusting() -> Strict {
    let stage = post_stage().await;
    stage.trust(ISSUER, &keys().jwks()).unwrap();
    stage
}

/// What the issuer says about a user, right until it is changed.
fn about_a_user(stage: &Strict) -> Assertion {
    let mut assertion = Assertion::new(stage, Algorithm::ES256);
    assertion.claims["iss"] = ISSUER.into();
    assertion.claims["sub"] = "a user".into();
    assertion
}

async fn asks(stage: &Strict, form: &[(&str, &str)]) -> (u16, Value) {
    token(stage, &[form, &CREDENTIALS[..]].concat()).await
}

async fn jwt_bearer(stage: &Strict, assertion: &str) -> (u16, Value) {
    let urn = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    asks(stage, &[("grant_type", urn), ("assertion", assertion)]).await
}

#[tokio::test]
async fn a_trusted_issuer_speaks_for_a_user_once() {
    let stage = trusting().await;
    let assertion = about_a_user(&stage).signed(Algorithm::ES256);
    let (status, granted) = jwt_bearer(&stage, &assertion).await;
    assert_eq!((status, text(&granted, "token_type")), (200, "Bearer"));
    assert_eq!(text(&granted, "scope"), "read write");
    let (status, refused) = jwt_bearer(&stage, &assertion).await;
    assert_eq!((status, text(&refused, "error")), (400, "invalid_grant"));
    assert_violation(&stage, "replay");
}

#[tokio::test]
async fn an_assertion_of_a_grant_that_is_not_right_is_refused() {
    type Change = fn(&Strict, &mut Assertion);
    let changes: [(Change, &str); 9] = [
        (
            |_, it| it.claims["aud"] = "https://other.example".into(),
            "aud",
        ),
        (|_, it| it.claims["aud"] = json!([]), "aud"),
        (
            |at, it| it.claims["exp"] = at.now().timestamp().into(),
            "expired",
        ),
        (
            |at, it| it.claims["exp"] = (at.now().timestamp() + 3700).into(),
            "exp",
        ),
        (
            |at, it| it.claims["nbf"] = (at.now().timestamp() + 60).into(),
            "nbf",
        ),
        (|_, it| it.claims["sub"] = "".into(), "sub"),
        (
            |_, it| drop(it.claims.as_object_mut().unwrap().remove("jti")),
            "jti",
        ),
        (|_, it| it.header["kid"] = "nobody's".into(), "kid"),
        (|_, it| it.header["alg"] = "none".into(), "alg"),
    ];
    for (change, rule) in changes {
        let stage = trusting().await;
        let mut assertion = about_a_user(&stage);
        change(&stage, &mut assertion);
        let (status, refused) = jwt_bearer(&stage, &assertion.signed(Algorithm::ES256)).await;
        assert_eq!((status, text(&refused, "error")), (400, "invalid_grant"));
        assert_violation(&stage, rule);
        assert_eq!(stage.tokens_issued(), 0);
    }
    // by a key that is somebody else's, under the name of a trusted one
    let stage = trusting().await;
    let mut forged = about_a_user(&stage);
    forged.header = json!({"alg": "RS256", "typ": "JWT", "kid": "rsa"});
    let forged = forged.sign(Algorithm::RS256, &keys().stranger.signing);
    let (_, refused) = jwt_bearer(&stage, &forged).await;
    assert_eq!(text(&refused, "error"), "invalid_grant");
    assert_violation(&stage, "signature");
    // an issuer that nobody trusts is refused, and breaks no rule
    let stage = post_stage().await;
    let stranger = about_a_user(&stage).signed(Algorithm::ES256);
    let (_, refused) = jwt_bearer(&stage, &stranger).await;
    assert_eq!(text(&refused, "error"), "invalid_grant");
    assert!(stage.violations().is_empty());
}

async fn saml_bearer(stage: &Strict, assertion: &str) -> (u16, Value) {
    let urn = "urn:ietf:params:oauth:grant-type:saml2-bearer";
    let encoded = URL_SAFE_NO_PAD.encode(assertion);
    asks(stage, &[("grant_type", urn), ("assertion", &encoded)]).await
}

#[tokio::test]
async fn a_saml_assertion_is_for_this_server_while_it_lives_and_once() {
    let stage = post_stage().await;
    let said = |audience: &str| stage.saml_assertion("a user", audience, Duration::from_secs(60));
    let assertion = said(&stage.token_url());
    assert_eq!(saml_bearer(&stage, &assertion).await.0, 200);
    let late = said(&stage.issuer());
    stage.advance(TimeDelta::seconds(60));
    let elsewhere = said("https://other.example");
    for (number, refused) in [&assertion, &late, &elsewhere].into_iter().enumerate() {
        let (status, answered) = saml_bearer(&stage, refused).await;
        assert_eq!((status, text(&answered, "error")), (400, "invalid_grant"));
        assert_eq!(stage.violations().len(), number + 1, "{refused}");
    }
    let changed = said(&stage.issuer()).replace("a user", "an admin");
    let (_, answered) = saml_bearer(&stage, &changed).await;
    assert_eq!(text(&answered, "error"), "invalid_grant");
    assert_eq!(stage.tokens_issued(), 1);
}

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

async fn exchange(stage: &Strict, form: &[(&str, &str)]) -> (u16, Value) {
    asks(stage, &[&[("grant_type", EXCHANGE)], form].concat()).await
}

#[tokio::test]
async fn a_token_that_is_live_is_exchanged_for_one_of_the_wanted_type() {
    let stage = trusting().await;
    let live = stage.issue_access_token("client", "read");
    let subject = [("subject_token", &*live), ("subject_token_type", ACCESS)];
    let (status, granted) = exchange(&stage, &subject).await;
    assert_eq!((status, text(&granted, "issued_token_type")), (200, ACCESS));
    assert_eq!(text(&granted, "token_type"), "Bearer");
    let actor = about_a_user(&stage).signed(Algorithm::ES256);
    let more = [
        ("actor_token", &*actor),
        ("actor_token_type", JWT),
        ("requested_token_type", JWT),
        ("audience", "one"),
        ("audience", "another"),
        ("resource", "https://api.example/"),
    ];
    let (status, granted) = exchange(&stage, &[&subject[..], &more].concat()).await;
    assert_eq!((status, text(&granted, "issued_token_type")), (200, JWT));
    assert_eq!(text(&granted, "token_type"), "N_A");
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
}

#[tokio::test]
async fn an_exchange_that_is_not_right_is_refused() {
    let stage = trusting().await;
    let live = stage.issue_access_token("client", "read");
    let ended = stage.issue_access_token("client", "read");
    let jwt = about_a_user(&stage).signed(Algorithm::ES256);
    let good = [("subject_token", &*live), ("subject_token_type", ACCESS)];
    let with = |more: &[(&'static str, &'static str)]| [&good[..], more].concat();
    for (form, error) in [
        (vec![("subject_token", &*live)], "invalid_request"),
        (vec![("subject_token_type", ACCESS)], "invalid_request"),
        (
            vec![("subject_token", "unknown"), ("subject_token_type", ACCESS)],
            "invalid_request",
        ),
        (
            vec![("subject_token", &*jwt), ("subject_token_type", ACCESS)],
            "invalid_request",
        ),
        (
            vec![("subject_token", &*live), ("subject_token_type", JWT)],
            "invalid_request",
        ),
        (
            vec![("subject_token", &*live), ("subject_token_type", "odd")],
            "invalid_request",
        ),
        (with(&[("actor_token", "a")]), "invalid_request"),
        (with(&[("actor_token_type", ACCESS)]), "invalid_request"),
        (
            with(&[("actor_token", "a"), ("actor_token_type", ACCESS)]),
            "invalid_request",
        ),
        (with(&[("requested_token_type", "odd")]), "invalid_request"),
        (with(&[("resource", "relative")]), "invalid_target"),
        (
            with(&[("resource", "https://a.example/#x")]),
            "invalid_target",
        ),
        (with(&[("scope", "admin")]), "invalid_scope"),
    ] {
        let (status, refused) = exchange(&stage, &form).await;
        assert_eq!((status, text(&refused, "error")), (400, error), "{form:?}");
    }
    stage.revoke_access_tokens();
    let form = [("subject_token", &*ended), ("subject_token_type", ACCESS)];
    assert_eq!(exchange(&stage, &form).await.0, 400);
    assert_eq!(stage.tokens_issued(), 0);
}

async fn devices() -> Strict {
    let known = client(Authentication::SecretPost(SECRET.into()));
    let builder = Strict::builder().devices().client(known);
    builder.start().await.unwrap()
}

async fn codes(stage: &Strict) -> Value {
    let url = stage.device_authorization_url();
    let form = [&CREDENTIALS[..], &[("scope", "read")]].concat();
    let (status, codes) = answer(post(&url).form(&form)).await;
    assert_eq!(status, 200);
    codes
}

async fn poll(stage: &Strict, codes: &Value) -> (u16, Value) {
    let urn = "urn:ietf:params:oauth:grant-type:device_code";
    let code = text(codes, "device_code");
    asks(stage, &[("grant_type", urn), ("device_code", code)]).await
}

#[tokio::test]
async fn a_device_gets_its_tokens_when_the_user_has_agreed_and_once() {
    let stage = devices().await;
    let codes = codes(&stage).await;
    assert_eq!(
        text(&poll(&stage, &codes).await.1, "error"),
        "authorization_pending"
    );
    assert!(stage.decide(text(&codes, "user_code"), Decision::Approve));
    assert!(!stage.decide(text(&codes, "user_code"), Decision::Deny));
    stage.advance(TimeDelta::seconds(5));
    let (status, granted) = poll(&stage, &codes).await;
    assert_eq!((status, text(&granted, "scope")), (200, "read"));
    assert!(granted["refresh_token"].is_string());
    assert!(stage.violations().is_empty());
    stage.advance(TimeDelta::seconds(5));
    assert_eq!(
        text(&poll(&stage, &codes).await.1, "error"),
        "invalid_grant"
    );
    assert_violation(&stage, "has brought its tokens");
}

#[tokio::test]
async fn a_device_that_polls_too_early_is_slowed_down() {
    let stage = devices().await;
    let codes = codes(&stage).await;
    for (pause, error) in [
        (0, "authorization_pending"),
        (4, "slow_down"),
        (9, "slow_down"),
        (15, "authorization_pending"),
    ] {
        stage.advance(TimeDelta::seconds(pause));
        let (_, refused) = poll(&stage, &codes).await;
        assert_eq!(text(&refused, "error"), error, "after {pause} s");
    }
    assert_eq!(stage.violations().len(), 2);
}

#[tokio::test]
async fn a_device_whose_user_declines_or_takes_too_long_gets_nothing() {
    let stage = devices().await;
    let (declined, late) = (codes(&stage).await, codes(&stage).await);
    assert!(stage.decide(text(&declined, "user_code"), Decision::Deny));
    assert_eq!(
        text(&poll(&stage, &declined).await.1, "error"),
        "access_denied"
    );
    stage.advance(TimeDelta::seconds(600));
    assert!(!stage.decide(text(&late, "user_code"), Decision::Approve));
    assert_eq!(text(&poll(&stage, &late).await.1, "error"), "expired_token");
    let unknown = json!({"device_code": "unknown"});
    assert_eq!(
        text(&poll(&stage, &unknown).await.1, "error"),
        "invalid_grant"
    );
    assert!(stage.violations().is_empty());
    assert_eq!(stage.tokens_issued(), 0);
}

#[tokio::test]
async fn a_server_without_devices_and_registration_has_no_such_endpoint() {
    let stage = post_stage().await;
    for url in [stage.device_authorization_url(), stage.registration_url()] {
        assert_eq!(answer(post(&url).form(&CREDENTIALS)).await.0, 404);
    }
    let known = format!("{}/.well-known/oauth-authorization-server", stage.url());
    let (_, document) = answer(reqwest::Client::new().get(known)).await;
    assert!(document.get("device_authorization_endpoint").is_none());
    assert!(document.get("registration_endpoint").is_none());
}

async fn open() -> Strict {
    let builder = Strict::builder().registration(Some("initial"));
    builder.start().await.unwrap()
}

async fn register(stage: &Strict, metadata: &Value) -> (u16, Value) {
    let request = post(&stage.registration_url()).bearer_auth("initial");
    answer(request.json(metadata)).await
}

#[tokio::test]
async fn a_client_registers_itself_and_proves_itself_at_once() {
    let stage = open().await;
    let metadata = json!({
        "grant_types": ["client_credentials"], "scope": "read",
        "token_endpoint_auth_method": "client_secret_post", "client_name": "us",
    });
    let (status, registered) = register(&stage, &metadata).await;
    assert_eq!((status, text(&registered, "client_name")), (201, "us"));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", text(&registered, "client_id")),
        ("client_secret", text(&registered, "client_secret")),
    ];
    assert_eq!(token(&stage, &form).await.0, 200);
    let place = text(&registered, "registration_client_uri");
    let own = text(&registered, "registration_access_token");
    let http = reqwest::Client::new();
    let read = answer(http.get(place).bearer_auth(own)).await;
    assert_eq!((read.0, text(&read.1, "client_id")), (200, form[1].1));
    let mut whole = metadata.clone();
    whole["client_id"] = form[1].1.into();
    whole["scope"] = "write".into();
    let (status, replaced) = answer(http.put(place).bearer_auth(own).json(&whole)).await;
    assert_eq!((status, text(&replaced, "scope")), (200, "write"));
    let new = text(&replaced, "registration_access_token");
    assert_ne!(new, own);
    assert_eq!(answer(http.get(place).bearer_auth(own)).await.0, 401);
    assert_eq!(answer(http.delete(place).bearer_auth(new)).await.0, 204);
    assert_eq!(answer(http.get(place).bearer_auth(new)).await.0, 401);
    assert_eq!(token(&stage, &form).await.0, 401);
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
    assert_eq!(stage.count(Endpoint::Registration), 6);
}

#[tokio::test]
async fn a_registration_that_is_not_right_is_refused() {
    let stage = open().await;
    let http = reqwest::Client::new();
    let bare = http.post(stage.registration_url()).json(&json!({}));
    assert_eq!(answer(bare).await.0, 401);
    for (metadata, error) in [
        (json!([]), "invalid_client_metadata"),
        (json!({}), "invalid_redirect_uri"),
        (
            json!({"redirect_uris": ["https://a.example/#x"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": ["/relative"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": "https://a.example/"}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "odd"}),
            "invalid_client_metadata",
        ),
        (
            json!({"grant_types": [], "token_endpoint_auth_method": "private_key_jwt"}),
            "invalid_client_metadata",
        ),
        (
            json!({"grant_types": [], "jwks": {"keys": []}, "jwks_uri": "https://a.example/"}),
            "invalid_client_metadata",
        ),
    ] {
        let (status, refused) = register(&stage, &metadata).await;
        assert_eq!(
            (status, text(&refused, "error")),
            (400, error),
            "{metadata}"
        );
    }
    let (_, registered) = register(&stage, &json!({"grant_types": []})).await;
    let place = text(&registered, "registration_client_uri");
    let own = text(&registered, "registration_access_token");
    let id = text(&registered, "client_id");
    for metadata in [
        json!({"grant_types": []}),
        json!({"grant_types": [], "client_id": "another"}),
        json!({"grant_types": [], "client_id": id, "client_secret": "another"}),
        json!({"grant_types": [], "client_id": id, "registration_access_token": own}),
    ] {
        let (status, refused) = answer(http.put(place).bearer_auth(own).json(&metadata)).await;
        assert_eq!(
            (status, text(&refused, "error")),
            (400, "invalid_client_metadata"),
            "{metadata}"
        );
    }
}
