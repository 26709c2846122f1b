use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use oauth_stage::{Authentication, Fate, Rotation, Strict};
use serde_json::{Value, json};

use crate::support::{
    self, CREDENTIALS, SECRET, answer, assert_violation, post_stage, refresh, text,
};

async fn rotating(grace: Duration) -> (Strict, String) {
    let noon = DateTime::from_timestamp(2_000_000_000, 0).unwrap();
    let stage = Strict::builder()
        .clock(move || noon)
        .client(support::client(Authentication::SecretPost(SECRET.into())))
        .rotation(Rotation::Rotate { grace })
        .start()
        .await
        .unwrap();
    let token = stage.issue_refresh_token("client", "read");
    (stage, token)
}

fn successor(refreshed: (u16, Value)) -> String {
    assert_eq!(refreshed.0, 200, "{}", refreshed.1);
    text(&refreshed.1, "refresh_token").to_owned()
}

fn assert_dead(refreshed: &(u16, Value)) {
    assert_eq!(
        (refreshed.0, &refreshed.1["error"]),
        (400, &json!("invalid_grant"))
    );
}

async fn api(stage: &Strict, token: &str) -> u16 {
    answer(
        reqwest::Client::new()
            .get(stage.api_url())
            .bearer_auth(token),
    )
    .await
    .0
}

#[tokio::test]
async fn keeps_a_refresh_token_without_repeating_it() {
    let stage = post_stage().await;
    let token = stage.issue_refresh_token("client", "read");
    for _ in 0..2 {
        let (status, answer) = refresh(&stage, &token).await;
        assert_eq!((status, answer.get("refresh_token")), (200, None));
        assert_eq!(answer["scope"], "read");
    }
}

#[tokio::test]
async fn repeats_a_refresh_token() {
    let stage = post_stage().await;
    stage.set_rotation(Rotation::Repeat);
    let token = stage.issue_refresh_token("client", "read");
    for _ in 0..2 {
        assert_eq!(successor(refresh(&stage, &token).await), token);
    }
}

#[tokio::test]
async fn rotates_a_refresh_token_again_and_again() {
    let (stage, mut token) = rotating(Duration::ZERO).await;
    for _ in 0..3 {
        let next = successor(refresh(&stage, &token).await);
        assert_ne!(next, token);
        token = next;
    }
    assert_eq!(stage.reuse_detected(), 0);
    assert_eq!(stage.violations(), [""; 0]);
}

#[tokio::test]
async fn answers_a_spent_token_again_inside_its_grace() {
    let (stage, first) = rotating(Duration::from_secs(60)).await;
    let second = successor(refresh(&stage, &first).await);
    stage.advance(TimeDelta::seconds(60));
    let third = successor(refresh(&stage, &first).await);
    assert_ne!(second, third);
    successor(refresh(&stage, &second).await);
    successor(refresh(&stage, &third).await);
    assert_eq!(stage.reuse_detected(), 0);
}

#[tokio::test]
async fn counts_the_grace_from_the_first_use() {
    let (stage, first) = rotating(Duration::from_secs(60)).await;
    successor(refresh(&stage, &first).await);
    stage.advance(TimeDelta::seconds(40));
    successor(refresh(&stage, &first).await);
    stage.advance(TimeDelta::seconds(40));
    assert_dead(&refresh(&stage, &first).await);
    assert_eq!(stage.reuse_detected(), 1);
}

#[tokio::test]
async fn revokes_the_family_of_a_token_that_is_reused() {
    for (grace, later) in [(0, 0), (60, 61)] {
        let (stage, first) = rotating(Duration::from_secs(grace)).await;
        let other_family = stage.issue_refresh_token("client", "read");
        let (_, answer) = refresh(&stage, &first).await;
        let second = text(&answer, "refresh_token");
        let access = text(&answer, "access_token");
        assert_eq!(api(&stage, access).await, 200);

        stage.advance(TimeDelta::seconds(later));
        assert_dead(&refresh(&stage, &first).await);
        assert_eq!(stage.reuse_detected(), 1);
        assert_violation(&stage, "RFC 9700 4.14.2");
        assert_dead(&refresh(&stage, second).await);
        assert_eq!(api(&stage, access).await, 401);
        successor(refresh(&stage, &other_family).await);
    }
}

#[tokio::test]
async fn refuses_a_refresh_token_of_another_client() {
    let stage = post_stage().await;
    let token = stage.issue_refresh_token("other", "read");
    assert_dead(&refresh(&stage, &token).await);
    assert_dead(&refresh(&stage, "rt_unknown").await);
}

#[tokio::test]
async fn narrows_the_scope_and_never_widens_it() {
    let stage = post_stage().await;
    let token = stage.issue_refresh_token("client", "read");
    for (scope, status) in [("read", 200), ("write", 400)] {
        let grant = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &token),
            ("scope", scope),
        ];
        let form = [&grant[..], &CREDENTIALS[..]].concat();
        assert_eq!(support::token(&stage, &form).await.0, status, "{scope}");
    }
}

#[tokio::test]
async fn spends_no_token_of_a_client_that_fails_to_authenticate() {
    let (stage, token) = rotating(Duration::ZERO).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("client_id", "client"),
        ("client_secret", "wrong"),
    ];
    assert_eq!(support::token(&stage, &form).await.0, 401);
    successor(refresh(&stage, &token).await);
}

async fn ask(stage: &Strict, url: &str, token: &str) -> Value {
    let form = [
        ("token", token),
        ("client_id", "client"),
        ("client_secret", SECRET),
    ];
    let (status, answer) = answer(support::post(url).form(&form)).await;
    assert_eq!(status, 200, "{:?}", stage.log().last());
    answer
}

#[tokio::test]
async fn introspects_and_revokes() {
    let stage = post_stage().await;
    let access = stage.issue_access_token("client", "read");
    let refresh_token = stage.issue_refresh_token("client", "read");
    let (introspect, revoke) = (stage.introspection_url(), stage.revocation_url());

    let about = ask(&stage, &introspect, &access).await;
    assert_eq!(
        (&about["active"], &about["scope"]),
        (&json!(true), &json!("read"))
    );
    assert!(about["exp"].as_i64().unwrap() > stage.now().timestamp());
    assert_eq!(
        ask(&stage, &introspect, &refresh_token).await["active"],
        true
    );
    assert_eq!(
        ask(&stage, &introspect, "unknown").await,
        json!({"active": false})
    );

    ask(&stage, &revoke, &access).await;
    ask(&stage, &revoke, &refresh_token).await;
    ask(&stage, &revoke, "unknown").await;
    assert_eq!(
        ask(&stage, &introspect, &access).await,
        json!({"active": false})
    );
    assert_dead(&refresh(&stage, &refresh_token).await);
}

#[tokio::test]
async fn revokes_no_token_of_another_client() {
    let stage = post_stage().await;
    let token = stage.issue_access_token("other", "read");
    let form = [("token", token.as_str()), CREDENTIALS[0], CREDENTIALS[1]];
    let (status, _) = answer(support::post(&stage.revocation_url()).form(&form)).await;
    assert_eq!(status, 400);
    assert_eq!(api(&stage, &token).await, 200);
}

#[tokio::test]
async fn tells_what_became_of_a_refresh_token() {
    let (stage, first) = rotating(Duration::from_secs(60)).await;
    assert_eq!(stage.fate("rt_of_nobody"), None);
    assert_eq!(stage.fate(&first), Some(Fate::Unspent));
    let second = successor(refresh(&stage, &first).await);
    assert_eq!(stage.fate(&first), Some(Fate::Spent));
    assert_eq!(stage.fate(&second), Some(Fate::Unspent));
    assert_eq!(stage.spent_again(), 0);

    successor(refresh(&stage, &first).await);
    assert_eq!((stage.spent_again(), stage.reuse_detected()), (1, 0));
    stage.advance(TimeDelta::seconds(61));
    assert_dead(&refresh(&stage, &first).await);
    assert_eq!((stage.spent_again(), stage.reuse_detected()), (2, 1));
    assert_eq!(stage.fate(&second), Some(Fate::Revoked));
    assert_dead(&refresh(&stage, &second).await);
    assert_eq!(stage.spent_again(), 2);
}
