//! Where an API takes the token, and how it refuses one.

use std::sync::{Arc, Mutex};

use oauth_core::client::read_json;
use oauth_core::error::ErrorKind;
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Endpoint};
use serde_json::{Value, json};

use crate::{Vendor, granted};

/// Two tokens, one after the other.
fn two(vendor: &Vendor) {
    vendor.answers(granted());
    vendor.answers_json(
        json!({"access_token": "token-2", "token_type": "Bearer", "expires_in": 3600}),
    );
}

#[tokio::test]
async fn q053_expiry_as_403_or_as_a_code_in_the_body() {
    for (config, answer) in [
        // as Amazon SP-API
        (
            r#"api.refusal = { statuses = [403], pointer = "/errors/0/code", words = ["Unauthorized"] }"#,
            Answer::json(403, &json!({"errors": [{"code": "Unauthorized"}]})),
        ),
        // as Feishu
        (
            r#"api.refusal = { pointer = "/code", words = [99991663] }"#,
            Answer::json(200, &json!({"code": 99_991_663, "msg": "token expired"})),
        ),
        (
            "api.refusal.statuses = [403]",
            Answer::text(403, "text/plain", "no"),
        ),
    ] {
        let vendor = Vendor::new().await;
        two(&vendor);
        let client = vendor.api(config, vendor.source(""));
        vendor.stage.answer(Endpoint::Api, answer);
        vendor
            .stage
            .answer(Endpoint::Api, Answer::json(200, &json!({"fine": true})));
        let body: Value = read_json(client.get("x").send().await.unwrap(), 4096)
            .await
            .unwrap();
        assert_eq!(body["fine"], true);
        let last = vendor.stage.log().pop().unwrap();
        assert_eq!(last.header("authorization"), Some("Bearer token-2"));
        assert_eq!(
            (vendor.count(), vendor.stage.count(Endpoint::Api)),
            (2, 2),
            "{config}"
        );
    }
}

#[tokio::test]
async fn q053_another_403_is_an_answer() {
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let source = vendor.source("");
    let config = r#"api.refusal = { statuses = [403], pointer = "/code", words = ["expired"] }"#;
    let client = vendor.api(config, source.clone());
    for (status, code) in [(403, "forbidden"), (400, "expired")] {
        vendor
            .stage
            .answer(Endpoint::Api, Answer::json(status, &json!({"code": code})));
        assert_eq!(client.get("x").send().await.unwrap().status(), status);
    }
    // a scope that is missing is no refusal of the token (RFC 6750 3.1)
    let client = vendor.api("api.refusal.statuses = [403]", source);
    let challenge = r#"Bearer error="insufficient_scope", scope="write""#;
    let answer = Answer::status(403).header("www-authenticate", challenge);
    vendor.stage.answer(Endpoint::Api, answer);
    let error = client.get("x").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InsufficientScope);
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn q054_a_401_that_no_new_token_mends() {
    let vendor = Vendor::new().await;
    two(&vendor);
    let client = vendor.api("", vendor.source(""));
    vendor.stage.refuse_access_tokens(true);
    for _ in 0..5 {
        let error = client.get("x").send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
    // each call is sent, once it is known that a new token is refused too, without asking for another
    assert_eq!((vendor.count(), vendor.stage.count(Endpoint::Api)), (2, 6));
}

#[tokio::test]
async fn q073_a_header_a_scheme_or_a_parameter_of_its_own() {
    for (config, header, value) in [
        ("", "authorization", "Bearer token-1"),
        (
            r#"api.placement.header = "X-Shop-Access-Token""#,
            "x-shop-access-token",
            "token-1",
        ),
        (
            r#"api.placement.header = "x-amz-access-token""#,
            "x-amz-access-token",
            "token-1",
        ),
        (
            r#"api.placement.header = "BhRestToken""#,
            "bhresttoken",
            "token-1",
        ),
        (
            r#"api.placement.scheme = "token""#,
            "authorization",
            "token token-1",
        ),
        (
            r#"api.placement.scheme = "OAuth""#,
            "authorization",
            "OAuth token-1",
        ),
        (
            r#"api.placement.scheme = "Zoho-oauthtoken""#,
            "authorization",
            "Zoho-oauthtoken token-1",
        ),
        (
            r#"api.placement.header = "Authorization""#,
            "authorization",
            "token-1",
        ),
    ] {
        let vendor = Vendor::new().await;
        vendor.answers(granted());
        let client = vendor.api(config, vendor.source(""));
        vendor.stage.answer(Endpoint::Api, Answer::status(204));
        client.get("x").send().await.unwrap();
        let sent = vendor.stage.log().pop().unwrap();
        let values: Vec<_> = sent.headers().get_all(header).iter().collect();
        assert_eq!(values, [value], "{config}");
        assert_eq!(
            sent.headers().contains_key("authorization"),
            header == "authorization"
        );
    }
}

#[tokio::test]
async fn q073_a_token_in_the_query_is_shown_nowhere() {
    let vendor = Vendor::new().await;
    let config = r#"api.placement.query = "access_token""#;
    two(&vendor);
    let source = vendor.source("");
    let client = vendor.api(config, source.clone());
    vendor
        .stage
        .answer(Endpoint::Api, Answer::json(200, &json!({})));
    let answer = client
        .get("items?access_token=foreign")
        .query(&[("page", "2")])
        .send()
        .await
        .unwrap();
    let sent = vendor.stage.log().pop().unwrap();
    assert_eq!(sent.query(), Some("page=2&access_token=token-1"));
    assert_eq!(sent.header("authorization"), None);
    assert_eq!(answer.url().query(), Some("page=2"));
    assert!(!format!("{answer:?}").contains("token-1"));
    // a refused one is replaced in its place
    vendor.stage.answer(Endpoint::Api, Answer::status(401));
    vendor
        .stage
        .answer(Endpoint::Api, Answer::json(200, &json!({})));
    client.get("items?page=3").send().await.unwrap();
    let sent = vendor.stage.log().pop().unwrap();
    assert_eq!(sent.query(), Some("page=3&access_token=token-2"));
    // and no failure shows one
    for answer in [
        Answer::status(401),
        Answer::status(302).header("location", "/elsewhere"),
        Answer::text(200, "application/json", "<html>"),
    ] {
        vendor.stage.answer(Endpoint::Api, answer);
        let error = match client.get("items?page=4").send().await {
            Ok(answer) => read_json::<Value>(answer, 4096).await.unwrap_err(),
            Err(error) => error,
        };
        for shown in [
            error.to_string(),
            format!("{error:?}"),
            format!("{error:#?}"),
        ] {
            assert!(!shown.contains("token-"), "{shown}");
        }
    }
    vendor.stage.shutdown().await;
    let error = client.get("items").send().await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("token-"), "{error}");
    source.token().await.unwrap();
}

#[tokio::test]
async fn q073_a_token_in_the_query_is_warned_of_once() {
    let vendor = Vendor::new().await;
    let tape = Arc::<Mutex<Vec<u8>>>::default();
    let writer = tape.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || Tape(writer.clone()))
        .finish();
    let source = vendor.source("");
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..3 {
            vendor.api(r#"api.placement.query = "access_token""#, source.clone());
        }
    });
    let told = String::from_utf8(tape.lock().unwrap().clone()).unwrap();
    assert_eq!(told.matches("URLs end in the logs").count(), 1, "{told}");
}

struct Tape(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
