//! The client of an API, against a strict server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod support;

use std::time::Duration;

use http::{HeaderValue, Method, header};
use oauth_core::client::{AuthorizedClient, read_json};
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::secret::SecretRef;
use oauth_core::server::{Placement, ResourceServer};
use oauth_core::source::FixedToken;
use oauth_stage::{Answer, Endpoint, Socket, Step, Strict};
use serde_json::{Value, json};
use support::{CLIENT, Wanted, clock, env, env_with, given, strict};

fn api(env: &Env, stage: &Strict) -> ResourceServer {
    ResourceServer::new(env, "api_url", &stage.api_url()).unwrap()
}

fn client(env: &Env, stage: &Strict) -> AuthorizedClient {
    AuthorizedClient::new(env, api(env, stage), Wanted::of(env, stage).build())
}

#[tokio::test]
async fn a_request_bears_the_token_and_comes_back_as_it_is() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let answer = client
        .post("items")
        .json(&json!({"name": "x"}))
        .send()
        .await
        .unwrap();
    let body: Value = read_json(answer, 4096).await.unwrap();
    assert_eq!(
        (&body["path"], &body["received"]["name"]),
        (&json!("/api/items"), &json!("x"))
    );
    for status in [400, 404, 409, 422, 500] {
        stage.answer(Endpoint::Api, Answer::text(status, "text/html", "<html>"));
        let answer = client.get("items").send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!(stage.count(Endpoint::Token), 1);
    assert_eq!(stage.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_stands_where_the_api_wants_it_and_is_sensitive_there() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    for (placement, name, value) in [
        (
            Placement::Scheme("Zoho-oauthtoken".into()),
            "authorization",
            "Zoho-oauthtoken t0ken",
        ),
        (
            Placement::Header(header::HeaderName::from_static("x-api-key")),
            "x-api-key",
            "t0ken",
        ),
    ] {
        let source = FixedToken::new(&env, "token", given("t0ken")).unwrap();
        let client =
            AuthorizedClient::new(&env, api(&env, &stage).with_placement(placement), source);
        stage.answer(Endpoint::Api, Answer::status(204));
        client.get("x").send().await.unwrap();
        let log = stage.log();
        assert_eq!(log.last().unwrap().header(name), Some(value));
    }
}

#[tokio::test]
async fn nothing_goes_to_another_origin() {
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let client = client(&env(&clock), &stage);
    for url in [
        other.api_url(),
        stage.api_url().replace("127.0.0.1", "localhost"),
        stage.api_url().replace("http://", "http://user@"),
        format!("//{}/api/x", other.url().trim_start_matches("http://")),
    ] {
        let error = client.get(&url).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ForeignOrigin, "{url}");
    }
    assert_eq!((stage.connections(), other.connections()), (0, 0));
}

#[tokio::test]
async fn another_origin_can_be_declared() {
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let env = env(&clock);
    let api = api(&env, &stage)
        .with_origin(&env, "files_url", other.url())
        .unwrap();
    let client = AuthorizedClient::new(&env, api, Wanted::of(&env, &stage).build());
    other.answer(Endpoint::Api, Answer::status(204));
    assert_eq!(
        client.get(&other.api_url()).send().await.unwrap().status(),
        204
    );
}

#[tokio::test]
async fn a_redirect_is_refused_and_takes_nothing_along() {
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let client = client(&env(&clock), &stage);
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/api/x?token=CANARY", other.url());
        stage.answer(
            Endpoint::Api,
            Answer::status(status).header("location", &target),
        );
        let error = client.get("x").send().await.unwrap_err();
        assert_eq!(error.kind().name(), "Protocol.RedirectRefused");
        assert!(error.to_string().contains(other.url()), "{error}");
        assert!(!error.to_string().contains("CANARY"), "{error}");
        stage.answer(Endpoint::Api, Answer::status(status));
        let error = client.get("x").send().await.unwrap_err();
        assert_eq!(error.kind().name(), "Protocol.RedirectRefused");
        assert_eq!(error.status(), Some(status));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_refusal_told() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    stage.refuse_access_tokens(true);
    let error = client.get("x").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::Refused, Some(401))
    );
    assert_eq!(error.oauth().unwrap().code, "invalid_token");
    assert_eq!(
        (stage.count(Endpoint::Api), stage.count(Endpoint::Token)),
        (2, 2)
    );
    stage.refuse_access_tokens(false);
    stage.revoke_access_tokens();
    clock.advance(Duration::from_secs(31));
    assert_eq!(
        client.post("x").body("{}").send().await.unwrap().status(),
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_is_refused_makes_one_token_request() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    client.token().await.unwrap();
    stage.revoke_access_tokens();
    let hold = stage.hold(Endpoint::Api);
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        crowd.spawn(async move { client.get("x").send().await.unwrap().status() });
    }
    hold.arrived(50).await;
    hold.release();
    while let Some(status) = crowd.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn a_body_that_can_be_read_once_is_sent_once_and_the_next_bears_a_new_token() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    client.token().await.unwrap();
    stage.revoke_access_tokens();
    let stream = || {
        let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("{}")]);
        reqwest::Body::wrap_stream(chunks)
    };
    let error = client.post("x").body(stream()).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReplayable);
    assert_eq!(stage.count(Endpoint::Api), 1);
    assert_eq!(
        client
            .post("x")
            .body(stream())
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn a_missing_scope_is_told_and_renews_nothing() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let challenge = r#"Basic realm="x", Bearer error="insufficient_scope", scope="items.write""#;
    stage.answer(
        Endpoint::Api,
        Answer::status(403).header("www-authenticate", challenge),
    );
    let error = client.get("x").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::InsufficientScope, Recovery::FixConfig)
    );
    assert_eq!(error.scopes_wanted().unwrap().to_string(), "items.write");
    assert_eq!(
        (stage.count(Endpoint::Api), stage.count(Endpoint::Token)),
        (1, 1)
    );
    stage.answer(Endpoint::Api, Answer::status(403));
    assert_eq!(client.get("x").send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn safe_requests_wait_out_what_passes() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    for status in [429, 502, 503, 504] {
        stage.answer(
            Endpoint::Api,
            Answer::status(status).header("retry-after", "7"),
        );
        assert_eq!(
            client.get("x").send().await.unwrap().status(),
            200,
            "{status}"
        );
        assert_eq!(clock.slept().last(), Some(&Duration::from_secs(7)));
    }
    stage.answer_always(Endpoint::Api, Some(Answer::status(503)));
    let before = stage.count(Endpoint::Api);
    assert_eq!(client.get("x").send().await.unwrap().status(), 503);
    assert_eq!(stage.count(Endpoint::Api) - before, 3);
    stage.answer_always(
        Endpoint::Api,
        Some(Answer::status(429).header("retry-after", "3600")),
    );
    let before = stage.count(Endpoint::Api);
    assert_eq!(client.get("x").send().await.unwrap().status(), 429);
    assert_eq!(
        stage.count(Endpoint::Api) - before,
        1,
        "longer than a caller waits"
    );
}

#[tokio::test]
async fn other_requests_are_repeated_only_where_they_were_not_processed() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    client.token().await.unwrap();
    for (answer, expected) in [
        (Answer::status(429).header("retry-after", "1"), 2),
        (Answer::status(503).header("retry-after", "1"), 2),
        (Answer::status(503), 1),
        (Answer::status(502), 1),
        (Answer::status(504), 1),
    ] {
        let before = stage.count(Endpoint::Api);
        stage.answer(Endpoint::Api, answer);
        client.post("x").body("{}").send().await.unwrap();
        assert_eq!(stage.count(Endpoint::Api) - before, expected);
    }
    let before = stage.count(Endpoint::Api);
    stage.lose_answer(Endpoint::Api);
    let error = client.post("x").body("{}").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::Ambiguous, Recovery::Unknown)
    );
    assert_eq!(stage.count(Endpoint::Api) - before, 1);
    stage.lose_answer(Endpoint::Api);
    assert_eq!(client.get("x").send().await.unwrap().status(), 200);
}

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
async fn a_misdirected_request_is_repeated_once_over_another_connection() {
    for status in [421, 425] {
        let clock = clock();
        let stage = strict(&clock).await;
        let client = client(&env(&clock), &stage);
        client.get("x").send().await.unwrap();
        stage.answer(Endpoint::Api, Answer::status(status));
        assert_eq!(
            client.post("x").body("{}").send().await.unwrap().status(),
            200
        );
        let over: Vec<_> = stage
            .log()
            .iter()
            .filter(|one| one.endpoint() == Endpoint::Api)
            .map(|one| one.request().connection())
            .collect();
        assert_eq!(over.len(), 3);
        assert!(
            over[0] == over[1] && over[1] != over[2],
            "{status}: {over:?}"
        );
        stage.answer_always(Endpoint::Api, Some(Answer::status(status)));
        assert_eq!(client.get("x").send().await.unwrap().status(), status);
        assert_eq!(stage.count(Endpoint::Api), 5);
    }
}

#[tokio::test]
async fn an_api_may_think_for_longer_than_a_token_answer_may_pause() {
    let clock = clock();
    let env = env_with(&clock, |settings| {
        settings.read_timeout = Duration::from_millis(10)
    });
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let every = Duration::from_millis(2);
    let bytes = answer.as_bytes().to_vec();
    let socket = Socket::script(vec![Step::ReadRequest, Step::Drip { bytes, every }])
        .await
        .unwrap();
    let api = ResourceServer::new(&env, "api_url", socket.url()).unwrap();
    let source = FixedToken::new(&env, "token", given("t0ken")).unwrap();
    let client = AuthorizedClient::new(&env, api, source);
    assert_eq!(
        client.get("x").send().await.unwrap().text().await.unwrap(),
        "{}"
    );
    assert_eq!(socket.connections(), 1);
}

#[tokio::test]
async fn the_deadline_of_a_request_cuts_it_and_is_the_one_that_is_told() {
    let clock = clock();
    let env = env_with(&clock, |settings| {
        settings.api_timeout = Duration::from_millis(110)
    });
    let socket = Socket::script(vec![Step::ReadRequest, Step::UntilPeerCloses])
        .await
        .unwrap();
    let api = ResourceServer::new(&env, "api_url", socket.url()).unwrap();
    let source = FixedToken::new(&env, "token", given("t0ken")).unwrap();
    let client = AuthorizedClient::new(&env, api, source);
    for (own, told) in [(None, "110ms"), (Some(Duration::from_millis(70)), "70ms")] {
        let mut request = reqwest::Request::new(Method::POST, socket.url().parse().unwrap());
        *request.timeout_mut() = own;
        let error = client.execute(request).await.unwrap_err();
        assert!(
            error.to_string().contains(&format!("within {told}")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn no_request_goes_without_a_token() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    stage.answer_always(Endpoint::Token, Some(Answer::status(400)));
    for method in [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ] {
        client.request(method, "x").send().await.unwrap_err();
    }
    assert_eq!(stage.count(Endpoint::Api), 0);
}

#[tokio::test]
async fn there_is_one_authorization_in_a_request() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let foreign = HeaderValue::from_static("Bearer foreign");
    let answer = client
        .get("x")
        .header(header::AUTHORIZATION, foreign)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        stage
            .log()
            .last()
            .unwrap()
            .headers()
            .get_all(header::AUTHORIZATION)
            .iter()
            .count(),
        1
    );
}

#[tokio::test]
async fn a_fixed_token_is_read_at_each_use() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, stage.issue_access_token(CLIENT, "read") + "\n").unwrap();
    let source = FixedToken::new(&env, "token", SecretRef::file(&path)).unwrap();
    let client = AuthorizedClient::new(&env, api(&env, &stage), source);
    client.get("x").send().await.unwrap();
    stage.revoke_access_tokens();
    let error = client.get("x").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::Refused, Recovery::FixConfig)
    );
    assert!(
        error.to_string().contains("put a new token at file:"),
        "{error}"
    );
    std::fs::write(&path, stage.issue_access_token(CLIENT, "read")).unwrap();
    client.get("x").send().await.unwrap();
    std::fs::write(&path, "two words").unwrap();
    let error = client.get("x").send().await.unwrap_err();
    assert!(
        error.to_string().contains("without `Bearer ` before it"),
        "{error}"
    );
}

#[tokio::test]
async fn a_bomb_is_capped_after_decoding() {
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
