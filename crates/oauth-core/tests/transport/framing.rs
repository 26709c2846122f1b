//! What is hardly HTTP.

use std::time::Duration;

use oauth_core::error::{ErrorKind, Recovery};
use oauth_stage::{Socket, Step};

use crate::support::{clock, env};
use crate::{IN_BODY, ask, fails, granted, says, socket};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// An answer with these header lines and this body.
fn answer(headers: &str, body: &str) -> String {
    format!("{HEAD}{headers}\r\n{body}")
}

#[tokio::test]
async fn broken_http_is_a_fault_of_the_protocol_and_not_asked_for_again() {
    let body = granted(IN_BODY).to_string();
    let length = body.len();
    let chunked = "transfer-encoding: chunked\r\n";
    for (case, text) in [
        ("no status line", "garbage\r\n\r\n".to_owned()),
        ("HTTP/0.9", body.clone()),
        (
            "a version that is none",
            format!("HTTP/9.9 200 OK\r\n\r\n{body}"),
        ),
        (
            "a status that is none",
            format!("HTTP/1.1 2x0 OK\r\n\r\n{body}"),
        ),
        (
            "a chunk size that is none",
            answer(chunked, &format!("zz\r\n{body}\r\n0\r\n\r\n")),
        ),
        (
            "a chunk size beyond 64 bits",
            answer(chunked, &format!("1ffffffffffffffff\r\n{body}")),
        ),
        (
            "a chunk without its end",
            answer(chunked, &format!("{length:x}\r\n{body}XX0\r\n\r\n")),
        ),
        ("a length and chunks", {
            let headers = format!("content-length: {length}\r\n{chunked}");
            answer(&headers, &format!("{length:x}\r\n{body}\r\n0\r\n\r\n"))
        }),
        ("chunks and a length", {
            let headers = format!("{chunked}content-length: {length}\r\n");
            answer(&headers, &format!("{length:x}\r\n{body}\r\n0\r\n\r\n"))
        }),
        (
            "two lengths",
            answer(
                &format!("content-length: {length}\r\ncontent-length: 5\r\n"),
                &body,
            ),
        ),
        (
            "a length that is none",
            answer("content-length: many\r\n", &body),
        ),
        ("a negative length", answer("content-length: -1\r\n", &body)),
        (
            "a control byte in a header",
            answer(
                &format!("x: a\u{1}b\r\ncontent-length: {length}\r\n"),
                &body,
            ),
        ),
        (
            "a NUL in a header",
            answer(
                &format!("x: a\u{0}b\r\ncontent-length: {length}\r\n"),
                &body,
            ),
        ),
        (
            "a folded header",
            answer(
                &format!("x: a\r\n b\r\ncontent-length: {length}\r\n"),
                &body,
            ),
        ),
        (
            "a space before a colon",
            answer(&format!("x : a\r\ncontent-length: {length}\r\n"), &body),
        ),
        (
            "a line without a colon",
            answer(&format!("nonsense\r\ncontent-length: {length}\r\n"), &body),
        ),
    ] {
        let (error, requests) = fails(says(&text)).await;
        assert_eq!(
            error.kind().name(),
            "Protocol.BadEncoding",
            "{case}: {error}"
        );
        assert_eq!(
            (error.recovery(), requests),
            (Recovery::Report, 1),
            "{case}"
        );
    }
}

#[tokio::test]
async fn r009_a_head_without_end_is_too_large() {
    let long = "a".repeat(1024 * 1024);
    let many = "x: y\r\n".repeat(10_000);
    for (case, text) in [
        ("a long header", answer(&format!("x: {long}\r\n"), "")),
        ("many headers", answer(&many, "")),
        ("a long reason", format!("HTTP/1.1 200 {long}\r\n\r\n")),
    ] {
        let (error, requests) = fails(says(&text)).await;
        assert_eq!(error.kind().name(), "Protocol.TooLarge", "{case}: {error}");
        assert_eq!(requests, 1, "{case}");
    }
}

#[tokio::test]
async fn a_chunk_extension_without_end_is_too_large() {
    let head = Step::text(answer("transfer-encoding: chunked\r\n", "5;x="));
    let chunk = vec![b'x'; 0x4000];
    let (error, requests) = fails(vec![Step::ReadRequest, head, Step::Endless { chunk }]).await;
    assert_eq!(error.kind().name(), "Protocol.TooLarge", "{error}");
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn a_hint_before_the_answer_is_passed_over() {
    let body = granted("t").to_string();
    let length = body.len();
    let answer = answer(&format!("content-length: {length}\r\n"), &body);
    for hints in [
        "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
    ] {
        let socket = socket(says(&format!("{hints}{answer}"))).await;
        let token = ask(&env(&clock()), socket.url()).await.unwrap();
        assert_eq!(token.access_token().expose(), "t");
    }
}

#[tokio::test]
async fn r050_a_status_that_brings_no_token_is_an_http_error() {
    let body = granted(IN_BODY).to_string();
    let length = body.len();
    for (status, text) in [
        (
            101,
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
                .to_owned(),
        ),
        (204, "HTTP/1.1 204 No Content\r\n\r\n".into()),
        (
            201,
            format!(
                "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            ),
        ),
        (
            202,
            format!(
                "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            ),
        ),
        (
            206,
            format!(
                "HTTP/1.1 206 Partial\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            ),
        ),
    ] {
        let (error, requests) = fails(says(&text)).await;
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::Http, Some(status)),
            "{error}"
        );
        assert_eq!(requests, 1, "{status}");
    }
}

#[tokio::test]
async fn a_second_answer_on_a_connection_reaches_no_later_request() {
    for _ in 0..20 {
        let clock = clock();
        let granted = |token| {
            let body = granted(token).to_string();
            answer(&format!("content-length: {}\r\n", body.len()), &body)
        };
        let two = Step::text(granted("first") + &granted("of-somebody-else"));
        let socket = Socket::builder()
            .connection(vec![Step::ReadRequest, two, Step::UntilPeerCloses])
            .connection(vec![
                Step::ReadRequest,
                Step::text(granted("second")),
                Step::Close,
            ])
            .start()
            .await
            .unwrap();
        let env = env(&clock);
        let first = ask(&env, socket.url()).await.unwrap();
        assert_eq!(first.access_token().expose(), "first");
        clock.advance(Duration::from_secs(600));
        let second = ask(&env, socket.url()).await.unwrap();
        assert_eq!(second.access_token().expose(), "second");
    }
}
