//! What is sent again, and how long an answer is awaited.

use std::time::Duration;

use crate::support::{clock, env, env_with, given, strict};
use http::Method;
use oauth_core::client::AuthorizedClient;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::server::ResourceServer;
use oauth_core::source::FixedToken;
use oauth_stage::{Answer, Endpoint, Socket, Step};

use crate::client;

#[tokio::test]
async fn what_is_sent_again_is_the_same_request() {
    let clock = clock();
    for passing in [false, true] {
        let stage = strict(&clock).await;
        let client = client(&env(&clock), &stage);
        client.get("x").send().await.unwrap();
        stage.revoke_access_tokens();
        if passing {
            stage.answer(Endpoint::Api, Answer::status(502));
        }
        let name = http::HeaderName::from_static("x-test");
        let request = client.get("x?a=b").header(name, "1".parse().unwrap());
        assert_eq!(request.send().await.unwrap().status(), 200);
        let log = stage.log();
        let sent = log.iter().filter(|one| one.endpoint() == Endpoint::Api);
        let sent: Vec<_> = sent.skip(1).collect();
        assert_eq!(sent.len(), if passing { 3 } else { 2 });
        for one in sent {
            assert_eq!(one.header("x-test"), Some("1"));
            assert_eq!(one.query(), Some("a=b"));
        }
    }
}

#[tokio::test]
async fn a_request_sent_again_keeps_its_own_deadline() {
    let clock = clock();
    let env = env(&clock);
    let steps = vec![Step::ReadRequest, Step::UntilPeerCloses];
    let socket = Socket::script(steps).await.unwrap();
    let api = ResourceServer::new(&env, "api_url", socket.url()).unwrap();
    let source = FixedToken::new(&env, "token", given("t0ken")).unwrap();
    let client = AuthorizedClient::new(&env, api, source);
    let mut request = reqwest::Request::new(Method::GET, socket.url().parse().unwrap());
    *request.timeout_mut() = Some(Duration::from_millis(70));
    let error = client.execute(request).await.unwrap_err();
    assert_eq!(
        (error.kind(), socket.connections()),
        (ErrorKind::Timeout, 3)
    );
    assert!(error.to_string().contains("70ms"), "{error}");
}

/// A server of one connection at a time, whose first answer is larger than what buffers hold.
#[tokio::test]
async fn a_failed_answer_is_let_go_before_the_next_attempt() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for method in [Method::GET, Method::POST] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut answers = vec![
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
                [
                    b"HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 67108864\r\n\r\n"
                        .to_vec(),
                    vec![b'x'; 67_108_864],
                ]
                .concat(),
            ];
            while let Some(answer) = answers.pop() {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 8192]).await;
                let _ = stream.write_all(&answer).await;
            }
        });
        let clock = clock();
        let env = env_with(&clock, |settings| {
            settings.api_timeout = Duration::from_secs(10)
        });
        let api = ResourceServer::new(&env, "api_url", &url).unwrap();
        let source = FixedToken::new(&env, "token", given("t0ken")).unwrap();
        let client = AuthorizedClient::new(&env, api, source);
        let answer = client.request(method, "x").body("b").send().await;
        assert_eq!(answer.unwrap().status(), 200);
    }
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
async fn repeats_end_where_the_budget_of_their_server_does() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(Duration::from_secs(24 * 3600));
    let env = env(&clock);
    let client = client(&env, &stage);
    client.token().await.unwrap();
    stage.answer_always(Endpoint::Api, Some(Answer::status(502)));
    for _ in 0..100 {
        assert_eq!(client.get("x").send().await.unwrap().status(), 502);
    }
    // 500 in all, of which a repeat costs 5: a hundred of them
    assert_eq!(stage.count(Endpoint::Api), 200);
    stage.answer_always(Endpoint::Api, None);
    for _ in 0..5 {
        assert_eq!(client.get("x").send().await.unwrap().status(), 200);
    }
    stage.answer(Endpoint::Api, Answer::status(502));
    assert_eq!(client.get("x").send().await.unwrap().status(), 200);
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
async fn a_post_that_is_declared_to_change_nothing_is_repeated_as_a_get_is() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    for lose in [true, false] {
        match lose {
            true => stage.lose_answer(Endpoint::Api),
            false => stage.answer(Endpoint::Api, Answer::status(502)),
        }
        let before = stage.count(Endpoint::Api);
        let answer = client.post("x").body("{}").repeatable().send().await;
        assert_eq!(answer.unwrap().status(), 200);
        assert_eq!(stage.count(Endpoint::Api) - before, 2);
    }
    for _ in 0..3 {
        stage.lose_answer(Endpoint::Api);
    }
    let error = client.post("x").repeatable().send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(error.recovery(), Recovery::Retry { after: None });
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
async fn r187_the_deadline_of_a_request_cuts_it_and_is_the_one_that_is_told() {
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
