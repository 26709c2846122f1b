//! What is different about refresh tokens.

use std::time::Duration;

use oauth_core::error::ErrorKind;
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Endpoint, Fate, Rotation};
use serde_json::json;

use crate::{Vendor, granted, pairs};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn q018_a_refresh_url_of_its_own() {
    let vendor = Vendor::new().await;
    let config = format!(
        "departures.request.refresh.url = \"{}\"",
        vendor.url("refresh")
    );
    vendor.answers(granted());
    vendor.refreshing(&config).token().await.unwrap();
    assert_eq!(vendor.sent().path(), "/vendor/refresh");
    vendor.answers(granted());
    vendor.token(&config).await;
    assert_eq!(vendor.sent().path(), "/vendor/token");
}

#[tokio::test]
async fn q019_a_refresh_token_renamed_or_in_a_header() {
    let vendor = Vendor::new().await;
    for name in ["refreshtoken", "RefreshToken"] {
        vendor.answers(granted());
        let config = format!("departures.request.renamed.refresh_token = \"{name}\"");
        vendor.refreshing(&config).token().await.unwrap();
        assert_eq!(
            vendor.sent().form(),
            pairs([("grant_type", "refresh_token"), (name, "refresh-1")])
        );
    }
    vendor.answers(granted());
    let config = r#"
        token_endpoint_auth_method = "client_secret_post"
        [departures.request.refresh.in_headers]
        refresh_token = { name = "Authorization", prefix = "Bearer " }
    "#;
    vendor.refreshing(config).token().await.unwrap();
    let sent = vendor.sent();
    assert_eq!(sent.header("authorization"), Some("Bearer refresh-1"));
    assert_eq!(sent.parameter("refresh_token"), None);
}

#[tokio::test]
async fn q047_a_refresh_that_brings_no_token_extends_the_former() {
    let vendor = Vendor::new().await;
    let config = r#"
        departures.lifetime = { refresh_extends_former = true, default_expires_in = "30d" }
        departures.response.success = { pointer = "/result", success = ["0000"] }
    "#;
    let source = vendor.refreshing(config);
    vendor.answers_json(json!({
        "result": "0000", "access_token": "token-1", "token_type": "Bearer", "refresh_token": "refresh-2"
    }));
    assert_eq!(
        vendor.left(&source.token().await.unwrap()),
        Some(30 * 86_400)
    );
    vendor.clock.advance(31 * 24 * HOUR);
    vendor.answers_json(json!({"result": "0000", "message": "OK"}));
    let token = source.token().await.unwrap();
    assert_eq!(token.access_token().expose(), "token-1");
    assert_eq!(vendor.left(&token), Some(30 * 86_400));
    assert_eq!(
        vendor.sent().parameter("refresh_token").as_deref(),
        Some("refresh-2")
    );
}

#[tokio::test]
async fn q056_rotation_with_a_grace() {
    let vendor = Vendor::new().await;
    vendor.stage.set_rotation(Rotation::Rotate {
        grace: 10 * Duration::from_secs(60),
    });
    let seed = vendor.stage.issue_refresh_token("client", "read");
    let config = r#"departures.lifetime.rotation = "grace 10m""#;
    let source = vendor.refreshing_from(&vendor.stage.token_url(), &seed, config);
    // the answer is lost: within the grace the same refresh token is presented again
    vendor.stage.lose_answer(Endpoint::Token);
    source.token().await.unwrap();
    assert_eq!(vendor.stage.count(Endpoint::Token), 2);
    assert_eq!(
        (vendor.stage.spent_again(), vendor.stage.reuse_detected()),
        (1, 0)
    );
}

#[tokio::test]
async fn q057_a_refresh_token_that_can_be_used_once() {
    let vendor = Vendor::new().await;
    vendor.stage.set_rotation(Rotation::Rotate {
        grace: Duration::ZERO,
    });
    let seed = vendor.stage.issue_refresh_token("client", "read");
    let config = r#"departures.lifetime.rotation = "strict""#;
    let source = vendor.refreshing_from(&vendor.stage.token_url(), &seed, config);
    vendor.stage.lose_answer(Endpoint::Token);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert_eq!(
        vendor.stage.count(Endpoint::Token),
        1,
        "it is not presented again at once"
    );
    assert!(matches!(vendor.stage.fate(&seed), Some(Fate::Spent)));
}

#[tokio::test]
async fn q059_a_refresh_that_omits_the_refresh_token_keeps_the_old() {
    let vendor = Vendor::new().await;
    let source = vendor.refreshing("");
    for _ in 0..2 {
        vendor.answers(granted());
        source.token().await.unwrap();
        assert_eq!(
            vendor.sent().parameter("refresh_token").as_deref(),
            Some("refresh-1")
        );
        vendor.clock.advance(HOUR);
    }
}

#[tokio::test]
async fn q060_an_access_token_that_renews_itself() {
    let vendor = Vendor::new().await;
    let config = r#"
        [departures.request]
        grant_types = { refresh_token = "ig_refresh_token" }
        [departures.request.refresh]
        method = "get"
        renamed = { refresh_token = "access_token" }
        [departures.response.members]
        refresh_token = "/access_token"
    "#;
    let source = vendor.refreshing(config);
    for (sent, answered) in [("refresh-1", "long-2"), ("long-2", "long-3")] {
        vendor.answers(Answer::json(
            200,
            &json!({"access_token": answered, "token_type": "bearer", "expires_in": 5_183_944}),
        ));
        let token = source.token().await.unwrap();
        assert_eq!(token.access_token().expose(), answered);
        let exchange = vendor.sent();
        assert_eq!(exchange.method(), "GET");
        assert_eq!(
            exchange.request().query_pairs(),
            pairs([("grant_type", "ig_refresh_token"), ("access_token", sent)])
        );
        vendor.clock.advance(60 * 24 * HOUR);
    }
}
