//! A program on the user's own machine.

use std::sync::Mutex;

use oauth_core::authorize::{AuthorizationRequest, LoopbackListener, LoopbackSettings};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::token::Scopes;
use oauth_stage::{Answer, Endpoint};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{Scene, browse, get};

/// A browser that goes there and back, and the page that it ends with.
fn browser(url: &str) -> JoinHandle<String> {
    let url = url.to_owned();
    tokio::spawn(async move {
        let back = browse(&url).await;
        get(&back).await.text().await.unwrap()
    })
}

#[tokio::test]
async fn r114_a_user_of_this_machine_logs_in() {
    let scene = Scene::new().await;
    let listener = LoopbackListener::bind(LoopbackSettings::default())
        .await
        .unwrap();
    let request =
        AuthorizationRequest::new(listener.redirect_uri()).scopes(Scopes::parse("read").unwrap());
    let page = Mutex::new(None);
    let open = |url: &url::Url| *page.lock().unwrap() = Some(browser(url.as_str()));
    let redeemed = scene.client.log_in(listener, &request, open).await.unwrap();
    assert_eq!(redeemed.tokens.scopes.to_string(), "read");
    let page = page.into_inner().unwrap().unwrap().await.unwrap();
    assert!(page.contains("You have logged in"), "{page}");
    scene.assert_no_violation();
    let log = scene.stage.log();
    let asked = log
        .iter()
        .find(|one| one.endpoint() == Endpoint::Authorization)
        .unwrap();
    let pairs = asked.request().query_pairs();
    let (_, sent) = pairs
        .iter()
        .find(|(name, _)| name == "redirect_uri")
        .unwrap();
    assert!(sent.starts_with("http://127.0.0.1:"), "{sent}");
}

#[tokio::test]
async fn a_login_that_fails_is_told_to_the_user_without_the_reason() {
    let scene = Scene::new().await;
    let listener = LoopbackListener::bind(LoopbackSettings::default())
        .await
        .unwrap();
    let request = AuthorizationRequest::new(listener.redirect_uri());
    let refusal = json!({"error": "invalid_grant", "error_description": "canary"});
    scene
        .stage
        .answer(Endpoint::Token, Answer::json(400, &refusal));
    let page = Mutex::new(None);
    let open = |url: &url::Url| *page.lock().unwrap() = Some(browser(url.as_str()));
    let error = scene
        .client
        .log_in(listener, &request, open)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::OAuth, Recovery::LogInAgain)
    );
    let page = page.into_inner().unwrap().unwrap().await.unwrap();
    assert!(
        page.contains("did not succeed") && !page.contains("canary"),
        "{page}"
    );
}
