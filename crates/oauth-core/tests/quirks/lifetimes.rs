//! How long what was answered lives, and what a new token does to the former.

use std::time::Duration;

use oauth_core::clock::Clock as _;
use oauth_core::source::TokenSource as _;
use oauth_core::token::Deviation;
use oauth_stage::Endpoint;
use serde_json::{Value, json};

use crate::{Vendor, granted};

const SECOND: Duration = Duration::from_secs(1);

/// What is left of a token whose answer says that of its expiry.
async fn left(config: &str, name: &str, value: Value) -> (Option<i64>, Vec<Deviation>) {
    let vendor = Vendor::new().await;
    let mut body = json!({"access_token": "token-1", "token_type": "Bearer"});
    body[name] = value;
    vendor.answers_json(body);
    let token = vendor.token(config).await;
    (vendor.left(&token), token.deviations().to_vec())
}

/// That many seconds from the beginning of the tests' clock.
fn moment(seconds: i64) -> i64 {
    crate::support::clock().now().timestamp() + seconds
}

#[tokio::test]
async fn q027_expiry_as_a_string() {
    let noted = vec![Deviation::ExpiresInString];
    assert_eq!(
        left("", "expires_in", json!("3600")).await,
        (Some(3600), noted.clone())
    );
    let config = r#"
        [departures.response]
        members.expires_in = "/expires_on"
        expiry = "unix_seconds"
    "#;
    let moment = moment(600).to_string();
    assert_eq!(
        left(config, "expires_on", json!(moment)).await,
        (Some(600), noted)
    );
}

#[tokio::test]
async fn q028_expiry_in_milliseconds() {
    let config = r#"departures.response.expiry = "milliseconds""#;
    assert_eq!(
        left(config, "expires_in", json!(86_399_998)).await,
        (Some(86_399), vec![])
    );
}

#[tokio::test]
async fn q029_expiry_under_another_name() {
    for name in ["expires", "expire"] {
        let config = format!("departures.response.members.expires_in = \"/{name}\"");
        assert_eq!(left(&config, name, json!(7200)).await, (Some(7200), vec![]));
    }
}

#[tokio::test]
async fn q030_expiry_as_a_moment() {
    for (form, value) in [
        ("rfc3339", json!("2026-01-01T01:00:00Z")),
        ("rfc3339", json!("2026-01-01T03:00:00.000+02:00")),
        ("unix_seconds", json!(moment(3600))),
        ("unix_milliseconds", json!(moment(3600) * 1000)),
    ] {
        let config = format!(
            "departures.response = {{ members.expires_in = \"/expiresAt\", expiry = \"{form}\" }}"
        );
        assert_eq!(
            left(&config, "expiresAt", value).await,
            (Some(3600), vec![]),
            "{form}"
        );
    }
}

#[tokio::test]
async fn q030_a_moment_that_is_none_names_the_field() {
    let vendor = Vendor::new().await;
    vendor.answers_json(json!({
        "access_token": "token-1", "token_type": "Bearer", "expires_in": "2026-01-01T01:00:00Z"
    }));
    let error = vendor.refused("").await;
    assert!(
        error.to_string().contains("`departures.response.expiry`"),
        "{error}"
    );
}

#[tokio::test]
async fn q031_expiry_as_a_duration() {
    let config = r#"
        [departures.response]
        members.expires_in = "/estimatedTimeToExpiration"
        expiry = "duration"
    "#;
    assert_eq!(
        left(config, "estimatedTimeToExpiration", json!("177:05:38")).await,
        (Some(637_538), vec![])
    );
}

#[tokio::test]
async fn q032_an_expiry_of_zero_though_live() {
    let config = "departures.lifetime.zero_means_unknown = true";
    assert_eq!(left(config, "expires_in", json!(0)).await.0, None);
    let config =
        r#"departures.lifetime = { zero_means_unknown = true, default_expires_in = "1h" }"#;
    assert_eq!(left(config, "expires_in", json!(0)).await.0, Some(3600));
}

#[tokio::test]
async fn q033_no_expiry() {
    assert_eq!(left("", "x", json!(0)).await.0, None);
    let config = r#"departures.lifetime.default_expires_in = "1h""#;
    assert_eq!(left(config, "x", json!(0)).await.0, Some(3600));
    let config = r#"
        departures.response = { members.expires_in = "/token_expires_in_ms", expiry = "milliseconds" }
        departures.lifetime.zero_means_unknown = true
    "#;
    assert_eq!(left(config, "token_expires_in_ms", json!(0)).await.0, None);
}

#[tokio::test]
async fn q034_the_same_token_with_a_shrinking_lifetime() {
    let vendor = Vendor::new().await;
    let ends_at = vendor.clock.now() + chrono::TimeDelta::seconds(3600);
    // as such a server does: the same until it is over
    vendor.stage.on("/vendor", move |call| {
        let left = (ends_at - call.now()).num_seconds();
        let (token, left) = match left > 0 {
            true => ("token-1", left),
            false => ("token-2", 3600),
        };
        let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": left});
        Some(oauth_stage::Answer::json(200, &body))
    });
    let source = vendor.source("");
    let mut last = String::new();
    for _ in 0..=3600 {
        let token = source.token().await.unwrap();
        vendor.idle().await;
        assert!(token.expires_at().unwrap() >= vendor.clock.now());
        last = token.access_token().expose().to_owned();
        vendor.clock.advance(SECOND);
    }
    assert_eq!(last, "token-2");
    assert!(
        vendor.count() < 20,
        "{} requests for one token",
        vendor.count()
    );
}

#[tokio::test]
async fn q058_a_renewal_ends_the_former_access_token() {
    swaps("refreshing").await;
}

#[tokio::test]
async fn q062_a_new_token_ends_the_former() {
    swaps("client credentials").await;
}

/// While a renewal ahead of need is under way nobody is served the token that it ends.
async fn swaps(how: &str) {
    let vendor = Vendor::new().await;
    let config = "departures.lifetime.new_token_ends_former = true";
    let source = match how {
        "refreshing" => vendor.refreshing(config),
        _ => vendor.source(config),
    };
    vendor.answers(granted());
    let first = source.token().await.unwrap();
    vendor.clock.advance(Duration::from_secs(3400));
    let hold = vendor.stage.hold_answer(Endpoint::Below("/vendor"));
    vendor.answers_json(
        json!({"access_token": "token-2", "token_type": "Bearer", "expires_in": 3600}),
    );
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let source = source.clone();
        crowd.spawn(async move { source.token().await });
    }
    hold.arrived(1).await;
    assert!(source.cached().is_none());
    hold.release();
    while let Some(token) = crowd.join_next().await {
        assert_eq!(token.unwrap().unwrap().access_token().expose(), "token-2");
    }
    assert_eq!(vendor.count(), 2);
    // where the renewal fails, the former is served on
    vendor.clock.advance(Duration::from_secs(3400));
    vendor.answers(oauth_stage::Answer::status(400));
    let served = source.token().await.unwrap();
    assert_eq!(served.access_token().expose(), "token-2");
    assert_eq!(vendor.count(), 3);
    assert_ne!(first.access_token(), served.access_token());
}

#[tokio::test]
async fn q061_a_crowd_makes_one_token_and_keeps_it() {
    let vendor = Vendor::new().await;
    let source = vendor.source("");
    vendor.answers(granted());
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let source = source.clone();
        crowd.spawn(async move { source.token().await.map(|_| ()) });
    }
    while let Some(outcome) = crowd.join_next().await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(vendor.count(), 1);
}
