//! Endpoints that are looked up: when, how often, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod support;

use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::join_all;
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
use oauth_core::env::Env;
use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::server::{AuthorizationServer, DiscoveryKind};
use oauth_core::source::TokenSource as _;
use oauth_stage::{
    Answer, AudiencePolicy, Authentication, Endpoint, RegisteredClient, Socket, Step, Strict,
};
use serde_json::{Value, json};

use crate::support::{
    CLIENT, SCOPES, SECRET, Wanted, clock, env, env_with, given, impatient, strict, strict_builder,
};

const OAUTH: Endpoint = Endpoint::AuthorizationServerMetadata;

/// A token of that server, whose endpoint is looked up as RFC 8414 says.
fn wanted(env: &Env, stage: &Strict) -> Wanted {
    Wanted::discovered(env, &stage.issuer(), DiscoveryKind::OAuth)
}

/// A document that is right.
fn document(stage: &Strict) -> Value {
    json!({"issuer": stage.issuer(), "token_endpoint": stage.token_url()})
}

/// As [`document`], with another value of one member.
fn with(stage: &Strict, member: &str, value: Value) -> Answer {
    let mut document = document(stage);
    document[member] = value;
    Answer::json(200, &document)
}

/// The error of a token whose discovery is answered so; nothing but the document was asked for.
async fn refused(stage: &Strict, env: &Env, answer: Answer) -> Error {
    stage.answer_always(OAUTH, Some(answer));
    let error = wanted(env, stage).token().await.unwrap_err();
    assert_eq!(stage.count(Endpoint::Any), stage.count(OAUTH), "{error}");
    assert!(
        stage
            .log()
            .iter()
            .all(|one| one.headers().get("authorization").is_none())
    );
    let text = error.to_string();
    let url = format!("{}/.well-known/oauth-authorization-server", stage.url());
    assert!(text.starts_with(&format!("discovery at {url}: ")), "{text}");
    assert!(!text.contains('\n') && !text.contains("canary"), "{text}");
    error
}

// Where, when and how often

#[tokio::test]
async fn each_kind_of_document_leads_to_the_token_endpoint() {
    let clock = clock();
    for path in ["", "/tenant", "/a/b"] {
        let stage = strict_builder(&clock)
            .issuer_path(path)
            .start()
            .await
            .unwrap();
        for (kind, base, place) in [
            (DiscoveryKind::OAuth, stage.issuer(), OAUTH),
            (
                DiscoveryKind::OpenId,
                stage.issuer(),
                Endpoint::OpenIdConfiguration,
            ),
            (
                DiscoveryKind::Smart,
                stage.api_url(),
                Endpoint::SmartConfiguration,
            ),
            (
                DiscoveryKind::Smart,
                stage.api_url().trim_end_matches('/').to_owned(),
                Endpoint::SmartConfiguration,
            ),
        ] {
            let (before, tokens) = (stage.count(place), stage.tokens_issued());
            Wanted::discovered(&env(&clock), &base, kind)
                .token()
                .await
                .unwrap();
            assert_eq!(stage.count(place), before + 1, "{kind:?} {base}");
            assert_eq!(stage.tokens_issued(), tokens + 1, "{kind:?} {base}");
        }
        assert_eq!(
            (stage.count(Endpoint::Other), stage.count(Endpoint::Any)),
            (0, 8)
        );
        assert!(stage.violations().is_empty(), "{:?}", stage.violations());
        let log = stage.log();
        let mut documents = log.iter().filter(|one| one.method() == "GET");
        assert!(documents.all(|one| one.header("accept") == Some("application/json")));
    }
}

#[tokio::test]
async fn a_document_is_read_at_the_first_token_once_for_all_and_again_when_it_is_old() {
    let clock = clock();
    let stage = strict(&clock).await;
    let answer = Answer::json(200, &document(&stage)).header("cache-control", "max-age=1000");
    stage.answer_always(OAUTH, Some(answer));
    let env = env(&clock);
    let scopes = ["read", "write", "search", "read write"];
    let tokens = scopes.map(|scopes| wanted(&env, &stage).scopes(scopes).build());
    assert_eq!(stage.connections(), 0);

    for outcome in join_all(tokens.iter().map(|token| token.token())).await {
        outcome.unwrap();
    }
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (1, 4));
    clock.advance(Duration::from_secs(999));
    tokens[0].token().await.unwrap();
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (1, 5));
    clock.advance(Duration::from_secs(1000));
    tokens[0].token().await.unwrap();
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (2, 6));
}

#[tokio::test]
async fn the_issuer_of_the_document_is_the_audience_that_was_declared() {
    let clock = clock();
    let stage = strict_builder(&clock)
        .audience(AudiencePolicy::Issuer)
        .start()
        .await
        .unwrap();
    let known = Authentication::secret_jwt(SECRET);
    stage
        .register(RegisteredClient::new(CLIENT, known))
        .unwrap();
    let env = env(&clock);
    let client = |audience| {
        ClientAuth::secret_jwt(&env, CLIENT, given(SECRET), HmacAlgorithm::HS256, audience).unwrap()
    };
    wanted(&env, &stage)
        .client(client(Audience::Issuer))
        .token()
        .await
        .unwrap();
    let claims = stage.log().last().unwrap().claims().unwrap();
    assert_eq!(claims["aud"], stage.issuer());
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
}

// What is refused

#[tokio::test]
async fn an_issuer_that_is_not_the_one_asked_for_drops_the_document() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let slash = format!("{}/", stage.issuer());
    let upper = stage.issuer().to_uppercase();
    let mut none = document(&stage);
    none.as_object_mut().unwrap().remove("issuer");
    for answer in [
        with(&stage, "issuer", json!("https://another.example")),
        with(&stage, "issuer", json!(slash)),
        with(&stage, "issuer", json!(upper)),
        with(&stage, "issuer", json!(7)),
        with(&stage, "issuer", json!(null)),
        Answer::json(200, &none),
    ] {
        let error = refused(&stage, &env, answer).await;
        assert_eq!(error.kind().name(), "Discovery.Issuer", "{error}");
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert!(
            error
                .to_string()
                .contains("write `issuer` letter by letter"),
            "{error}"
        );
    }
    // nothing of them was kept
    stage.answer_always(OAUTH, None);
    wanted(&env, &stage).token().await.unwrap();
}

#[tokio::test]
async fn what_is_no_document_is_refused_and_no_endpoint_is_guessed() {
    let clock = clock();
    for (answer, kind) in [
        (Answer::status(404), "Discovery.Missing"),
        (
            Answer::text(404, "text/html", "canary"),
            "Discovery.Missing",
        ),
        (Answer::status(400), "Discovery.Missing"),
        (Answer::status(401), "Discovery.Missing"),
        (Answer::status(403), "Discovery.Missing"),
        (Answer::status(204), "Discovery.Missing"),
        (
            Answer::text(200, "text/html", "<html>canary"),
            "Protocol.NotJson",
        ),
        (Answer::status(200), "Protocol.NotJson"),
        (Answer::json(200, &json!(["canary"])), "Protocol.NotObject"),
        (Answer::json(200, &json!("canary")), "Protocol.NotObject"),
        (Answer::json(200, &json!(null)), "Protocol.NotObject"),
        (
            Answer::json(200, &json!({"x": "y".repeat(600_000)})),
            "Protocol.TooLarge",
        ),
        (
            Answer::json(200, &json!({"x": "y".repeat(2_000_000)})),
            "Protocol.TooLarge",
        ),
    ] {
        let stage = strict(&clock).await;
        let error = refused(&stage, &env(&clock), answer).await;
        assert_eq!(error.kind().name(), kind, "{error}");
        assert_eq!(error.recovery(), Recovery::FixConfig, "{error}");
        assert!(error.to_string().contains("`token_url`"), "{error}");
        assert_eq!(stage.count(Endpoint::Any), 1);
    }
}

#[tokio::test]
async fn a_redirect_of_the_document_is_not_followed() {
    let elsewhere = Socket::script(vec![Step::UntilPeerCloses]).await.unwrap();
    let clock = clock();
    for status in [301, 302, 303, 307, 308] {
        let stage = strict(&clock).await;
        let target = format!("{}/canary", elsewhere.url());
        let answer = Answer::status(status).header("location", &target);
        let error = refused(&stage, &env(&clock), answer).await;
        assert_eq!(error.kind().name(), "Protocol.RedirectRefused", "{error}");
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert_eq!(stage.count(Endpoint::Any), 1);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_used_is_refused() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    for (endpoint, kind) in [
        (json!(null), "Discovery.Missing"),
        (json!(7), "Discovery.Missing"),
        (json!(""), "Discovery.Missing"),
        (json!("/token"), "Discovery.Missing"),
        (json!(["https://a.example/token"]), "Discovery.Missing"),
        (json!("http://a.example/token"), "Discovery.Url"),
        (
            json!("https://user:canary@a.example/token"),
            "Discovery.Url",
        ),
        (json!("https://a.example/token#canary"), "Discovery.Url"),
        (json!("javascript:canary"), "Discovery.Url"),
        (json!("file:///canary"), "Discovery.Url"),
        (
            json!(format!("https://a.example/{}", "canary".repeat(10_000))),
            "Discovery.Url",
        ),
    ] {
        let error = refused(&stage, &env, with(&stage, "token_endpoint", endpoint)).await;
        assert_eq!(error.kind().name(), kind, "{error}");
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert!(error.to_string().contains("`token_url`"), "{error}");
    }
}

#[tokio::test]
async fn a_list_that_is_none_is_refused() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    for list in [
        json!("RS256"),
        json!([1]),
        json!({"RS256": true}),
        json!([["RS256"]]),
    ] {
        let member = "token_endpoint_auth_signing_alg_values_supported";
        let error = refused(&stage, &env, with(&stage, member, list)).await;
        assert_eq!(error.kind().name(), "Protocol.BadType", "{error}");
        assert_eq!(error.recovery(), Recovery::FixConfig);
        let text = error.to_string();
        assert!(
            text.contains(member) && text.contains("`token_url`"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_document_without_end_is_cut() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let endless = Step::Endless {
        chunk: vec![b' '; 0x4000],
    };
    for (script, kind, requests) in [
        (
            vec![
                Step::ReadRequest,
                Step::text(format!("{head}\r\n")),
                endless,
            ],
            "Protocol.TooLarge",
            1,
        ),
        (
            vec![
                Step::ReadRequest,
                Step::text(format!("{head}content-length: 104857600\r\n\r\n")),
                Step::UntilPeerCloses,
            ],
            "Protocol.TooLarge",
            1,
        ),
        (vec![Step::ReadRequest, Step::UntilPeerCloses], "Timeout", 3),
        (vec![Step::ReadRequest, Step::Reset], "Interrupted", 3),
    ] {
        let socket = Socket::script(script).await.unwrap();
        let env = env_with(&clock(), impatient);
        let wanted = Wanted::discovered(&env, socket.url(), DiscoveryKind::OpenId);
        let error = wanted.token().await.unwrap_err();
        assert_eq!(error.kind().name(), kind, "{error}");
        assert_eq!(socket.requests().len(), requests, "{kind}");
    }
}

#[tokio::test]
async fn an_issuer_that_is_no_url_for_it_is_refused_at_once() {
    let env = env(&clock());
    for (base, says) in [
        ("http://a.example", "https"),
        ("https://a.example/?tenant=1", "query"),
        ("https://a.example/#x", "fragment"),
        ("https://user:canary@a.example", "user name"),
        ("a.example", "https://host/path"),
        ("", "https://host/path"),
    ] {
        let error = AuthorizationServer::discovered(&env, "issuer", base, DiscoveryKind::OAuth)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = error.to_string();
        assert!(
            text.starts_with("issuer: ") && text.contains(says),
            "{text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }
}

// Another host

#[tokio::test]
async fn another_host_on_an_address_of_our_own_network_is_refused_unconnected() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let trap = TcpListener::bind("127.0.0.2:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let port = trap.local_addr().unwrap().port();
    for endpoint in [
        format!("http://127.0.0.2:{port}/token"),
        format!("https://127.0.0.2:{port}/token"),
        format!("https://0x7f.2:{port}/token"),
        format!("https://[::ffff:127.0.0.2]:{port}/token"),
        format!("https://localhost:{port}/token"),
        "https://[::1]/token".into(),
        "https://0.0.0.0/token".into(),
        "https://10.0.0.1/token".into(),
        "https://169.254.169.254/latest/meta-data".into(),
        "https://[fe80::1]/token".into(),
        "https://[fd00::1]/token".into(),
        "https://[64:ff9b::a9fe:a9fe]/token".into(),
    ] {
        stage.answer_always(OAUTH, Some(with(&stage, "token_endpoint", json!(endpoint))));
        let error = wanted(&env, &stage).token().await.unwrap_err();
        assert_eq!(
            error.kind().name(),
            "Discovery.Address",
            "{endpoint}: {error}"
        );
        assert_eq!(error.recovery(), Recovery::FixConfig);
        let text = error.to_string();
        assert!(
            text.contains("private_endpoints") && text.contains("`token_url`"),
            "{text}"
        );
        clock.advance(Duration::from_secs(4000));
    }
    assert_eq!(stage.count(Endpoint::Token), 0);
    assert_eq!(
        trap.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
}

#[tokio::test]
async fn another_host_on_our_own_network_is_taken_where_that_is_allowed() {
    let clock = clock();
    let stage = strict_builder(&clock).tls().start().await.unwrap();
    let elsewhere = stage.token_url().replace("127.0.0.1", "localhost");
    stage.answer_always(
        OAUTH,
        Some(with(&stage, "token_endpoint", json!(elsewhere))),
    );
    let env = env_with(&clock, |settings| {
        settings.ca_roots = vec![stage.ca_pem().unwrap().to_owned()];
        settings.private_endpoints = true;
    });
    wanted(&env, &stage).token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 1);
}

// Algorithms

#[tokio::test]
async fn an_algorithm_that_the_server_does_not_take_is_not_sent() {
    let clock = clock();
    let stage = strict(&clock).await;
    let known = Authentication::secret_jwt(SECRET);
    stage
        .register(RegisteredClient::new(CLIENT, known).scopes(SCOPES))
        .unwrap();
    let env = env(&clock);
    let (hash, audience) = (HmacAlgorithm::HS256, Audience::TokenEndpoint);
    let client = ClientAuth::secret_jwt(&env, CLIENT, given(SECRET), hash, audience).unwrap();
    let member = "token_endpoint_auth_signing_alg_values_supported";
    for list in [json!(["RS384", "ES384"]), json!(["none"]), json!([])] {
        stage.answer_always(OAUTH, Some(with(&stage, member, list)));
        let wanted = wanted(&env, &stage).client(client.clone());
        let error = wanted.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains("HS256"), "{error}");
        clock.advance(Duration::from_secs(4000));
    }
    assert_eq!(stage.count(Endpoint::Token), 0);
    for list in [json!(["RS384", "HS256"]), json!(null)] {
        stage.answer_always(OAUTH, Some(with(&stage, member, list)));
        wanted(&env, &stage)
            .client(client.clone())
            .token()
            .await
            .unwrap();
        clock.advance(Duration::from_secs(4000));
    }
    assert_eq!(stage.count(Endpoint::Token), 2);
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
}

// Failures that pass

#[tokio::test]
async fn a_failure_that_passes_is_passed_over() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.answer(OAUTH, Answer::status(503).header("retry-after", "3"));
    stage.answer(OAUTH, Answer::text(500, "text/html", "<html>"));
    wanted(&env(&clock), &stage).token().await.unwrap();
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (3, 1));
    assert_eq!(clock.slept()[0], Duration::from_secs(3));
}

#[tokio::test]
async fn a_failure_that_lasts_is_no_token_request() {
    for (status, headers, requests, after) in [
        (503, None, 3, None),
        (500, None, 3, None),
        (429, Some("120"), 1, Some(Duration::from_secs(120))),
    ] {
        let clock = clock();
        let stage = strict(&clock).await;
        let mut answer = Answer::status(status);
        if let Some(value) = headers {
            answer = answer.header("retry-after", value);
        }
        let error = refused(&stage, &env(&clock), answer).await;
        assert_eq!(error.recovery(), Recovery::Retry { after }, "{error}");
        assert_eq!(error.status(), Some(status));
        assert_eq!(stage.count(Endpoint::Any), requests, "{status}");
    }
}

#[tokio::test]
async fn the_former_document_is_used_while_a_new_one_cannot_be_had_for_now() {
    let clock = clock();
    let stage = strict(&clock).await;
    let token = wanted(&env(&clock), &stage).build();
    token.token().await.unwrap();
    stage.answer_always(OAUTH, Some(Answer::status(503)));
    clock.advance(Duration::from_secs(4000));
    token.token().await.unwrap();
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (4, 2));

    // that the server has no document any more does not pass
    stage.answer_always(OAUTH, Some(Answer::status(404)));
    clock.advance(Duration::from_secs(4000));
    let error = token.token().await.unwrap_err();
    assert_eq!(error.kind().name(), "Discovery.Missing");
    assert_eq!((stage.count(OAUTH), stage.count(Endpoint::Token)), (5, 2));
}
