//! Answers that break off, or never come.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use oauth_core::error::{ErrorKind, Recovery};
use oauth_stage::{Socket, Step};

use crate::support::{clock, env, env_with, impatient};
use crate::{ask, fails, granted, socket};

const RETRY: Recovery = Recovery::Retry { after: None };

#[tokio::test]
async fn an_answer_that_breaks_off_is_interrupted_and_asked_for_three_times() {
    let cut = Step::truncated_json(200, &granted("t"), 10);
    let chunked = Step::text(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n20\r\n{\"a",
    );
    let huge = Step::text(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n{\"a",
    );
    for (case, script) in [
        (
            "a body that is too short",
            vec![Step::ReadRequest, cut.clone(), Step::Close],
        ),
        (
            "a chunk that is too short",
            vec![Step::ReadRequest, chunked, Step::Close],
        ),
        (
            "a chunk of 64 bits",
            vec![Step::ReadRequest, huge, Step::Close],
        ),
        (
            "a head that is too short",
            vec![
                Step::ReadRequest,
                Step::text("HTTP/1.1 200 OK\r\ncon"),
                Step::Close,
            ],
        ),
        (
            "a FIN before the answer",
            vec![Step::ReadRequest, Step::Close],
        ),
        (
            "a RST before the answer",
            vec![Step::ReadRequest, Step::Reset],
        ),
        (
            "a RST in the body",
            vec![Step::ReadRequest, cut, Step::Reset],
        ),
    ] {
        let (error, requests) = fails(script).await;
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{case}: {error}");
        assert_eq!(error.recovery(), RETRY, "{case}");
        assert_eq!(requests, 3, "{case}");
    }
}

#[tokio::test]
async fn an_answer_that_broke_off_is_had_at_the_next_attempt() {
    let clock = clock();
    let cut = Step::truncated_json(200, &granted("half"), 10);
    let socket = Socket::builder()
        .connection(vec![Step::ReadRequest, cut, Step::Close])
        .connection(vec![Step::ReadRequest, Step::Reset])
        .connection(vec![Step::ReadRequest, Step::json(200, &granted("whole"))])
        .start()
        .await
        .unwrap();
    let token = ask(&env(&clock), socket.url()).await.unwrap();
    assert_eq!(token.access_token().expose(), "whole");
    assert_eq!(socket.connections(), 3);
    let slept = clock.slept();
    assert_eq!(slept.len(), 2);
    assert!(
        slept[0] <= Duration::from_millis(500) && slept[1] <= Duration::from_secs(1),
        "{slept:?}"
    );
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_under_the_request_is_left_for_a_new_one() {
    let clock = clock();
    let socket = Socket::builder()
        .connection(vec![
            Step::ReadRequest,
            Step::json_keep_alive(200, &granted("first")),
            Step::ReadRequest,
            Step::Close,
        ])
        .connection(vec![Step::ReadRequest, Step::json(200, &granted("second"))])
        .start()
        .await
        .unwrap();
    let env = env(&clock);
    ask(&env, socket.url()).await.unwrap();
    clock.advance(Duration::from_secs(600));
    let token = ask(&env, socket.url()).await.unwrap();
    assert_eq!(token.access_token().expose(), "second");
    assert_eq!((socket.connections(), socket.requests().len()), (2, 3));
}

#[tokio::test]
async fn a_refused_connection_is_no_connection() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let clock = clock();
    let error = ask(&env(&clock), &format!("http://{address}"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::Connect, RETRY)
    );
    assert_eq!(clock.slept().len(), 2);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_name_without_an_address_is_no_connection() {
    let error = ask(&env(&clock()), "https://no-such-host.invalid")
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::Connect, RETRY)
    );
}

/// A head, then the answer so slowly that no pause is too long but the whole is.
fn drip(rest: &str) -> Vec<Step> {
    let every = Duration::from_millis(40);
    let bytes = rest.as_bytes().to_vec();
    vec![
        Step::ReadRequest,
        Step::text("HTTP/1.1 200 OK\r\n"),
        Step::Drip { bytes, every },
    ]
}

#[tokio::test]
async fn r009_a_server_that_takes_too_long_is_left_at_the_deadline() {
    let head = "content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    for (case, script, told) in [
        (
            "silent after the request",
            vec![Step::ReadRequest, Step::UntilPeerCloses],
            "within 300ms",
        ),
        (
            "silent after the head",
            {
                let head = format!("HTTP/1.1 200 OK\r\n{head}");
                vec![Step::ReadRequest, Step::text(head), Step::UntilPeerCloses]
            },
            "paused inside its answer for more than 200ms",
        ),
        ("a head byte by byte", drip(head), "within 300ms"),
        (
            "a body byte by byte",
            {
                let mut script = drip(&" ".repeat(100));
                script[1] = Step::text(format!("HTTP/1.1 200 OK\r\n{head}"));
                script
            },
            "within 300ms",
        ),
    ] {
        let socket = socket(script).await;
        let clock = clock();
        let began = Instant::now();
        let error = ask(&env_with(&clock, impatient), socket.url())
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.recovery()),
            (ErrorKind::Timeout, RETRY),
            "{case}: {error}"
        );
        assert!(error.to_string().contains(told), "{case}: {error}");
        assert_eq!(clock.slept().len(), 2, "{case}");
        let passed = began.elapsed();
        assert!(passed < Duration::from_secs(5), "{case}: {passed:?}");
    }
}

#[tokio::test]
async fn a_slow_answer_inside_the_deadlines_is_taken() {
    let body = granted("slow").to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let every = Duration::from_millis(1);
    let bytes = body.into_bytes();
    let socket = socket(vec![
        Step::ReadRequest,
        Step::text(head),
        Step::Drip { bytes, every },
    ])
    .await;
    let env = env_with(&clock(), |settings| {
        impatient(settings);
        settings.request_timeout = Duration::from_secs(10);
        settings.read_timeout = Duration::from_secs(5);
    });
    assert_eq!(
        ask(&env, socket.url())
            .await
            .unwrap()
            .access_token()
            .expose(),
        "slow"
    );
}

#[tokio::test]
async fn a_pause_is_counted_inside_the_body_and_not_before_the_head() {
    let body = granted("slow").to_string();
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let rest = format!("content-length: {length}\r\n\r\n{body}");
    let socket = socket(vec![
        Step::ReadRequest,
        Step::Drip {
            bytes: head.as_bytes().to_vec(),
            every: Duration::from_millis(10),
        },
        Step::text(rest),
    ])
    .await;
    let env = env_with(&clock(), |settings| {
        settings.read_timeout = Duration::from_millis(200);
    });
    ask(&env, socket.url()).await.unwrap();
    assert_eq!(socket.connections(), 1);
}
