//! What is asked for again, when, and how often.

use std::time::Duration;

use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Endpoint};
use serde_json::json;

use crate::ask_of;
use crate::support::{Wanted, clock, env, strict};

const HALF: Duration = Duration::from_millis(500);
const WHOLE: Duration = Duration::from_secs(1);

fn secs(seconds: &[u64]) -> Vec<Duration> {
    seconds.iter().copied().map(Duration::from_secs).collect()
}

#[tokio::test]
async fn a_failure_of_the_server_is_asked_for_three_times_with_jittered_pauses() {
    for status in [408, 500, 501, 502, 504, 507, 599] {
        for body in [json!({"error": "server_error"}), json!(null)] {
            let clock = clock();
            let stage = strict(&clock).await;
            let answer = Answer::json(status, &body);
            stage.answer_always(Endpoint::Token, Some(answer));
            let error = ask_of(Wanted::of(&env(&clock), &stage)).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.status()),
                (ErrorKind::Http, Some(status))
            );
            assert_eq!(error.recovery(), Recovery::Retry { after: None });
            assert_eq!(stage.count(Endpoint::Token), 3, "{status}");
            let slept = clock.slept();
            assert!(
                slept.len() == 2 && slept[0] <= HALF && slept[1] <= WHOLE,
                "{slept:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_is_overloaded_and_does_not_say_until_when_is_asked_once() {
    for body in [json!({"error": "temporarily_unavailable"}), json!(null)] {
        let clock = clock();
        let stage = strict(&clock).await;
        stage.answer_always(Endpoint::Token, Some(Answer::json(503, &body)));
        let error = ask_of(Wanted::of(&env(&clock), &stage)).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Http, Some(503)));
        assert_eq!(error.recovery(), Recovery::Retry { after: None });
        assert_eq!(stage.count(Endpoint::Token), 1);
        assert!(clock.slept().is_empty());
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_passed_over() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.answer(
        Endpoint::Token,
        Answer::text(502, "text/html", "<html>down"),
    );
    stage.answer(
        Endpoint::Token,
        Answer::json(500, &json!({"error": "server_error"})),
    );
    ask_of(Wanted::of(&env(&clock), &stage)).await.unwrap();
    let statuses: Vec<_> = stage.log().iter().map(|one| one.status()).collect();
    assert_eq!(statuses, [Some(502), Some(500), Some(200)]);
}

#[tokio::test]
async fn r185_a_refusal_is_one_request() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let passing = [408, 421, 425, 429];
    let statuses = (400..500).filter(|status| !passing.contains(status));
    for (requests, status) in statuses.enumerate() {
        let answer = Answer::text(status, "text/html", "<html>no");
        stage.answer(Endpoint::Token, answer);
        let error = ask_of(Wanted::of(&env, &stage)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::Http, Some(status))
        );
        assert!(
            !matches!(error.recovery(), Recovery::Retry { .. }),
            "{status}"
        );
        assert_eq!(stage.count(Endpoint::Token), requests + 1, "{status}");
    }
    assert!(clock.slept().is_empty());
}

#[tokio::test]
async fn a_misdirected_or_early_request_is_repeated_once_over_another_connection() {
    for status in [421, 425] {
        let clock = clock();
        let stage = strict(&clock).await;
        stage.answer(Endpoint::Token, Answer::status(status));
        ask_of(Wanted::of(&env(&clock), &stage)).await.unwrap();
        let over: Vec<_> = stage
            .log()
            .iter()
            .map(|one| one.request().connection())
            .collect();
        assert_eq!(over, [1, 2], "{status}");

        let stage = strict(&clock).await;
        stage.answer_always(Endpoint::Token, Some(Answer::status(status)));
        let error = ask_of(Wanted::of(&env(&clock), &stage)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::Http, Some(status))
        );
        assert_eq!(stage.count(Endpoint::Token), 2, "{status}");
        assert!(
            clock.slept().iter().all(Duration::is_zero),
            "{:?}",
            clock.slept()
        );
    }
}

#[tokio::test]
async fn a_server_is_asked_again_when_it_said_so() {
    // the clock begins with the year 2026
    let future = "Thu, 01 Jan 2026 00:00:30 GMT";
    for status in [429, 503] {
        for (headers, pauses) in [
            (&["7"][..], secs(&[7, 7])),
            (&["2", "9"], secs(&[9, 9])),
            (&["9", "soon"], secs(&[9, 9])),
        ] {
            let clock = clock();
            let stage = strict(&clock).await;
            let answer = headers
                .iter()
                .fold(Answer::status(status), |answer, value| {
                    answer.header("retry-after", value)
                });
            stage.answer(Endpoint::Token, answer.clone());
            stage.answer(Endpoint::Token, answer);
            ask_of(Wanted::of(&env(&clock), &stage)).await.unwrap();
            assert_eq!(clock.slept(), pauses, "{status} {headers:?}");
        }
        let clock = clock();
        let stage = strict(&clock).await;
        stage.answer(
            Endpoint::Token,
            Answer::status(status).header("retry-after", future),
        );
        ask_of(Wanted::of(&env(&clock), &stage)).await.unwrap();
        assert_eq!(clock.slept(), secs(&[30]), "{status}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_say_when_is_asked_again_after_a_jittered_pause() {
    for header in [
        None,
        Some("Wed, 31 Dec 2025 23:59:00 GMT"),
        Some("-5"),
        Some("soon"),
        Some("1.5"),
    ] {
        let clock = clock();
        let stage = strict(&clock).await;
        let mut answer = Answer::status(429);
        if let Some(value) = header {
            answer = answer.header("retry-after", value);
        }
        stage.answer_always(Endpoint::Token, Some(answer));
        let error = ask_of(Wanted::of(&env(&clock), &stage)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.retry_after()),
            (ErrorKind::Throttled, None),
            "{header:?}"
        );
        assert_eq!(stage.count(Endpoint::Token), 3);
        let slept = clock.slept();
        assert!(
            slept.len() == 2 && slept[0] <= HALF && slept[1] <= WHOLE,
            "{header:?}: {slept:?}"
        );
    }
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_the_callers_and_everybodys() {
    for (status, header, after) in [
        (429, "120", 120),
        (503, "120", 120),
        (429, "99999999999999999999", 3600),
    ] {
        let clock = clock();
        let stage = strict(&clock).await;
        let answer = Answer::status(status).header("retry-after", header);
        stage.answer(Endpoint::Token, answer);
        let token = Wanted::of(&env(&clock), &stage).build();
        let after = Duration::from_secs(after);
        for _ in 0..2 {
            let error = token.token().await.unwrap_err();
            assert_eq!(
                (error.kind(), error.retry_after()),
                (ErrorKind::Throttled, Some(after))
            );
            assert_eq!(stage.count(Endpoint::Token), 1, "{status}");
        }
        assert!(clock.slept().is_empty());
        clock.advance(after);
        token.token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), 2, "{status}");
    }
}
