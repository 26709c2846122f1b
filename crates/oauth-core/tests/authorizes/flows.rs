//! From the first click to the tokens.

use oauth_core::authorize::{AuthorizationRequest, Callback, PendingAuthorization, ResponseMode};
use oauth_core::client_auth::ClientAuth;
use oauth_core::dpop::Dpop;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::server::{AuthorizationServer, EndpointKind};
use oauth_core::token::{GrantedToken, Scopes};
use oauth_stage::{Answer, Authentication, Endpoint, RegisteredClient};
use serde_json::json;

use crate::support::{CLIENT, basic};
use crate::{AT, Scene, assert_unsaid, browse, get, request, session, with_redirects};

#[tokio::test]
async fn r100_r109_a_user_logs_in_and_the_code_is_redeemed_with_its_proof() {
    let scene = Scene::new().await;
    let request = AuthorizationRequest::new("https://app.example/callback?tenant=1")
        .scopes(Scopes::parse("read write").unwrap())
        .resource("https://api.example/")
        .prompt("consent")
        .login_hint("somebody");
    let (pending, location) = scene.answered(&request).await;
    let kept = pending.into_secret_form().unwrap();
    let pending = PendingAuthorization::from_secret_form(&kept).unwrap();
    let came = Callback::url(&location).unwrap();
    let code = scene
        .client
        .callback(pending, &session(), came)
        .await
        .unwrap();
    let sent = code.code().expose().to_owned();
    let redeemed = scene.client.redeem(code).await.unwrap();
    assert_eq!(redeemed.tokens.scopes.to_string(), "read write");
    assert!(redeemed.tokens.refresh_token.is_some() && redeemed.id_token.is_none());
    let adopted = GrantedToken::from(redeemed.tokens);
    assert!(!format!("{adopted:?}").contains("at_"));
    scene.assert_no_violation();
    let log = scene.stage.log();
    let token = log
        .iter()
        .find(|one| one.endpoint() == Endpoint::Token)
        .unwrap();
    assert_eq!(token.parameter("code").unwrap(), sent);
    let redirect_uri = token.parameter("redirect_uri").unwrap();
    assert_eq!(redirect_uri, "https://app.example/callback?tenant=1");
    assert_eq!(token.parameter("resource").unwrap(), "https://api.example/");
    assert_eq!(token.parameter("code_verifier").unwrap().len(), 43);
    let asked = log
        .iter()
        .find(|one| one.endpoint() == Endpoint::Authorization)
        .unwrap();
    let names: Vec<String> = asked
        .request()
        .query_pairs()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| name == "code_verifier" || name == "nonce"),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_code_is_redeemed_for_one_of_the_apis_that_were_asked_for() {
    let scene = Scene::new().await;
    let [one, other] = ["https://api.example/", "https://other.example/"];
    let request = request().resource(one).resource(other);
    for (wanted, is_asked_for) in [(other, true), ("https://another.example/", false)] {
        let (pending, location) = scene.answered(&request).await;
        let came = Callback::url(&location).unwrap();
        let judged = scene.client.callback(pending, &session(), came).await;
        let code = match judged.unwrap().for_resources([wanted]) {
            Ok(code) => code,
            Err(error) => {
                assert!(!is_asked_for, "{error}");
                assert_eq!(error.kind(), ErrorKind::Config);
                continue;
            }
        };
        assert!(is_asked_for);
        let redeemed = scene.client.redeem(code).await.unwrap();
        assert_eq!(redeemed.tokens.resource, [other]);
    }
    let log = scene.stage.log();
    let mut asked = log.iter().filter(|one| one.endpoint() == Endpoint::Token);
    let token = asked.next().unwrap();
    let form = token.form().into_iter();
    let resources = form.filter(|(name, _)| name == "resource");
    assert_eq!(
        resources.map(|(_, value)| value).collect::<Vec<_>>(),
        [other]
    );
    assert!(asked.next().is_none());
    scene.assert_no_violation();
}

#[tokio::test]
async fn an_answer_comes_as_a_form_where_that_was_asked_for() {
    let scene = Scene::new().await;
    let request = request().response_mode(ResponseMode::FormPost);
    let (url, pending) = scene
        .client
        .authorization(&request, &session())
        .await
        .unwrap();
    let page = get(url.as_str()).await.text().await.unwrap();
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for input in page.split("name=\"").skip(1) {
        let mut parts = input.split('"');
        let (name, value) = (parts.next().unwrap(), parts.nth(1).unwrap());
        form.append_pair(name, value);
    }
    let came = Callback::form_post(AT, "", &form.finish()).unwrap();
    let code = scene
        .client
        .callback(pending, &session(), came)
        .await
        .unwrap();
    scene.client.redeem(code).await.unwrap();
    scene.assert_no_violation();
}

#[tokio::test]
async fn endpoints_that_are_configured_are_as_good_as_published_ones() {
    let scene = Scene::with(|builder| builder.without_iss()).await;
    let server = AuthorizationServer::configured(&scene.env, "token_url", &scene.stage.token_url())
        .unwrap()
        .with_endpoint(
            &scene.env,
            EndpointKind::Authorization,
            &scene.stage.authorization_url(),
        )
        .unwrap();
    let client = OAuthClient::new(&scene.env, server, basic(&scene.env)).unwrap();
    let (url, pending) = client.authorization(&request(), &session()).await.unwrap();
    let came = Callback::url(&browse(url.as_str()).await).unwrap();
    let code = client.callback(pending, &session(), came).await.unwrap();
    client.redeem(code).await.unwrap();
    assert_eq!(scene.stage.count(Endpoint::AuthorizationServerMetadata), 0);
    scene.assert_no_violation();
}

#[tokio::test]
async fn a_public_client_proves_itself_by_pkce_alone() {
    let scene = Scene::new().await;
    let public = RegisteredClient::new(CLIENT, Authentication::None).scopes(["read"]);
    scene.stage.register(with_redirects(public)).unwrap();
    let server = scene.client.server().clone();
    let client = OAuthClient::new(&scene.env, server, ClientAuth::none(CLIENT).unwrap()).unwrap();
    let (url, pending) = client.authorization(&request(), &session()).await.unwrap();
    let came = Callback::url(&browse(url.as_str()).await).unwrap();
    let code = client.callback(pending, &session(), came).await.unwrap();
    client.redeem(code).await.unwrap();
    scene.assert_no_violation();
}

#[tokio::test]
async fn r108_a_code_whose_answer_was_lost_is_not_sent_again() {
    let scene = Scene::new().await;
    let code = scene.code().await;
    let sent = code.code().expose().to_owned();
    scene.stage.lose_answer(Endpoint::Token);
    let error = scene.client.redeem(code).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
    assert_eq!(scene.token_requests(), 1);
    assert_unsaid(&error, &[&sent]);
    scene.assert_no_violation();
}

#[tokio::test]
async fn a_code_that_the_server_refuses_sends_the_user_there_again() {
    let scene = Scene::new().await;
    let code = scene.code().await;
    let sent = code.code().expose().to_owned();
    let refusal = json!({"error": "invalid_grant", "error_description": format!("spent: {sent}")});
    scene
        .stage
        .answer(Endpoint::Token, Answer::json(400, &refusal));
    let error = scene.client.redeem(code).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::OAuth, Recovery::LogInAgain)
    );
    assert_unsaid(&error, &[&sent]);
    assert_eq!(scene.token_requests(), 1);
}

#[tokio::test]
async fn r100_a_server_that_says_it_does_not_know_s256_is_sent_nobody() {
    let scene = Scene::new().await;
    let document = |methods| {
        let document = json!({
            "issuer": scene.stage.issuer(),
            "token_endpoint": scene.stage.token_url(),
            "authorization_endpoint": scene.stage.authorization_url(),
            "code_challenge_methods_supported": methods,
        });
        Some(Answer::json(200, &document))
    };
    for methods in [json!(["plain"]), json!([]), json!(["s256"])] {
        scene
            .stage
            .answer_always(Endpoint::AuthorizationServerMetadata, document(methods));
        let env = crate::env(&scene.clock);
        let server = crate::discovered(&env, &scene.stage);
        let client = OAuthClient::new(&env, server, basic(&env)).unwrap();
        let error = client
            .authorization(&request(), &session())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("S256"), "{error}");
    }
}

#[tokio::test]
async fn an_endpoint_that_nobody_knows_is_named() {
    let scene = Scene::new().await;
    let server =
        AuthorizationServer::configured(&scene.env, "token_url", &scene.stage.token_url()).unwrap();
    let client = OAuthClient::new(&scene.env, server, basic(&scene.env)).unwrap();
    let error = client
        .authorization(&request(), &session())
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("authorization_endpoint: "),
        "{error}"
    );
}

#[tokio::test]
async fn r108_a_code_that_is_refused_is_not_sent_again_for_the_clock() {
    let scene = Scene::new().await;
    let server = scene.client.server().clone().with_dpop(Dpop::new());
    let client = OAuthClient::new(&scene.env, server, basic(&scene.env)).unwrap();
    let (url, pending) = client.authorization(&request(), &session()).await.unwrap();
    let came = Callback::url(&browse(url.as_str()).await).unwrap();
    let code = client.callback(pending, &session(), came).await.unwrap();
    // what the proof says of the time is wrong too
    scene.stage.advance(chrono::TimeDelta::minutes(5));
    let refusal = Answer::json(400, &json!({"error": "invalid_grant"}));
    scene.stage.answer(Endpoint::Token, refusal);
    let error = client.redeem(code).await.unwrap_err();
    assert_eq!(error.recovery(), Recovery::LogInAgain, "{error}");
    assert_eq!(scene.token_requests(), 1);
}

#[tokio::test]
async fn an_answer_that_comes_a_day_late_is_none() {
    let scene = Scene::new().await;
    let (pending, location) = scene.answered(&request()).await;
    scene.clock.advance(std::time::Duration::from_secs(86_400));
    let came = Callback::url(&location).unwrap();
    let client = &scene.client;
    let error = client
        .callback(pending, &session(), came)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoggedOut, "{error}");
    assert_eq!(error.recovery(), Recovery::LogInAgain, "{error}");
}

#[tokio::test]
async fn r102_an_answer_counts_once_also_where_each_request_makes_its_client_anew() {
    let scene = Scene::new().await;
    let env = crate::env(&scene.clock);
    let client = || {
        let server = crate::discovered(&env, &scene.stage);
        OAuthClient::new(&env, server, basic(&env)).unwrap()
    };
    let (url, pending) = client()
        .authorization(&request(), &session())
        .await
        .unwrap();
    let location = browse(url.as_str()).await;
    let kept = pending.into_secret_form().unwrap();
    let answered = async || {
        let pending = PendingAuthorization::from_secret_form(&kept).unwrap();
        let came = Callback::url(&location).unwrap();
        client().callback(pending, &session(), came).await
    };
    answered().await.unwrap();
    let error = answered().await.unwrap_err();
    assert_eq!(error.kind().name(), "Binding.State", "{error}");
}
