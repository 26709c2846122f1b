//! Codes that are bound to a key (RFC 9449 10).

use oauth_core::authorize::{AuthorizationRequest, Callback, PendingAuthorization};
use oauth_core::dpop::Dpop;
use oauth_core::error::ErrorKind;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::server::{AuthorizationServer, ServerFacts};
use oauth_core::signing_key::Algorithm;
use oauth_stage::{Endpoint, Strict};
use serde_json::json;

use crate::support::basic;
use crate::{AT, Scene, browse, discovered, request, session};

fn proving(
    scene: &Scene,
    change: impl FnOnce(AuthorizationServer) -> AuthorizationServer,
) -> OAuthClient {
    let server = discovered(&scene.env, &scene.stage).with_dpop(Dpop::new());
    OAuthClient::new(&scene.env, change(server), basic(&scene.env)).unwrap()
}

/// The `dpop_jkt` of the last request that came to that place.
fn bound_to(stage: &Strict, endpoint: Endpoint) -> Option<String> {
    let log = stage.log();
    let asked = log.iter().rfind(|one| one.endpoint() == endpoint).unwrap();
    let mut pairs = asked.request().query_pairs();
    pairs.extend(asked.form());
    let found = pairs.into_iter().find(|(name, _)| name == "dpop_jkt");
    found.map(|(_, value)| value)
}

async fn logs_in(scene: &Scene, client: &OAuthClient, request: &AuthorizationRequest) -> String {
    let (url, pending) = client.authorization(request, &session()).await.unwrap();
    // as a web server keeps it
    let kept = pending.into_secret_form().unwrap();
    let pending = PendingAuthorization::from_secret_form(&kept).unwrap();
    let shown = format!("{pending:?}");
    assert!(!shown.contains("PRIVATE"), "{shown}");
    let came = Callback::url(&browse(url.as_str()).await).unwrap();
    let code = client.callback(pending, &session(), came).await.unwrap();
    let redeemed = client.redeem(code).await.unwrap();
    let token = redeemed.tokens.access_token.expose();
    scene.assert_no_violation();
    scene.stage.key_of(token).unwrap()
}

#[tokio::test]
async fn a_code_is_bound_to_the_key_that_its_tokens_are_bound_to() {
    let scene = Scene::new().await;
    let client = proving(&scene, |server| server);
    let key = logs_in(&scene, &client, &request()).await;
    assert_eq!(
        bound_to(&scene.stage, Endpoint::Authorization),
        Some(key.clone())
    );
    // and so is one that was asked for behind the browser's back
    let other = logs_in(&scene, &client, &request().pushed()).await;
    let pushed = bound_to(&scene.stage, Endpoint::PushedAuthorization);
    assert_eq!(pushed, Some(other.clone()));
    assert_eq!(bound_to(&scene.stage, Endpoint::Authorization), None);
    assert_ne!(key, other, "each login has a key of its own");
}

#[tokio::test]
async fn a_code_of_a_login_without_a_key_is_bound_to_none() {
    let scene = Scene::new().await;
    scene.code().await;
    assert_eq!(bound_to(&scene.stage, Endpoint::Authorization), None);
}

#[tokio::test]
async fn nobody_is_sent_to_a_server_that_takes_no_proof_of_ours() {
    let scene = Scene::new().await;
    let facts: ServerFacts = oauth_core::config::parse(json!({
        "dpop_signing_alg_values_supported": ["RS256", "EdDSA"],
        "authorization_response_iss_parameter_supported": true,
    }))
    .unwrap();
    let client = proving(&scene, |server| server.with_facts(facts.clone()));
    let error = client
        .authorization(&AuthorizationRequest::new(AT), &session())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("dpop.algorithm: "), "{error}");
    let eddsa = Dpop::new().algorithm(Algorithm::EdDSA).unwrap();
    let client = proving(&scene, |server| server.with_facts(facts).with_dpop(eddsa));
    logs_in(&scene, &client, &request()).await;
}
