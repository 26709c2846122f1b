use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use oauth_stage::{Answer, Authentication, Endpoint, Rotation, Strict};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::support::{
    Assertion, answer, assert_violation, grant, keys, post_stage, refresh, stage, text,
    with_assertion,
};

fn granting(stage: &Strict) -> JoinHandle<(u16, Value)> {
    let stage = stage.clone();
    tokio::spawn(async move { grant(&stage, &[]).await })
}

#[tokio::test]
async fn holds_requests_until_they_are_released() {
    let stage = post_stage().await;
    let hold = stage.hold(Endpoint::Token);
    let requests = [granting(&stage), granting(&stage)];
    hold.arrived(2).await;
    assert_eq!(
        (
            hold.count(),
            stage.count(Endpoint::Token),
            stage.tokens_issued()
        ),
        (2, 2, 0)
    );
    assert!(requests.iter().all(|request| !request.is_finished()));
    hold.release();
    for request in requests {
        assert_eq!(request.await.unwrap().0, 200);
    }
    assert_eq!(grant(&stage, &[]).await.0, 200);
}

#[tokio::test]
async fn holds_no_other_endpoint() {
    let stage = post_stage().await;
    let _hold = stage.hold(Endpoint::Api);
    assert_eq!(grant(&stage, &[]).await.0, 200);
}

#[tokio::test]
async fn releases_when_the_hold_is_dropped() {
    let stage = post_stage().await;
    let hold = stage.hold(Endpoint::Any);
    let request = granting(&stage);
    hold.arrived(1).await;
    drop(hold);
    assert_eq!(request.await.unwrap().0, 200);
}

#[tokio::test]
async fn releases_one_at_a_time() {
    let stage = post_stage().await;
    let hold = stage.hold(Endpoint::Below("/token"));
    let requests = [granting(&stage), granting(&stage)];
    hold.arrived(2).await;
    hold.release_one();
    stage.wait_for(Endpoint::Token, 1).await;
    assert_eq!(stage.tokens_issued(), 1);
    hold.release_one();
    for request in requests {
        assert_eq!(request.await.unwrap().0, 200);
    }
}

#[tokio::test]
async fn holds_an_answer_after_everything_is_done() {
    let stage = post_stage().await;
    let hold = stage.hold_answer(Endpoint::Token);
    let request = granting(&stage);
    hold.arrived(1).await;
    assert_eq!(stage.tokens_issued(), 1);
    assert!(!request.is_finished());
    hold.release();
    assert_eq!(request.await.unwrap().0, 200);
}

#[tokio::test]
async fn has_done_everything_for_a_client_that_left_before_a_held_answer() {
    let stage = post_stage().await;
    let hold = stage.hold_answer(Endpoint::Token);
    let request = granting(&stage);
    hold.arrived(1).await;
    request.abort();
    stage.wait_for_abandoned(Endpoint::Token, 1).await;
    let log = stage.log();
    assert_eq!((log[0].status(), log[0].is_abandoned()), (Some(200), true));
    assert_eq!(stage.tokens_issued(), 1);
}

#[tokio::test]
async fn holds_a_crowd_over_one_connection() {
    const CROWD: usize = 500;
    let stage = Strict::builder().start().await.unwrap();
    let hold = stage.hold(Endpoint::Api);
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| tokio::spawn(answer(client.get(stage.api_url()))))
        .collect();
    hold.arrived(CROWD).await;
    hold.release();
    for one in crowd {
        assert_eq!(one.await.unwrap().0, 401);
    }
}

#[tokio::test]
async fn judges_a_held_request_by_what_is_true_at_its_release() {
    let stage = post_stage().await;
    let hold = stage.hold(Endpoint::Token);
    let request = granting(&stage);
    hold.arrived(1).await;
    stage.answer(Endpoint::Token, Answer::status(503));
    hold.release();
    assert_eq!(request.await.unwrap().0, 503);
}

#[tokio::test]
async fn does_nothing_for_a_client_that_left_while_it_was_held() {
    let stage = post_stage().await;
    let hold = stage.hold(Endpoint::Token);
    let request = granting(&stage);
    hold.arrived(1).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    stage.wait_for_abandoned(Endpoint::Token, 1).await;
    hold.release();
    assert_eq!(grant(&stage, &[]).await.0, 200);
    assert_eq!(stage.tokens_issued(), 1);
    let abandoned: Vec<bool> = stage.log().iter().map(|one| one.is_abandoned()).collect();
    assert_eq!(abandoned, [true, false]);
}

#[tokio::test]
async fn loses_an_answer_after_everything_is_done() {
    let stage = post_stage().await;
    stage.set_rotation(Rotation::Rotate {
        grace: Duration::ZERO,
    });
    let token = stage.issue_refresh_token("client", "read");
    stage.lose_answer(Endpoint::Token);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        crate::support::CREDENTIALS[0],
        crate::support::CREDENTIALS[1],
    ];
    let lost = crate::support::post(&stage.token_url())
        .form(&form)
        .send()
        .await;
    assert!(lost.is_err());
    assert_eq!((stage.tokens_issued(), stage.log()[0].is_lost()), (1, true));
    assert_eq!(refresh(&stage, &token).await.0, 400);
    assert_eq!(stage.reuse_detected(), 1);
}

#[tokio::test]
async fn gives_queued_answers_once_and_in_order() {
    let stage = post_stage().await;
    stage.answer(
        Endpoint::Token,
        Answer::status(429).header("retry-after", "2"),
    );
    stage.answer(Endpoint::Token, Answer::text(200, "text/html", "<html>"));
    stage.answer_always(Endpoint::Token, Some(Answer::json(503, &json!({"a": 1}))));
    let statuses = |n: usize| {
        let stage = &stage;
        async move {
            let mut statuses = Vec::new();
            for _ in 0..n {
                statuses.push(grant(stage, &[]).await.0);
            }
            statuses
        }
    };
    assert_eq!(statuses(4).await, [429, 200, 503, 503]);
    stage.answer_always(Endpoint::Token, None);
    assert_eq!(statuses(1).await, [200]);
    assert_eq!(stage.tokens_issued(), 1);
}

#[tokio::test]
async fn notices_a_replay_behind_a_queued_answer() {
    let stage = stage(Authentication::private_key_jwt(keys().jwks())).await;
    stage.answer(Endpoint::Token, Answer::status(503));
    let assertion = Assertion::new(&stage, Algorithm::ES384).signed(Algorithm::ES384);
    assert_eq!(with_assertion(&stage, &assertion).await.0, 503);
    assert_eq!(with_assertion(&stage, &assertion).await.0, 401);
    assert_violation(&stage, "replay");
}

#[tokio::test]
async fn spends_no_refresh_token_behind_a_queued_answer() {
    let stage = post_stage().await;
    stage.set_rotation(Rotation::Rotate {
        grace: Duration::ZERO,
    });
    let token = stage.issue_refresh_token("client", "read");
    stage.answer(Endpoint::Token, Answer::status(503));
    assert_eq!(refresh(&stage, &token).await.0, 503);
    let (status, answer) = refresh(&stage, &token).await;
    assert_eq!(status, 200);
    assert_ne!(text(&answer, "refresh_token"), token);
}

#[tokio::test]
async fn announces_each_answer() {
    let stage = post_stage().await;
    let waiting = tokio::spawn({
        let stage = stage.clone();
        async move { stage.wait_for(Endpoint::Api, 2).await }
    });
    for _ in 0..2 {
        grant(&stage, &[]).await;
        answer(reqwest::Client::new().get(stage.api_url())).await;
    }
    waiting.await.unwrap();
    stage.wait_for(Endpoint::Any, 4).await;
}

#[tokio::test]
async fn changes_the_lifetime_of_what_it_issues() {
    let stage = post_stage().await;
    stage.set_token_lifetime(Duration::from_secs(5));
    assert_eq!(grant(&stage, &[]).await.1["expires_in"], 5);
    stage.set_token_lifetime(Duration::MAX);
    let (_, granted) = grant(&stage, &[]).await;
    let token = text(&granted, "access_token");
    let request = reqwest::Client::new()
        .get(stage.api_url())
        .bearer_auth(token);
    assert_eq!(answer(request).await.0, 200);
}

#[tokio::test]
async fn delays_a_request_and_its_answer() {
    const FOREVER: Duration = Duration::from_secs(3600);
    for (spans, issued) in [
        ((FOREVER, Duration::ZERO), 0),
        ((Duration::ZERO, FOREVER), 1),
    ] {
        let stage = post_stage().await;
        let arrived = Arc::new(Notify::new());
        let asked = Arc::clone(&arrived);
        stage.delay(Endpoint::Token, move || {
            asked.notify_one();
            spans
        });
        let request = granting(&stage);
        arrived.notified().await;
        while stage.tokens_issued() < issued {
            tokio::task::yield_now().await;
        }
        request.abort();
        stage.wait_for_abandoned(Endpoint::Token, 1).await;
        assert_eq!(stage.tokens_issued(), issued);
        stage.delay(Endpoint::Any, || (Duration::ZERO, Duration::ZERO));
        assert_eq!(grant(&stage, &[]).await.0, 200);
    }
}
