//! Bodies: a refusal in them, and how much of them is read.

use std::sync::Mutex;
use std::time::Duration;

use crate::support::{Wanted, clock, env, given, strict};
use oauth_core::client::{AuthorizedClient, Quote, read_json};
use oauth_core::env::Env;
use oauth_core::error::ErrorKind;
use oauth_core::server::ResourceServer;
use oauth_core::source::FixedToken;
use oauth_stage::{Answer, Endpoint, Socket, Step, Strict};
use serde_json::{Value, json};

use crate::api;

#[tokio::test]
async fn a_declared_refusal_in_the_body_is_one_and_no_other_body_is_looked_into() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let api = api(&env, &stage).with_body_refusal("/error", &["token_expired"]);
    let client = AuthorizedClient::new(&env, api, Wanted::of(&env, &stage).build());
    stage.answer(
        Endpoint::Api,
        Answer::json(200, &json!({"ok": false, "error": "token_expired"})),
    );
    let body: Value = read_json(client.post("x").send().await.unwrap(), 4096)
        .await
        .unwrap();
    assert_eq!(body["path"], "/api/x");
    assert_eq!(stage.count(Endpoint::Token), 2);
    for answer in [
        Answer::json(200, &json!({"ok": false, "error": "channel_not_found"})),
        Answer::text(200, "text/plain", r#"{"error":"token_expired"}"#),
        Answer::json(
            200,
            &json!({"error": "token_expired", "x": "x".repeat(65_536)}),
        ),
    ] {
        let sent = answer.body.clone();
        stage.answer(Endpoint::Api, answer);
        let answer = client.post("x").send().await.unwrap();
        assert_eq!(answer.url().path(), "/api/x");
        assert_eq!(answer.bytes().await.unwrap(), sent);
    }
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn the_word_that_refuses_a_token_for_good_is_told_and_foreign_text_is_not() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let api = api(&env, &stage).with_body_refusal("/error", &["token_revoked"]);
    let token = FixedToken::new(&env, "token", given("s3cret-token")).unwrap();
    let client = AuthorizedClient::new(&env, api, token);
    let refusal = json!({"ok": false, "error": "token_revoked", "text": "s3cret-token"});
    stage.answer(Endpoint::Api, Answer::json(200, &refusal));
    let error = client.post("x").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.oauth().unwrap().code, "token_revoked");
    let text = error.to_string();
    assert!(
        text.contains("refuses this token (token_revoked)"),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn what_an_api_wrote_is_shown_without_the_token_it_was_sent() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let api = api(&env, &stage).with_body_refusal("/error", &["token_revoked"]);
    let token = FixedToken::new(&env, "token", given("s3cret-token")).unwrap();
    let client = AuthorizedClient::new(&env, api, token);
    stage.answer_always(
        Endpoint::Api,
        Some(Answer::json(200, &json!({"error": "no"}))),
    );
    let answer = client.get("x").send().await.unwrap();
    let quote = Quote::from(&answer);
    assert_eq!(quote.text("no s3cret-token\u{1b}"), "no [REDACTED]\\u{1b}");
    assert!(!format!("{quote:?}").contains("s3cret"));
}

#[tokio::test]
async fn the_answer_that_refuses_a_token_for_good_is_shown_and_no_other() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = crate::client(&env(&clock), &stage);
    let seen = Mutex::new(Vec::new());
    let look = |body: &[u8], quote: &Quote| {
        let text = quote.text(&String::from_utf8_lossy(body));
        seen.lock().unwrap().push(text);
    };
    stage.answer(Endpoint::Api, Answer::text(401, "text/plain", "the first"));
    let request = client.get("x").on_refusal(look);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert!(seen.lock().unwrap().is_empty());

    clock.advance(Duration::from_secs(31)); // until then a new token is not replaced again
    stage.answer(Endpoint::Api, Answer::text(401, "text/plain", "the first"));
    let echo = format!(
        "not {}",
        client.token().await.unwrap().access_token().expose()
    );
    stage.answer(Endpoint::Api, Answer::text(401, "text/plain", echo));
    let error = client.get("x").on_refusal(look).send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::Refused, Some(401))
    );
    assert_eq!(*seen.lock().unwrap(), ["not [REDACTED]"]);

    let long = "x".repeat(65_537);
    stage.answer_always(Endpoint::Api, Some(Answer::text(401, "text/plain", long)));
    client.get("x").on_refusal(look).send().await.unwrap_err();
    assert_eq!(seen.lock().unwrap().len(), 1);
}

/// The answer of an API with a body in one of its framings, after which the connection is closed.
fn framed(framing: &str, body: &str) -> Vec<Step> {
    let mut bytes =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\nx-mark: kept\r\n"
            .to_vec();
    match framing {
        "length" => bytes.extend(format!("content-length: {}\r\n\r\n{body}", body.len()).bytes()),
        "chunks" => {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
            for piece in body.as_bytes().chunks(10_000) {
                bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
                bytes.extend([piece, b"\r\n"].concat());
            }
            bytes.extend(b"0\r\n\r\n");
        }
        "gzip" => {
            let body = gzip(body.as_bytes());
            let head = format!(
                "content-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            bytes.extend(head.bytes().chain(body));
        }
        _ => bytes.extend(format!("connection: close\r\n\r\n{body}").bytes()),
    }
    vec![Step::ReadRequest, Step::Bytes(bytes), Step::Close]
}

/// In blocks that are stored (RFC 1951 3.2.4, RFC 1952).
fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    for block in data.chunks(60_000) {
        let length = u16::try_from(block.len()).unwrap();
        out.push(0);
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend([1, 0, 0, 0xff, 0xff]);
    let crc = !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    });
    out.extend(crc.to_le_bytes());
    out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    out
}

/// A client of an API that answers so over its connections, one after the other, and that says in
/// the body that a token has expired.
async fn refusing(
    stage: &Strict,
    env: &Env,
    answers: Vec<Vec<Step>>,
) -> (Socket, AuthorizedClient) {
    let script = answers
        .into_iter()
        .fold(Socket::builder(), |socket, answer| {
            socket.connection(answer)
        });
    let socket = script.start().await.unwrap();
    let api = ResourceServer::new(env, "api_url", socket.url())
        .unwrap()
        .with_body_refusal("/error", &["token_expired"]);
    let client = AuthorizedClient::new(env, api, Wanted::of(env, stage).build());
    (socket, client)
}

const FRAMINGS: [&str; 4] = ["length", "chunks", "gzip", "until the end"];
const EXPIRED: &str = r#"{"ok":false,"error":"token_expired"}"#;

#[tokio::test]
async fn a_declared_refusal_is_found_in_every_framing() {
    for framing in FRAMINGS {
        let clock = clock();
        let stage = strict(&clock).await;
        let env = env(&clock);
        let answers = vec![framed(framing, EXPIRED), framed(framing, r#"{"ok":true}"#)];
        let (socket, client) = refusing(&stage, &env, answers).await;
        let answer = client.post("x").body("{}").send().await.unwrap();
        let body: Value = read_json(answer, 4096).await.unwrap();
        assert_eq!(body, json!({"ok": true}), "{framing}");
        assert_eq!(
            (stage.count(Endpoint::Token), socket.requests().len()),
            (2, 2),
            "{framing}"
        );
    }
}

#[tokio::test]
async fn a_refusal_in_the_body_is_told_with_the_status_it_came_with() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let answers = vec![framed("length", EXPIRED), framed("chunks", EXPIRED)];
    let (_socket, client) = refusing(&stage, &env, answers).await;
    let error = client.get("x").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::Refused, Some(200))
    );
}

#[tokio::test]
async fn a_body_too_long_to_look_into_comes_back_whole() {
    let long = json!({"error": "token_expired", "x": "x".repeat(200_000)}).to_string();
    for framing in FRAMINGS {
        let clock = clock();
        let stage = strict(&clock).await;
        let env = env(&clock);
        let (socket, client) = refusing(&stage, &env, vec![framed(framing, &long)]).await;
        let answer = client.get("x").send().await.unwrap();
        assert_eq!(answer.url().as_str(), format!("{}/x", socket.url()));
        assert_eq!(answer.headers()["x-mark"], "kept");
        assert_eq!(answer.text().await.unwrap(), long, "{framing}");
        assert_eq!(stage.count(Endpoint::Token), 1, "{framing}");
    }
}

#[tokio::test]
async fn a_body_without_end_is_handed_on_and_a_broken_one_as_it_is() {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless = format!("{head}20000\r\n{}", " ".repeat(0x11000));
    let broken = format!("{head}20\r\n{{\"error\":");
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let answers = vec![
        vec![
            Step::ReadRequest,
            Step::text(endless),
            Step::UntilPeerCloses,
        ],
        vec![Step::ReadRequest, Step::text(broken), Step::Close],
    ];
    let (_socket, client) = refusing(&stage, &env, answers).await;
    let mut answer = client.get("x").send().await.unwrap();
    assert!(answer.chunk().await.unwrap().unwrap().len() > 0x10000);
    drop(answer);
    let answer = client.post("x").body("{}").send().await.unwrap();
    let error = read_json::<Value>(answer, 4096).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
}

#[tokio::test]
async fn r010_a_bomb_is_capped_after_decoding() {
    let clock = clock();
    let env = env(&clock);
    let bomb = vec![
        Step::ReadRequest,
        Step::GzipBomb {
            decoded_bytes: 1 << 30,
        },
    ];
    let socket = Socket::script(bomb).await.unwrap();
    let api = ResourceServer::new(&env, "api_url", socket.url()).unwrap();
    let source = FixedToken::new(&env, "token", given("t0ken")).unwrap();
    let client = AuthorizedClient::new(&env, api, source);
    let answer = client.get("x").send().await.unwrap();
    let error = read_json::<Value>(answer, 1 << 20).await.unwrap_err();
    assert_eq!(error.kind().name(), "Protocol.TooLarge");
}
