//! What one attempt sends.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::DateTime;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use p256::ecdsa::signature::Verifier as _;
use url::Url;

use super::*;
use crate::client_auth::apply::Attempt;
use crate::error::Recovery;
use crate::parameters::Parameters;
use crate::secret::Secret;
use crate::server::{BasicEncoding, Departures};
use crate::signing_key::SignerError;

const TOKEN_URL: &str = "https://auth.example/token";

/// What a client sends at the second 100: its parameters, its `Authorization`, and how it shows itself.
struct Sent {
    parameters: Vec<(String, String)>,
    authorization: Option<String>,
    shown: String,
}

impl Sent {
    fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.parameters.iter();
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Header, claims, what is signed, and the signature.
    fn assertion(&self) -> (Value, Value, &str, Vec<u8>) {
        let assertion = self.parameter("client_assertion").unwrap();
        let (input, signature) = assertion.rsplit_once('.').unwrap();
        let (header, claims) = input.split_once('.').unwrap();
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let json = |part: &str| serde_json::from_slice(&decoded(part)).unwrap();
        (json(header), json(claims), input, decoded(signature))
    }
}

async fn sent(client: &ClientAuth, departures: &Departures) -> Result<Sent, Error> {
    let env = env();
    let token_url = Url::parse(TOKEN_URL).unwrap();
    let attempt = Attempt {
        now: DateTime::from_timestamp(100, 0).unwrap(),
        token_url: &token_url,
        issuer: Some("https://auth.example"),
        departures,
        secrets: env.secrets(),
        patience: Duration::from_secs(5),
    };
    let mut parameters = Parameters::new(departures);
    let mut headers = HeaderMap::new();
    let applied = client
        .apply(&attempt, &mut parameters, &mut headers)
        .await?;
    let authorization = headers.get(http::header::AUTHORIZATION);
    Ok(Sent {
        parameters: parameters
            .pairs()
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect(),
        authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
        shown: applied.to_string(),
    })
}

#[tokio::test]
async fn a_keyed_hash_proves_who_the_client_is_for_a_minute() {
    let client = client(secret_jwt(Audience::TokenEndpoint));
    let sent = sent(&client, &Departures::default()).await.unwrap();
    let kind = sent.parameter("client_assertion_type");
    assert_eq!(
        kind,
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    let (header, claims, input, signature) = sent.assertion();
    assert_eq!(header, json!({"typ": "JWT", "alg": "HS384"}));
    for (name, value) in [
        ("iss", json!("id")),
        ("sub", json!("id")),
        ("aud", json!(TOKEN_URL)),
        ("iat", json!(100)),
        ("exp", json!(160)),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA384, b"s3cret");
    aws_lc_rs::hmac::verify(&key, input.as_bytes(), &signature).unwrap();
    assert_eq!(
        sent.shown,
        format!("`client_secret_jwt` as client `id`, HS384, audience `{TOKEN_URL}`")
    );
}

#[test]
fn each_keyed_hash_has_its_name() {
    let names = [
        HmacAlgorithm::HS256,
        HmacAlgorithm::HS384,
        HmacAlgorithm::HS512,
    ]
    .map(HmacAlgorithm::name);
    assert_eq!(names, ["HS256", "HS384", "HS512"]);
}

#[tokio::test]
async fn a_signature_proves_who_the_client_is() {
    let key = key(KeyOptions::default());
    let AssertionKey::Source(source) = &key else {
        panic!("a key of another kind")
    };
    let public = source.current(env().secrets()).unwrap().public_jwk();
    let coordinate = |name: &str| {
        let text = public[name].as_str().unwrap();
        URL_SAFE_NO_PAD.decode(text).unwrap()
    };
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let client = client(AuthMethod::PrivateKeyJwt {
        key,
        audience: Audience::Exact("https://aud.example".into()),
    });
    let sent = sent(&client, &Departures::default()).await.unwrap();
    let (header, claims, input, signature) = sent.assertion();
    assert_eq!(header["alg"], "ES256");
    assert_eq!(claims["aud"], "https://aud.example");
    p256::ecdsa::VerifyingKey::from_sec1_bytes(&point)
        .unwrap()
        .verify(
            input.as_bytes(),
            &p256::ecdsa::Signature::from_slice(&signature).unwrap(),
        )
        .unwrap();
    let key_id = header["kid"].as_str().unwrap();
    assert!(sent.shown.contains(key_id), "{}", sent.shown);
}

#[tokio::test]
async fn the_client_id_stands_beside_an_assertion_where_that_is_declared() {
    let mut departures = Departures::default();
    for declared in [true, false] {
        departures.request.client_id_with_assertion = declared;
        let client = client(secret_jwt(Audience::Issuer));
        let sent = sent(&client, &departures).await.unwrap();
        assert_eq!(sent.parameter("client_id"), declared.then_some("id"));
    }
}

#[tokio::test]
async fn a_raw_header_holds_id_and_secret_as_they_are_and_no_id_with_a_colon() {
    let basic = |id: &str| ClientAuth::new(id, AuthMethod::SecretBasic(secret())).unwrap();
    let mut departures = Departures::default();
    let encoded = sent(&basic("a:b c"), &departures).await.unwrap();
    let header = |pair: &str| Some(format!("Basic {}", STANDARD.encode(pair)));
    assert_eq!(encoded.authorization, header("a%3Ab+c:s3cret"));
    departures.request.basic_encoding = BasicEncoding::Raw;
    let raw = sent(&basic("a b"), &departures).await.unwrap();
    assert_eq!(raw.authorization, header("a b:s3cret"));
    let refused = sent(&basic("a:b"), &departures)
        .await
        .map(|sent| sent.shown);
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("RFC 7617"), "{error}");
}

#[derive(Debug)]
struct Failing {
    passes: bool,
}

impl AssertionProvider for Failing {
    fn name(&self) -> &str {
        "platform"
    }

    fn assertion(&self) -> BoxFuture<'_, Result<Secret, SignerError>> {
        let fault = match self.passes {
            true => SignerError::passing("not now"),
            false => SignerError::lasting("not here"),
        };
        Box::pin(std::future::ready(Err(fault)))
    }
}

#[tokio::test]
async fn a_platform_that_gives_no_assertion_says_whether_it_may_give_one_later() {
    let retry = Recovery::Retry { after: None };
    for (passes, recovery) in [(true, retry), (false, Recovery::FixConfig)] {
        let client = ClientAuth::federated_by("id", Arc::new(Failing { passes })).unwrap();
        let failed = sent(&client, &Departures::default()).await;
        let error = failed.map(|sent| sent.shown).unwrap_err();
        assert_eq!(
            (error.kind(), error.recovery()),
            (ErrorKind::Credential, recovery)
        );
        assert!(error.to_string().contains("`platform`"), "{error}");
    }
}
