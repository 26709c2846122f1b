//! Grants that are an assertion (RFC 7521).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use oauth_core::authorization_details::AuthorizationDetails;
use oauth_core::client_auth::{AssertionKey, Audience};
use oauth_core::error::ErrorKind;
use oauth_core::grant::{Assertion, AssertionMaker, Grant, JwtBearer, Saml2Bearer};
use oauth_core::secret::Secret;
use oauth_core::signing_key::{Algorithm, Signer, SignerError, SigningKey};
use oauth_core::token::Scopes;
use oauth_stage::{Answer, Endpoint, Exchange};
use serde_json::{Value, json};

use crate::client;
use crate::support::{clock, env, env_with, impatient, strict};

/// A key whose signatures nobody checks here: that they are right is seen to where clients authenticate.
#[derive(Debug)]
struct Key;

impl Signer for Key {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }

    fn key_id(&self) -> &str {
        "key-1"
    }

    fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignerError>> {
        Box::pin(async { Ok(vec![1; 64]) })
    }
}

fn granted() -> Answer {
    Answer::json(200, &json!({"access_token": "at", "token_type": "Bearer"}))
}

fn maker(audience: Audience) -> AssertionMaker {
    let key = AssertionKey::Signer(Arc::new(Key));
    AssertionMaker::new(key, "the issuer", "a user", audience)
}

/// The header and the claims of the assertion that was sent.
fn sent(request: &Exchange) -> [Value; 2] {
    let assertion = request.parameter("assertion").unwrap();
    let mut parts = assertion.split('.');
    [(); 2].map(|()| {
        let part = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
        serde_json::from_slice(&part).unwrap()
    })
}

#[tokio::test]
async fn r174_an_assertion_is_made_for_every_attempt_for_the_declared_audience() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    stage.answer(Endpoint::Token, Answer::status(500));
    stage.answer(Endpoint::Token, granted());
    let maker = maker(Audience::TokenEndpoint)
        .living(Duration::from_secs(120))
        .unwrap()
        .with_claim("scope", json!("read"))
        .unwrap();
    let mut grant = JwtBearer::new(Assertion::Made(maker));
    grant.scopes = Scopes::parse("read").unwrap();
    grant.resource = vec!["https://x.example/".into()];
    grant.authorization_details = AuthorizationDetails::new(vec![json!({"type": "t"})]).unwrap();
    client.token(Grant::JwtBearer(grant)).await.unwrap();
    let log = stage.log();
    let [first, second] = [&log[0], &log[1]].map(sent);
    assert_ne!(first[1]["jti"], second[1]["jti"]);
    let [header, claims] = second;
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&json!("ES256"), &json!("key-1"))
    );
    assert_eq!(claims["iss"], "the issuer");
    assert_eq!(claims["sub"], "a user");
    assert_eq!(claims["aud"], stage.token_url());
    assert_eq!(claims["scope"], "read");
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(lifetime, 120);
    assert!(claims["jti"].as_str().unwrap().len() >= 22);
    for (name, value) in [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("scope", "read"),
        ("resource", "https://x.example/"),
        ("authorization_details", r#"[{"type":"t"}]"#),
    ] {
        assert_eq!(log[1].parameter(name).as_deref(), Some(value));
    }
}

#[tokio::test]
async fn r174_an_audience_is_declared_and_a_claim_of_the_protocol_is_not() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    stage.answer(Endpoint::Token, granted());
    let exact = maker(Audience::Exact("https://aud.example".into()));
    let grant = JwtBearer::new(Assertion::Made(exact));
    client.token(Grant::JwtBearer(grant)).await.unwrap();
    let [_, claims] = sent(&stage.log()[0]);
    assert_eq!(claims["aud"], "https://aud.example");

    let grant = JwtBearer::new(Assertion::Made(maker(Audience::Issuer)));
    let error = client.token(Grant::JwtBearer(grant)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    for claim in ["iss", "aud", "jti", "exp"] {
        maker(Audience::Issuer)
            .with_claim(claim, json!(1))
            .unwrap_err();
    }
    maker(Audience::Issuer)
        .living(Duration::from_secs(7200))
        .unwrap_err();
    assert_eq!(stage.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn r181_an_assertion_that_was_given_is_not_sent_again_where_the_answer_is_lost() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env_with(&clock, impatient), &stage);
    let given = || Secret::new("canary-assertion");
    let saml = Saml2Bearer {
        assertion: given(),
        scopes: Scopes::none(),
    };
    let grants = [
        Grant::JwtBearer(JwtBearer::new(Assertion::Given(given()))),
        Grant::Saml2Bearer(saml),
    ];
    for grant in grants {
        let before = stage.count(Endpoint::Token);
        stage.answer(Endpoint::Token, granted());
        stage.lose_answer(Endpoint::Token);
        let error = client.token(grant).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
        assert!(!format!("{error:?}").contains("canary"));
        assert_eq!(stage.count(Endpoint::Token), before + 1);
    }
}

#[tokio::test]
async fn r028_one_key_makes_no_assertions_for_two_token_endpoints() {
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let env = env(&clock);
    let key: Arc<dyn Signer> = Arc::new(SigningKey::generate(Algorithm::ES256).unwrap());
    let grant = |audience| {
        let key = AssertionKey::Signer(key.clone());
        let maker = AssertionMaker::new(key, "the issuer", "a user", audience);
        Grant::JwtBearer(JwtBearer::new(Assertion::Made(maker)))
    };
    let (here, there) = (client(&env, &stage), client(&env, &other));
    for _ in 0..2 {
        stage.answer(Endpoint::Token, granted());
        here.token(grant(Audience::TokenEndpoint)).await.unwrap();
    }
    let error = there
        .token(grant(Audience::TokenEndpoint))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("assertion.key: "), "{error}");
    assert_eq!(other.connections(), 0);
    other.answer(Endpoint::Token, granted());
    let exact = Audience::Exact("https://api.example".into());
    there.token(grant(exact)).await.unwrap();
}
