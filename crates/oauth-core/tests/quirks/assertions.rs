//! What the assertions of clients say.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use oauth_core::client_auth::{Audience, ClientAuth, KeyConfig};
use oauth_core::config;
use oauth_core::grant::ClientCredentials;
use oauth_core::server::AuthorizationServer;
use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_stage::{Answer, AudiencePolicy, Authentication, Endpoint, RegisteredClient};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::builder;
use crate::vendor::SECRET;
use crate::{Vendor, granted};

/// Asks for a token with an assertion of that audience; its claims.
async fn claims(vendor: &Vendor, audience: &str, config: &str) -> Value {
    vendor.answers(granted());
    let config = format!(
        "token_endpoint_auth_method.client_secret_jwt = {{ algorithm = \"HS256\", audience = \"{audience}\" }}\n{config}"
    );
    vendor.token(&config).await;
    vendor.sent().claims().unwrap()
}

fn lifetime(claims: &Value) -> i64 {
    claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
}

#[tokio::test]
async fn q020_client_id_beside_an_assertion_or_not() {
    let vendor = Vendor::new().await;
    for (config, sent) in [
        ("", Some("client")),
        ("departures.request.client_id_with_assertion = false", None),
    ] {
        claims(&vendor, "token_endpoint", config).await;
        assert_eq!(vendor.sent().parameter("client_id").as_deref(), sent);
    }
}

/// A server whose clock is behind, as an `iat` of 60 s ago is meant for, is answered by its own clock.
#[tokio::test]
async fn q063_an_assertion_follows_the_clock_of_the_server() {
    let vendor = Vendor::new().await;
    let known = Authentication::secret_jwt(SECRET);
    let client = RegisteredClient::new("client", known);
    vendor.stage.register(client).unwrap();
    vendor.stage.advance(TimeDelta::seconds(-300));
    let config = r#"
        token_endpoint_auth_method.client_secret_jwt = { algorithm = "HS256", audience = "token_endpoint" }
    "#;
    let url = vendor.stage.token_url();
    let seed = vendor.stage.issue_refresh_token("client", "");
    vendor
        .refreshing_from(&url, &seed, config)
        .token()
        .await
        .unwrap();
    let claims = vendor.stage.log().pop().unwrap().claims().unwrap();
    assert_eq!(claims["iat"], vendor.stage.now().timestamp());
    assert_eq!(vendor.stage.count(Endpoint::Token), 2, "one repeat");
}

#[tokio::test]
async fn q064_three_minutes_for_the_login_host() {
    let vendor = Vendor::new().await;
    let config = r#"departures.assertion.lifetime = "180s""#;
    let claims = claims(&vendor, "https://login.crm.example", config).await;
    assert_eq!(claims["aud"], "https://login.crm.example");
    assert_eq!(lifetime(&claims), 180);
}

#[tokio::test]
async fn q065_five_minutes_at_most_and_once() {
    let vendor = Vendor::new().await;
    let config = r#"departures.assertion.lifetime = "300s""#;
    let first = claims(&vendor, "token_endpoint", config).await;
    let second = claims(&vendor, "token_endpoint", config).await;
    assert_eq!(lifetime(&first), 300);
    assert_ne!(first["jti"], second["jti"]);
    assert_eq!(lifetime(&claims(&vendor, "token_endpoint", "").await), 60);
    let refused =
        config::parse::<oauth_core::server::Departures>(json!({"assertion": {"lifetime": "301s"}}))
            .map(|departures| {
                AuthorizationServer::configured(&vendor.env, "token_url", &vendor.url("token"))
                    .and_then(|server| server.departing(departures))
            });
    let error = refused.unwrap().unwrap_err().to_string();
    assert!(error.contains("departures.assertion.lifetime"), "{error}");
}

/// A client with a key, which the stage's own token endpoint knows by its public half.
async fn keyed(
    vendor: &Vendor,
    key: &SigningKey,
    variables: Vec<(&'static str, String)>,
    config: Value,
) -> Value {
    let known = Authentication::private_key_jwt(json!({"keys": [key.public_jwk()]}));
    vendor
        .stage
        .register(RegisteredClient::new("client", known))
        .unwrap();
    vendor.stage.set_audience(AudiencePolicy::TokenEndpoint);
    let variables = Arc::new(variables);
    let env = builder(&vendor.clock, |_| ())
        .variables(move |name| {
            let mut all = variables.iter();
            all.find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        })
        .build()
        .unwrap();
    let config: KeyConfig = config::parse(config).unwrap();
    let client =
        ClientAuth::private_key_jwt(&env, "client", &config, Audience::TokenEndpoint).unwrap();
    let server =
        AuthorizationServer::configured(&env, "token_url", &vendor.stage.token_url()).unwrap();
    RenewingToken::client_credentials(&env, server, client, ClientCredentials::default())
        .unwrap()
        .token()
        .await
        .unwrap();
    assert_eq!(vendor.stage.violations(), Vec::<String>::new());
    vendor
        .stage
        .log()
        .pop()
        .unwrap()
        .assertion_header()
        .unwrap()
}

#[tokio::test]
async fn q066_ps256() {
    let vendor = Vendor::new().await;
    let key = SigningKey::generate_rsa(Algorithm::PS256, 2048).unwrap();
    let pem = key.to_pkcs8_pem().unwrap().expose().to_owned();
    let config = json!({"source": "env:KEY", "algorithm": "PS256"});
    let header = keyed(&vendor, &key, vec![("KEY", pem)], config).await;
    assert_eq!(header["alg"], "PS256");
}

#[tokio::test]
async fn q066_the_thumbprint_of_a_certificate() {
    let vendor = Vendor::new().await;
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["client.example".to_owned()])
        .unwrap()
        .self_signed(&pair)
        .unwrap();
    let pem = pair.serialize_pem();
    let key = SigningKey::load(pem.as_bytes(), &KeyOptions::default()).unwrap();
    let variables = vec![("KEY", pem), ("CERTIFICATE", certificate.pem())];
    let config = json!({"source": "env:KEY", "certificate": "env:CERTIFICATE"});
    let header = keyed(&vendor, &key, variables, config).await;
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der()));
    assert_eq!(header["x5t#S256"], thumbprint);
}

#[tokio::test]
async fn q068_odd_claims() {
    let vendor = Vendor::new().await;
    for audience in ["client", "wd"] {
        assert_eq!(claims(&vendor, audience, "").await["aud"], audience);
    }
    let config = r#"departures.assertion.issuer = "redirect.example""#;
    let claims = claims(&vendor, "https://revolut.example", config).await;
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!("redirect.example"), &json!("client"))
    );
}

#[tokio::test]
async fn q065_each_attempt_has_an_assertion_of_its_own() {
    let vendor = Vendor::new().await;
    vendor.answers(Answer::status(429).header("retry-after", "1"));
    claims(&vendor, "token_endpoint", "").await;
    let ids: std::collections::BTreeSet<String> = vendor
        .stage
        .log()
        .iter()
        .map(|exchange| exchange.claims().unwrap()["jti"].to_string())
        .collect();
    assert_eq!((ids.len(), vendor.count()), (2, 2));
}
