//! Grants and proofs of vendors that are what an RFC says, under another name or with other habits.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::client_auth::{AssertionKey, Audience, ClientAuth};
use oauth_core::config;
use oauth_core::dpop::Dpop;
use oauth_core::grant::{
    Assertion, AssertionMaker, AuthorizationCode, ClientCredentials, Grant, JwtBearer, Saml2Bearer,
};
use oauth_core::http::IdentityConfig;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::{Secret, SecretRef};
use oauth_core::server::AuthorizationServer;
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::token::Scopes;
use oauth_stage::{Authentication, Authority, Endpoint, RegisteredClient};
use serde_json::{Value, json};

use crate::support::{CLIENT, clock, env, env_with, strict_builder};
use crate::{Vendor, granted, pairs};

const DAY: i64 = 24 * 3600;

/// The claims of a JWT.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// SuccessFactors: whoever makes the assertion has it live for ten years.
#[tokio::test]
async fn q023_a_saml_assertion_of_years() {
    let vendor = Vendor::new().await;
    let client = vendor.asking("", vendor.client(""));
    let assertion = "<Assertion NotOnOrAfter=\"2036-01-01T00:00:00Z\"/>";
    vendor.answers(granted());
    let grant = Saml2Bearer {
        assertion: Secret::new(assertion),
        scopes: Scopes::none(),
    };
    client.token(Grant::Saml2Bearer(grant)).await.unwrap();
    let sent = vendor.sent();
    let encoded = sent.parameter("assertion").unwrap();
    let decoded = URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('='));
    assert_eq!(decoded.unwrap(), assertion.as_bytes());
    let urn = "urn:ietf:params:oauth:grant-type:saml2-bearer";
    assert_eq!(sent.parameter("grant_type").as_deref(), Some(urn));
}

/// Visual Studio: the code is an assertion, by name.
#[tokio::test]
async fn q024_the_code_sent_as_an_assertion() {
    let vendor = Vendor::new().await;
    let config = r#"
        token_endpoint_auth_method = "client_secret_post"
        [departures.request]
        renamed = { code = "assertion" }
        grant_types = { authorization_code = "urn:ietf:params:oauth:grant-type:jwt-bearer" }
    "#;
    let client = vendor.asking(config, vendor.client(config));
    vendor.answers(granted());
    let grant = AuthorizationCode {
        code: Secret::new("the code"),
        redirect_uri: "https://app.example/callback".into(),
        code_verifier: Secret::new("v".repeat(43)),
        scopes: Scopes::none(),
        resource: Vec::new(),
    };
    client.token(Grant::AuthorizationCode(grant)).await.unwrap();
    let verifier = "v".repeat(43);
    let mut sent = vendor.sent().form();
    sent.sort();
    let expected = pairs([
        ("assertion", "the code"),
        ("client_id", "client"),
        ("client_secret", crate::vendor::SECRET),
        ("code_verifier", &verifier),
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("redirect_uri", "https://app.example/callback"),
    ]);
    assert_eq!(sent, expected);
}

/// Google, DocuSign: what is asked for stands inside, and nowhere else.
#[tokio::test]
async fn q067_the_scope_inside_the_assertion() {
    let vendor = Vendor::new().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let maker = AssertionMaker::new(
        AssertionKey::Signer(Arc::new(key)),
        "robot@project.example",
        "user@example.com",
        Audience::TokenEndpoint,
    );
    let maker = maker.with_claim("scope", json!("read write")).unwrap();
    let client = vendor.asking("", ClientAuth::none("client").unwrap());
    vendor.answers(granted());
    let grant = JwtBearer::new(Assertion::Made(maker));
    client.token(Grant::JwtBearer(grant)).await.unwrap();
    let sent = vendor.sent();
    assert_eq!(sent.parameter("scope"), None);
    let claims = claims(&sent.parameter("assertion").unwrap());
    assert_eq!(claims["scope"], "read write");
    assert_eq!(claims["aud"], vendor.url("token"));
}

/// Apple Business: made elsewhere, and kept in a file until it is half a year old.
#[tokio::test]
async fn q069_an_assertion_of_half_a_year() {
    let vendor = Vendor::new().await;
    let now = vendor.stage.now().timestamp();
    let claims = json!({"iss": "client", "sub": "client", "exp": now + 180 * DAY});
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let assertion = format!("{}.{}.c2ln", part(json!({"alg": "ES256"})), part(claims));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("assertion");
    std::fs::write(&path, &assertion).unwrap();
    let kept = ClientAuth::federated(&vendor.env, "client", SecretRef::file(path)).unwrap();
    let client = vendor.asking("", kept);
    for _ in 0..2 {
        vendor.answers(granted());
        let grant = Grant::ClientCredentials(ClientCredentials::default());
        client.token(grant).await.unwrap();
        let sent = vendor.sent().parameter("client_assertion");
        assert_eq!(sent.as_ref(), Some(&assertion));
    }
}

/// Okta: a client that signs who it is, and whose tokens are bound to another key.
#[tokio::test]
async fn q071_a_signed_assertion_a_proof_and_a_nonce() {
    let clock = clock();
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let known = Authentication::private_key_jwt(json!({"keys": [key.public_jwk()]}));
    let builder = strict_builder(&clock).client(RegisteredClient::new(CLIENT, known));
    let (stage, env) = (builder.start().await.unwrap(), env(&clock));
    stage.want_dpop_nonce(Endpoint::Token, Some("nonce-1"));
    let server = AuthorizationServer::configured(&env, "token_url", &stage.token_url());
    let server = server.unwrap().with_dpop(Dpop::new());
    let auth = ClientAuth::signer(CLIENT, Arc::new(key), Audience::TokenEndpoint).unwrap();
    let client = OAuthClient::new(&env, server, auth).unwrap();
    let grant = Grant::ClientCredentials(ClientCredentials::default());
    let token = client.token(grant).await.unwrap();
    assert!(stage.key_of(token.access_token.expose()).is_some());
    let log = stage.log();
    assert_eq!(log.len(), 2);
    assert_eq!(log[1].proof_claims().unwrap()["nonce"], "nonce-1");
    let [first, second] = [&log[0], &log[1]].map(|one| one.claims().unwrap());
    assert_ne!(first["jti"], second["jti"]);
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
}

/// ADP, open banking: the certificate says who it is, and the token is of no use without it.
#[tokio::test]
async fn q072_mutual_tls() {
    let (clock, authority) = (clock(), Authority::new().unwrap());
    let known = Authentication::Tls {
        san_dns: "client.example".into(),
    };
    let builder = strict_builder(&clock)
        .authority(&authority)
        .client_certificates()
        .client(RegisteredClient::new(CLIENT, known));
    let stage = builder.start().await.unwrap();
    let env = env_with(&clock, |settings| settings.ca_roots = vec![authority.pem()]);
    let identity = authority.client_identity("client.example").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("file:{}", path.display())
    };
    let written: IdentityConfig = config::parse(json!({
        "certificate": file("certificate.pem", &identity.certificate_pem),
        "key": file("key.pem", &identity.key_pem),
    }))
    .unwrap();
    let server = AuthorizationServer::configured(&env, "token_url", &stage.token_url()).unwrap();
    let auth = ClientAuth::tls(&env, CLIENT, &written).unwrap();
    let client = OAuthClient::new(&env, server, auth).unwrap();
    let grant = Grant::ClientCredentials(ClientCredentials::default());
    let token = client.token(grant).await.unwrap();
    assert_eq!(
        stage.certificate_of(token.access_token.expose()),
        Some(identity.thumbprint())
    );
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
}
