//! Bodies that are too large, or coded.

use oauth_core::client::read_json;
use oauth_core::error::Recovery;
use oauth_stage::{Socket, Step};
use serde_json::Value;

use crate::support::{clock, env};
use crate::{IN_BODY, ask, fails, granted, says, socket};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

#[tokio::test]
async fn r009_an_endless_body_is_cut_at_the_cap() {
    let chunk = [&b"4000\r\n"[..], &[b' '; 0x4000], b"\r\n"].concat();
    for (case, framing, chunk) in [
        ("chunks", "transfer-encoding: chunked\r\n\r\n", chunk),
        (
            "until the end of the connection",
            "\r\n",
            vec![b' '; 0x4000],
        ),
        (
            "one endless chunk",
            "transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            vec![b' '; 0x4000],
        ),
    ] {
        let head = Step::text(format!("{HEAD}{framing}"));
        let (error, requests) = fails(vec![Step::ReadRequest, head, Step::Endless { chunk }]).await;
        assert_eq!(error.kind().name(), "Protocol.TooLarge", "{case}: {error}");
        assert_eq!(
            (error.recovery(), requests),
            (Recovery::Report, 1),
            "{case}"
        );
    }
}

#[tokio::test]
async fn an_announced_body_beyond_the_cap_is_refused_unread() {
    for length in ["104857600", "1048577", "18446744073709551615"] {
        let head = Step::text(format!("{HEAD}content-length: {length}\r\n\r\n"));
        // not one byte of the body ever comes
        let (error, requests) = fails(vec![Step::ReadRequest, head, Step::UntilPeerCloses]).await;
        assert_eq!(
            error.kind().name(),
            "Protocol.TooLarge",
            "{length}: {error}"
        );
        assert_eq!(requests, 1, "{length}");
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_cap_is_taken() {
    let mut body = granted("t").to_string();
    body.push_str(&" ".repeat(1024 * 1024 - body.len()));
    let answer = format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len());
    let socket = socket(says(&answer)).await;
    ask(&env(&clock()), socket.url()).await.unwrap();
}

#[tokio::test]
async fn r010_a_content_coding_that_was_not_asked_for_is_refused() {
    let body = format!("{{\"access_token\": \"{IN_BODY}\"}}");
    let coded = |coding: &str| {
        let length = body.len();
        says(&format!(
            "{HEAD}content-encoding: {coding}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    };
    for (case, script) in [
        (
            "a bomb",
            vec![
                Step::ReadRequest,
                Step::GzipBomb {
                    decoded_bytes: 1 << 30,
                },
            ],
        ),
        ("plain JSON that claims to be gzip", coded("gzip")),
        ("nested codings", coded("gzip, gzip, br")),
        (
            "nested codings in two headers",
            coded("gzip\r\ncontent-encoding: br"),
        ),
        (
            "a coding behind none",
            coded("identity\r\ncontent-encoding: gzip"),
        ),
        ("a coding that nobody knows", coded("x-secret")),
    ] {
        let (error, requests) = fails(script).await;
        assert_eq!(
            error.kind().name(),
            "Protocol.BadEncoding",
            "{case}: {error}"
        );
        assert_eq!(requests, 1, "{case}");
    }
}

#[tokio::test]
async fn no_coding_is_asked_for_and_none_is_taken_as_none() {
    let body = granted("t").to_string();
    let length = body.len();
    let answer =
        format!("{HEAD}content-encoding: identity\r\ncontent-length: {length}\r\n\r\n{body}");
    let socket = socket(says(&answer)).await;
    ask(&env(&clock()), socket.url()).await.unwrap();
    let request = String::from_utf8(socket.requests().remove(0)).unwrap();
    assert!(
        !request.to_ascii_lowercase().contains("accept-encoding"),
        "{request}"
    );
}

#[test]
fn a_bomb_from_an_api_is_cut_at_the_cap_and_costs_no_memory() {
    const LIMIT: usize = 1024 * 1024;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (socket, env) = runtime.block_on(async {
        let bomb = Step::GzipBomb {
            decoded_bytes: 1 << 30,
        };
        (
            Socket::script(vec![Step::ReadRequest, bomb]).await.unwrap(),
            env(&clock()),
        )
    });
    let mut outcome = None;
    let allocated = allocation_counter::measure(|| {
        outcome = Some(runtime.block_on(async {
            let answer = env.http().api().get(socket.url()).send().await.unwrap();
            read_json::<Value>(answer, LIMIT).await
        }));
    });
    let error = outcome.unwrap().unwrap_err();
    assert_eq!(error.kind().name(), "Protocol.TooLarge", "{error}");
    // the listener shares this thread, and makes the bomb from blocks of a mebibyte
    assert!(allocated.bytes_max < 16 * LIMIT as u64, "{allocated:?}");
}

#[tokio::test]
async fn what_an_api_answers_is_read_as_json_or_refused_without_showing_it() {
    for (body, expected) in [
        ("{\"a\": 1}", Ok(())),
        ("{\"a\": canary-of-the-body", Err("Protocol.NotJson")),
        ("<html>canary-of-the-body", Err("Protocol.NotJson")),
        ("", Err("Protocol.NotJson")),
        ("[1]", Err("Protocol.BadType")),
    ] {
        let answer = format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len());
        let socket = socket(says(&answer)).await;
        let url = format!("{}/x?{IN_BODY}", socket.url());
        let answer = env(&clock()).http().api().get(url).send().await.unwrap();
        let read = read_json::<serde_json::Map<String, Value>>(answer, 100).await;
        let outcome = read.map(|_| ()).map_err(|error| {
            assert!(!error.to_string().contains(IN_BODY), "{error}");
            error.kind().name()
        });
        assert_eq!(outcome, expected, "{body}");
    }
}
