//! Which documents are refused.

use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::server::{AuthorizationServer, DiscoveryKind};
use oauth_stage::{Answer, Endpoint, Socket, Step};
use serde_json::json;

use crate::support::{Wanted, clock, env, env_with, impatient, strict};
use crate::{OAUTH, document, refused, wanted, with};

#[tokio::test]
async fn r130_an_issuer_that_is_not_the_one_asked_for_drops_the_document() {
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
async fn r140_what_is_no_document_is_refused_and_no_endpoint_is_guessed() {
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
async fn r008_a_redirect_of_the_document_is_not_followed() {
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
async fn r133_an_endpoint_that_cannot_be_used_is_refused() {
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
        (vec![Step::ReadRequest, Step::Reset], "Interrupted", 3),
    ] {
        let socket = Socket::script(script).await.unwrap();
        let wanted = Wanted::discovered(&env(&clock()), socket.url(), DiscoveryKind::OpenId);
        let error = wanted.token().await.unwrap_err();
        assert_eq!(error.kind().name(), kind, "{error}");
        assert_eq!(socket.requests().len(), requests, "{kind}");
    }
}

#[tokio::test]
async fn r132_an_issuer_that_is_no_url_for_it_is_refused_at_once() {
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

#[tokio::test]
async fn a_document_that_does_not_come_is_left_at_the_deadline() {
    let script = vec![Step::ReadRequest, Step::UntilPeerCloses];
    let socket = Socket::script(script).await.unwrap();
    let clock = clock();
    let env = env_with(&clock, impatient);
    let wanted = Wanted::discovered(&env, socket.url(), DiscoveryKind::OpenId);
    let error = wanted.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(clock.slept().len(), 2);
}
