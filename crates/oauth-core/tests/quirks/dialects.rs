//! What data cannot say: a dialect, as an adapter would write it.

use aws_lc_rs::hmac;
use http::HeaderValue;
use oauth_core::error::{Error, ErrorKind};
use oauth_core::secret::Secret;
use oauth_core::server::{Dialect, TokenAnswer, TokenRequest};
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Endpoint};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::vendor::SECRET;
use crate::{Vendor, granted, pairs};

/// Only what the tests need of XML.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.to_owned())
}

/// As Sage Intacct wants it, and as Concur answers.
#[derive(Debug)]
struct Xml;

impl Dialect for Xml {
    fn write(&self, request: &mut TokenRequest) -> Result<(), Error> {
        let value = |name| request.parameter(name).map_or("", Secret::expose);
        let body = format!(
            "<request><id>{}</id><password>{}</password></request>",
            value("client_id"),
            value("client_secret")
        );
        let kind = HeaderValue::from_static("application/xml");
        request.raw_body = Some((kind, Secret::new(body)));
        Ok(())
    }

    fn read(&self, answer: &TokenAnswer<'_>) -> Option<Value> {
        let xml = std::str::from_utf8(answer.body).ok()?;
        Some(json!({
            "access_token": element(xml, "Token"),
            "token_type": "Bearer",
            "expires_in": element(xml, "Lifetime"),
            "error": element(xml, "Error"),
        }))
    }
}

const POST: &str = r#"token_endpoint_auth_method = "client_secret_post""#;

#[tokio::test]
async fn q005_an_xml_body() {
    let vendor = Vendor::speaking(Xml).await;
    vendor.answers(Answer::text(200, "text/xml", "<Token>token-1</Token>"));
    vendor.token(POST).await;
    let sent = vendor.sent();
    assert_eq!(sent.header("content-type"), Some("application/xml"));
    let expected = format!("<request><id>client</id><password>{SECRET}</password></request>");
    assert_eq!(sent.request().body(), expected.as_bytes());
}

#[tokio::test]
async fn q044_an_xml_token() {
    let vendor = Vendor::speaking(Xml).await;
    let body = "<Access><Token>token-1</Token><Lifetime>60</Lifetime></Access>";
    vendor.answers(Answer::text(200, "application/xml", body));
    let token = vendor.token(POST).await;
    assert_eq!(token.access_token().expose(), "token-1");
    assert_eq!(vendor.left(&token), Some(60));
    vendor.answers(Answer::text(
        401,
        "application/xml",
        "<Error>invalid_client</Error>",
    ));
    let error = vendor.refused(POST).await;
    assert_eq!(error.oauth().unwrap().code, "invalid_client");
    vendor.answers(Answer::text(200, "application/xml", "<Access/>"));
    let error = vendor.refused(POST).await;
    assert_eq!(error.kind().name(), "Protocol.MissingField");
}

/// As Agiloft and Smartsheet want it: a hash in the stead of the secret.
#[derive(Debug)]
struct Hashed;

impl Dialect for Hashed {
    fn write(&self, request: &mut TokenRequest) -> Result<(), Error> {
        for (name, value) in &mut request.body {
            if name == "client_secret" {
                let hash = Sha256::digest(format!("{}|code", value.expose()));
                let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                *value = Secret::new(hex);
                *name = "hash".into();
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn q013_a_hash_in_the_stead_of_the_secret() {
    let vendor = Vendor::speaking(Hashed).await;
    vendor.answers(granted());
    vendor.token(POST).await;
    let sent = vendor.sent();
    let hash = sent.parameter("hash").unwrap();
    assert_eq!((hash.len(), sent.parameter("client_secret")), (64, None));
    // what the dialect made is struck out of an echo
    let echo = json!({"error": "invalid_client", "error_description": format!("bad {hash}")});
    vendor.answers(Answer::json(401, &echo));
    let error = vendor.refused(POST).await.to_string();
    assert!(!error.contains(&hash), "{error}");
}

/// As Shopline wants it: a timestamp, and a keyed hash over all parameters.
#[derive(Debug)]
struct Signed;

impl Dialect for Signed {
    fn write(&self, request: &mut TokenRequest) -> Result<(), Error> {
        let (_, secret) = request
            .body
            .iter()
            .find(|(name, _)| name == "client_secret")
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Config, "no secret"))?;
        request.body.retain(|(name, _)| name != "client_secret");
        let timestamp = Secret::new(request.at.timestamp_millis().to_string());
        request.body.push(("timestamp".into(), timestamp));
        let mut signed = String::new();
        for (name, value) in &request.body {
            signed.push_str(&format!("{name}={};", value.expose()));
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let sign: String = hmac::sign(&key, signed.as_bytes())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let sign =
            HeaderValue::try_from(sign).map_err(|_| Error::new(ErrorKind::Config, "no header"))?;
        request.headers.insert("sign", sign);
        Ok(())
    }
}

#[tokio::test]
async fn q014_a_signed_token_call() {
    let vendor = Vendor::speaking(Signed).await;
    let config = r#"
        token_endpoint_auth_method = "client_secret_post"
        departures.request = { renamed = { client_id = "appkey" }, omitted = ["grant_type"] }
    "#;
    vendor.answers(granted());
    vendor.token(config).await;
    let sent = vendor.sent();
    assert_eq!(
        sent.form(),
        pairs([("appkey", "client"), ("timestamp", "1767225600000")])
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let hash = hmac::sign(&key, b"appkey=client;timestamp=1767225600000;");
    let expected: String = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(sent.header("sign"), Some(expected.as_str()));
}

/// As SAP Business One answers: the session is a cookie.
#[derive(Debug)]
struct Session;

impl Dialect for Session {
    fn read(&self, answer: &TokenAnswer<'_>) -> Option<Value> {
        let cookie = answer.headers.get("set-cookie")?.to_str().ok()?;
        let session = cookie.strip_prefix("B1SESSION=")?.split(';').next()?;
        Some(json!({"access_token": session, "token_type": "Bearer", "expires_in": 1800}))
    }
}

#[tokio::test]
async fn q043_a_cookie_that_is_the_token() {
    let vendor = Vendor::speaking(Session).await;
    let config = r#"api.placement = { header = "Cookie", prefix = "B1SESSION=" }"#;
    let cookie = "B1SESSION=session-1; HttpOnly";
    vendor.answers(Answer::json(200, &json!({})).header("set-cookie", cookie));
    let source = vendor.source(config);
    let client = vendor.api(config, source.clone());
    vendor.stage.answer(Endpoint::Api, Answer::status(204));
    client.get("items").send().await.unwrap();
    let sent = vendor.stage.log().pop().unwrap();
    assert_eq!(sent.header("cookie"), Some("B1SESSION=session-1"));
    assert_eq!(sent.header("authorization"), None);
    // a refusal is judged as it came
    vendor.clock.advance(std::time::Duration::from_secs(1800));
    vendor.answers(Answer::json(401, &json!({"error": "invalid_client"})));
    assert_eq!(
        source.token().await.unwrap_err().oauth().unwrap().code,
        "invalid_client"
    );
}
