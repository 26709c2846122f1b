//! How the client proves who it is, judged by a server with other cryptography.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod support;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::future::BoxFuture;
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm, KeyConfig};
use oauth_core::clock::{Clock as _, ManualClock};
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::secret::SecretRef;
use oauth_core::server::BasicEncoding;
use oauth_core::signing_key::{Algorithm, KeyOptions, Signer, SignerError, SigningKey};
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, AudiencePolicy, Authentication, Endpoint, RegisteredClient, Strict};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{
    CLIENT, SCOPES, SECRET, Wanted, basic, builder, clock, env, given, strict, strict_builder,
};

/// Keys of the run, as PKCS#8 in PEM: making RSA keys is slow.
fn key_pem(algorithm: Algorithm) -> &'static str {
    static KEYS: OnceLock<HashMap<&str, String>> = OnceLock::new();
    let kinds = KEYS.get_or_init(|| {
        let pem = |key: SigningKey| key.to_pkcs8_pem().unwrap().expose().to_owned();
        HashMap::from([
            (
                "RSA",
                pem(SigningKey::generate_rsa(Algorithm::RS256, 2048).unwrap()),
            ),
            (
                "ES256",
                pem(SigningKey::generate(Algorithm::ES256).unwrap()),
            ),
            (
                "ES384",
                pem(SigningKey::generate(Algorithm::ES384).unwrap()),
            ),
            (
                "EdDSA",
                pem(SigningKey::generate(Algorithm::EdDSA).unwrap()),
            ),
        ])
    });
    match algorithm {
        Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => &kinds[algorithm.name()],
        _ => &kinds["RSA"],
    }
}

fn key(algorithm: Algorithm) -> SigningKey {
    let options = KeyOptions {
        algorithm: Some(algorithm),
        ..KeyOptions::default()
    };
    SigningKey::load(key_pem(algorithm).as_bytes(), &options).unwrap()
}

/// A key as a user's configuration has it.
fn key_config(value: Value) -> KeyConfig {
    config::parse(value).unwrap()
}

/// An env whose variables are these.
fn env_of(
    clock: &Arc<ManualClock>,
    variables: impl IntoIterator<Item = (&'static str, String)>,
) -> Env {
    let variables: HashMap<&str, String> = variables.into_iter().collect();
    builder(clock, |_| ())
        .variables(move |name| variables.get(name).map(Into::into))
        .build()
        .unwrap()
}

/// A server that knows [`CLIENT`] by these keys.
async fn strict_for(clock: &Arc<ManualClock>, keys: &[&SigningKey]) -> Strict {
    let stage = strict(clock).await;
    register_keys(&stage, keys);
    stage
}

fn register_keys(stage: &Strict, keys: &[&SigningKey]) {
    let jwks: Vec<Value> = keys.iter().map(|key| key.public_jwk()).collect();
    let known = Authentication::private_key_jwt(json!({ "keys": jwks }));
    register(stage, known);
}

fn register(stage: &Strict, authentication: Authentication) {
    stage
        .register(RegisteredClient::new(CLIENT, authentication).scopes(SCOPES))
        .unwrap();
}

/// A client with a key in the variable `KEY`, and the env with it.
fn with_key(
    clock: &Arc<ManualClock>,
    algorithm: Algorithm,
    audience: Audience,
) -> (Env, ClientAuth) {
    let env = env_of(clock, [("KEY", key_pem(algorithm).to_owned())]);
    let config = key_config(json!({"source": "env:KEY", "algorithm": algorithm.name()}));
    let client = ClientAuth::private_key_jwt(&env, CLIENT, &config, audience).unwrap();
    (env, client)
}

/// Every way to authenticate that a request uses.
fn methods(request: &oauth_stage::Exchange) -> Vec<&'static str> {
    let mut methods = Vec::new();
    if request.headers().contains_key("authorization") {
        methods.push("header");
    }
    methods.extend(
        ["client_secret", "client_assertion"]
            .into_iter()
            .filter(|name| request.parameter(name).is_some()),
    );
    methods
}

/// The server took every request, and each used this one way.
#[track_caller]
fn assert_taken(stage: &Strict, requests: usize, method: &[&str]) {
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
    assert_eq!(stage.count(Endpoint::Token), requests);
    for request in stage.log() {
        assert_eq!(request.status(), Some(200), "{request}");
        assert_eq!(methods(&request), method, "{request}");
    }
}

#[tokio::test]
async fn a_token_request_is_a_post_of_a_form_that_wants_json() {
    let clock = clock();
    let stage = strict(&clock).await;
    let wanted = Wanted::of(&env(&clock), &stage).scopes("write read");
    wanted.token().await.unwrap();
    let log = stage.log();
    let request = &log[0];
    assert_eq!(request.method(), "POST");
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        request.form(),
        [
            ("grant_type".to_owned(), "client_credentials".to_owned()),
            ("scope".to_owned(), "read write".to_owned()),
        ]
    );
}

#[tokio::test]
async fn a_public_client_sends_its_id_alone() {
    let clock = clock();
    let stage = strict(&clock).await;
    register(&stage, Authentication::None);
    let refresh_token = stage.issue_refresh_token(CLIENT, "read");
    let token = Wanted::of(&env(&clock), &stage)
        .client(ClientAuth::none(CLIENT).unwrap())
        .refreshing(&refresh_token);
    token.token().await.unwrap();
    assert_taken(&stage, 1, &[]);
    assert_eq!(stage.log()[0].parameter("client_id").unwrap(), CLIENT);
}

#[tokio::test]
async fn basic_encodes_id_and_secret_as_a_form_before_base64() {
    let clock = clock();
    let stage = strict(&clock).await;
    for (id, secret) in [
        (CLIENT, SECRET),
        ("a:b%?+ c", "%+/=é &\u{1f511}"),
        ("plain", "p:l:a:i:n"),
        ("~*'()!", "~*'()!"),
    ] {
        let known = Authentication::SecretBasic(secret.into());
        stage
            .register(RegisteredClient::new(id, known).scopes(SCOPES))
            .unwrap();
        let env = env(&clock);
        let client = ClientAuth::secret_basic(&env, id, given(secret)).unwrap();
        Wanted::of(&env, &stage)
            .client(client)
            .token()
            .await
            .unwrap();
    }
    assert_taken(&stage, 4, &["header"]);
    assert!(
        stage
            .log()
            .iter()
            .all(|one| one.parameter("client_id").is_none())
    );
}

#[tokio::test]
async fn basic_is_raw_only_where_that_is_declared() {
    let clock = clock();
    let stage = strict(&clock).await;
    let known = Authentication::SecretBasicRaw(SECRET.into());
    stage
        .register(RegisteredClient::new("raw client", known).scopes(SCOPES))
        .unwrap();
    let wanted = |env: &Env| {
        let client = ClientAuth::secret_basic(env, "raw client", given(SECRET)).unwrap();
        Wanted::of(env, &stage).client(client)
    };
    let error = wanted(&env(&clock)).token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OAuth);
    wanted(&env(&clock))
        .departing(|departures| departures.request.basic_encoding = BasicEncoding::Raw)
        .token()
        .await
        .unwrap();
    let statuses: Vec<_> = stage.log().iter().map(|one| one.status()).collect();
    assert_eq!(statuses, [Some(401), Some(200)]);
    let header = stage.log()[1].header("authorization").unwrap().to_owned();
    let pair = STANDARD
        .decode(header.strip_prefix("Basic ").unwrap())
        .unwrap();
    assert_eq!(pair, format!("raw client:{SECRET}").into_bytes());
}

#[tokio::test]
async fn a_raw_header_cannot_carry_an_id_with_a_colon() {
    let clock = clock();
    let stage = strict(&clock).await;
    let error = Wanted::of(&env(&clock), &stage)
        .departing(|departures| departures.request.basic_encoding = BasicEncoding::Raw)
        .token()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("basic_encoding"), "{error}");
    assert_eq!(stage.connections(), 0);
}

#[tokio::test]
async fn post_sends_id_and_secret_in_the_form_alone() {
    let clock = clock();
    let stage = strict(&clock).await;
    register(&stage, Authentication::SecretPost(SECRET.into()));
    let env = env(&clock);
    let client = ClientAuth::secret_post(&env, CLIENT, given(SECRET)).unwrap();
    Wanted::of(&env, &stage)
        .client(client)
        .token()
        .await
        .unwrap();
    assert_taken(&stage, 1, &["client_secret"]);
}

#[tokio::test]
async fn a_secret_signs_with_every_hash() {
    let clock = clock();
    let stage = strict(&clock).await;
    register(&stage, Authentication::secret_jwt(SECRET));
    let hashes = [
        (HmacAlgorithm::HS256, "HS256"),
        (HmacAlgorithm::HS384, "HS384"),
        (HmacAlgorithm::HS512, "HS512"),
    ];
    for (algorithm, _) in hashes {
        let env = env(&clock);
        let audience = Audience::TokenEndpoint;
        let client =
            ClientAuth::secret_jwt(&env, CLIENT, given(SECRET), algorithm, audience).unwrap();
        Wanted::of(&env, &stage)
            .client(client)
            .token()
            .await
            .unwrap();
    }
    assert_taken(&stage, 3, &["client_assertion"]);
    for (request, (_, name)) in stage.log().iter().zip(hashes) {
        assert_eq!(request.assertion_header().unwrap()["alg"], name);
    }
}

#[tokio::test]
async fn a_key_signs_with_every_algorithm() {
    const ALL: [Algorithm; 9] = [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ];
    let clock = clock();
    let stage = strict(&clock).await;
    for algorithm in ALL {
        let key = key(algorithm);
        register_keys(&stage, &[&key]);
        let (env, client) = with_key(&clock, algorithm, Audience::TokenEndpoint);
        Wanted::of(&env, &stage)
            .client(client)
            .token()
            .await
            .unwrap();
        let header = stage.log().last().unwrap().assertion_header().unwrap();
        assert_eq!(
            header,
            json!({"alg": algorithm.name(), "typ": "JWT", "kid": key.key_id()})
        );
    }
    assert_taken(&stage, ALL.len(), &["client_assertion"]);
    for request in stage.log() {
        let kind = request.parameter("client_assertion_type").unwrap();
        assert_eq!(
            kind,
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
    }
}

#[tokio::test]
async fn an_encrypted_key_signs_once_its_passphrase_is_given() {
    use pkcs8::pkcs5::pbes2::{EncryptionScheme, Parameters, Pbkdf2Params};

    let clock = clock();
    let key = key(Algorithm::ES256);
    let stage = strict_for(&clock, &[&key]).await;
    let (_, der) = pkcs8::SecretDocument::from_pem(key_pem(Algorithm::ES256)).unwrap();
    let parameters = Parameters {
        kdf: Pbkdf2Params::hmac_sha256(2048, b"a salt of the test")
            .unwrap()
            .into(),
        encryption: EncryptionScheme::Aes256Cbc { iv: [7; 16] },
    };
    let encrypted = pkcs8::PrivateKeyInfoRef::try_from(der.as_bytes())
        .unwrap()
        .encrypt_with_params(parameters, "a passphrase")
        .unwrap();
    let pem = encrypted
        .to_pem("ENCRYPTED PRIVATE KEY", pkcs8::LineEnding::LF)
        .unwrap();
    let env = env_of(
        &clock,
        [
            ("KEY", pem.to_string()),
            ("PASSPHRASE", "a passphrase".into()),
        ],
    );
    let config = key_config(json!({"source": "env:KEY", "passphrase": "env:PASSPHRASE"}));
    let client =
        ClientAuth::private_key_jwt(&env, CLIENT, &config, Audience::TokenEndpoint).unwrap();
    Wanted::of(&env, &stage)
        .client(client)
        .token()
        .await
        .unwrap();
    assert_taken(&stage, 1, &["client_assertion"]);

    let without = key_config(json!({"source": "env:KEY"}));
    let error =
        ClientAuth::private_key_jwt(&env, CLIENT, &without, Audience::TokenEndpoint).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("passphrase"), "{error}");
}

#[tokio::test]
async fn a_certificate_is_named_by_its_thumbprint() {
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["client.example".to_owned()])
        .unwrap()
        .self_signed(&pair)
        .unwrap();
    let clock = clock();
    let signing =
        SigningKey::load(pair.serialize_pem().as_bytes(), &KeyOptions::default()).unwrap();
    let stage = strict_for(&clock, &[&signing]).await;
    let env = env_of(
        &clock,
        [
            ("KEY", pair.serialize_pem()),
            ("CERTIFICATE", certificate.pem()),
        ],
    );
    let config = key_config(json!({"source": "env:KEY", "certificate": "env:CERTIFICATE"}));
    let client =
        ClientAuth::private_key_jwt(&env, CLIENT, &config, Audience::TokenEndpoint).unwrap();
    Wanted::of(&env, &stage)
        .client(client)
        .token()
        .await
        .unwrap();
    assert_taken(&stage, 1, &["client_assertion"]);
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der()));
    assert_eq!(
        stage.log()[0].assertion_header().unwrap()["x5t#S256"],
        thumbprint
    );
}

// Refusals

/// Every method, each with an env of its own.
fn every_method(clock: &Arc<ManualClock>) -> Vec<(Env, ClientAuth)> {
    let env = env(clock);
    let audience = Audience::TokenEndpoint;
    let hash = HmacAlgorithm::HS256;
    vec![
        (env.clone(), basic(&env)),
        (
            env.clone(),
            ClientAuth::secret_post(&env, CLIENT, given(SECRET)).unwrap(),
        ),
        (
            env.clone(),
            ClientAuth::secret_jwt(&env, CLIENT, given(SECRET), hash, audience.clone()).unwrap(),
        ),
        (env.clone(), ClientAuth::none(CLIENT).unwrap()),
        with_key(clock, Algorithm::ES256, audience),
    ]
}

#[tokio::test]
async fn a_refused_method_is_one_request_and_no_other_method_is_tried() {
    let clock = clock();
    let refusals = [
        (
            Answer::json(401, &json!({"error": "invalid_client"})),
            ErrorKind::OAuth,
        ),
        (
            Answer::json(400, &json!({"error": "invalid_client"})),
            ErrorKind::OAuth,
        ),
        (
            Answer::status(401).header("www-authenticate", "Basic realm=\"x\""),
            ErrorKind::Http,
        ),
    ];
    for (refusal, kind) in refusals {
        for (env, client) in every_method(&clock) {
            let stage = strict(&clock).await;
            stage.answer_always(Endpoint::Token, Some(refusal.clone()));
            let method = client.method_name();
            let error = Wanted::of(&env, &stage)
                .client(client)
                .token()
                .await
                .unwrap_err();
            assert_eq!(error.kind(), kind, "{method}: {error}");
            assert_eq!(error.recovery(), Recovery::FixConfig, "{method}");
            assert!(error.to_string().contains(method), "{error}");
            assert_eq!(stage.count(Endpoint::Token), 1, "{method}");
            assert!(methods(&stage.log()[0]).len() <= 1, "{method}");
        }
    }
}

// Claims

#[tokio::test]
async fn the_audience_is_the_one_that_was_chosen_as_one_string() {
    let clock = clock();
    let key = key(Algorithm::ES256);
    let stage = strict_builder(&clock)
        .issuer_path("/tenant")
        .start()
        .await
        .unwrap();
    register_keys(&stage, &[&key]);
    for (audience, policy, says) in [
        (
            Audience::TokenEndpoint,
            AudiencePolicy::TokenEndpoint,
            stage.token_url(),
        ),
        (Audience::Issuer, AudiencePolicy::Issuer, stage.issuer()),
        (
            Audience::Exact(stage.issuer()),
            AudiencePolicy::Issuer,
            stage.issuer(),
        ),
    ] {
        stage.set_audience(policy);
        let (env, client) = with_key(&clock, Algorithm::ES256, audience);
        let wanted = Wanted::of(&env, &stage)
            .issuer(stage.issuer())
            .client(client);
        wanted.token().await.unwrap();
        let claims = stage.log().last().unwrap().claims().unwrap();
        assert_eq!(claims["aud"], says);
    }
    assert_taken(&stage, 3, &["client_assertion"]);
}

#[tokio::test]
async fn an_issuer_that_nobody_knows_is_no_audience() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::Issuer);
    let error = Wanted::of(&env, &stage)
        .client(client)
        .token()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("`issuer`"), "{error}");
    assert_eq!(stage.connections(), 0);
}

#[tokio::test]
async fn claims_are_those_of_rfc_7523_with_times_in_whole_seconds() {
    let clock = clock();
    clock.advance(Duration::from_millis(1_500));
    let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
    Wanted::of(&env, &stage)
        .client(client)
        .token()
        .await
        .unwrap();
    let mut claims = stage.log()[0].claims().unwrap();
    let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
    let now = clock.now().timestamp();
    assert_eq!(
        claims,
        json!({"iss": CLIENT, "sub": CLIENT, "aud": stage.token_url(), "iat": now, "exp": now + 60})
    );
    assert!(URL_SAFE_NO_PAD.decode(jti.as_str().unwrap()).unwrap().len() >= 16);
    assert_taken(&stage, 1, &["client_assertion"]);
}

#[tokio::test]
async fn lifetime_and_not_before_are_as_declared() {
    let clock = clock();
    let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
    let wanted = Wanted::of(&env, &stage)
        .client(client)
        .departing(|departures| {
            departures.assertion.lifetime = Some(Duration::from_secs(290));
            departures.assertion.not_before = true;
        });
    wanted.token().await.unwrap();
    let claims = stage.log()[0].claims().unwrap();
    let now = clock.now().timestamp();
    assert_eq!(
        (&claims["iat"], &claims["nbf"], &claims["exp"]),
        (&json!(now), &json!(now), &json!(now + 290))
    );
    assert_taken(&stage, 1, &["client_assertion"]);
}

#[tokio::test]
async fn the_type_of_the_assertion_is_as_declared() {
    let clock = clock();
    let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
    let declared = "client-authentication+jwt";
    let wanted = Wanted::of(&env, &stage)
        .client(client)
        .departing(|departures| departures.assertion.header_type = Some(declared.into()));
    // this server takes `JWT` alone: that it refuses shows that the other one was sent
    let error = wanted.token().await.unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "invalid_client");
    assert_eq!(stage.log()[0].assertion_header().unwrap()["typ"], declared);
}

#[tokio::test]
async fn the_client_id_stands_beside_an_assertion_unless_declared_otherwise() {
    let clock = clock();
    for (sent, expected) in [(true, Some(CLIENT)), (false, None)] {
        let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
        let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
        let wanted = Wanted::of(&env, &stage)
            .client(client)
            .departing(|departures| departures.request.client_id_with_assertion = sent);
        wanted.token().await.unwrap();
        assert_eq!(stage.log()[0].parameter("client_id").as_deref(), expected);
        assert_taken(&stage, 1, &["client_assertion"]);
    }
}

#[tokio::test]
async fn a_repeated_request_has_a_fresh_assertion() {
    let clock = clock();
    for lost in [false, true] {
        let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
        match lost {
            true => stage.lose_answer(Endpoint::Token),
            false => stage.answer(Endpoint::Token, Answer::status(503)),
        }
        let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
        let wanted = Wanted::of(&env, &stage).client(client);
        wanted.token().await.unwrap();
        assert_eq!((stage.count(Endpoint::Token), names(&stage).len()), (2, 2));
        assert!(stage.violations().is_empty(), "{:?}", stage.violations());
    }
}

#[tokio::test]
async fn a_thousand_assertions_have_a_thousand_names() {
    const TIMES: usize = 1_000;
    let clock = clock();
    let stage = strict(&clock).await;
    register(&stage, Authentication::secret_jwt(SECRET));
    let env = env(&clock);
    let (hash, audience) = (HmacAlgorithm::HS256, Audience::TokenEndpoint);
    let client = ClientAuth::secret_jwt(&env, CLIENT, given(SECRET), hash, audience).unwrap();
    let token = Wanted::of(&env, &stage).client(client).build();
    for _ in 0..TIMES {
        token.token().await.unwrap();
        clock.advance(Duration::from_secs(600));
    }
    assert_eq!(names(&stage).len(), TIMES);
    assert_taken(&stage, TIMES, &["client_assertion"]);
}

fn names(stage: &Strict) -> BTreeSet<String> {
    stage
        .log()
        .iter()
        .map(|one| one.claims().unwrap()["jti"].as_str().unwrap().to_owned())
        .collect()
}

// Credentials that change

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[tokio::test]
async fn a_changed_secret_file_counts_at_the_next_request() {
    let clock = clock();
    let stage = strict(&clock).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    write_private(&path, &format!("{SECRET}\n"));
    let env = env(&clock);
    let client = ClientAuth::secret_basic(&env, CLIENT, SecretRef::file(&path)).unwrap();
    let token = Wanted::of(&env, &stage).client(client).build();
    token.token().await.unwrap();

    write_private(&path, "the next secret\n");
    register(
        &stage,
        Authentication::SecretBasic("the next secret".into()),
    );
    clock.advance(Duration::from_secs(600));
    token.token().await.unwrap();
    assert_taken(&stage, 2, &["header"]);
}

#[tokio::test]
async fn a_changed_key_file_counts_at_the_next_request() {
    let clock = clock();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    write_private(&path, key_pem(Algorithm::ES256));
    let next = SigningKey::generate(Algorithm::ES256).unwrap();
    let stage = strict_for(&clock, &[&key(Algorithm::ES256), &next]).await;
    let env = env(&clock);
    let source = format!("file:{}", path.display());
    let config = key_config(json!({ "source": source }));
    let client =
        ClientAuth::private_key_jwt(&env, CLIENT, &config, Audience::TokenEndpoint).unwrap();
    let token = Wanted::of(&env, &stage).client(client).build();
    token.token().await.unwrap();

    write_private(&path, next.to_pkcs8_pem().unwrap().expose());
    clock.advance(Duration::from_secs(600));
    token.token().await.unwrap();
    let kids: Vec<Value> = stage
        .log()
        .iter()
        .map(|one| one.assertion_header().unwrap()["kid"].clone())
        .collect();
    assert_eq!(kids, [key(Algorithm::ES256).key_id(), next.key_id()]);
    assert_taken(&stage, 2, &["client_assertion"]);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_any_more_is_named_and_nothing_is_sent() {
    let clock = clock();
    let stage = strict(&clock).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    write_private(&path, SECRET);
    let env = env(&clock);
    let client = ClientAuth::secret_basic(&env, CLIENT, SecretRef::file(&path)).unwrap();
    let token = Wanted::of(&env, &stage).client(client).build();
    token.token().await.unwrap();

    std::fs::remove_file(&path).unwrap();
    clock.advance(Duration::from_secs(600));
    let error = token.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert_eq!(error.recovery(), Recovery::FixConfig);
    assert!(error.to_string().starts_with("client_secret: "), "{error}");
    assert!(clock.slept().is_empty(), "{:?}", clock.slept());
    assert_eq!(stage.count(Endpoint::Token), 1);

    write_private(&path, SECRET);
    clock.advance(Duration::from_secs(61));
    token.token().await.unwrap();
    assert_taken(&stage, 2, &["header"]);
}

// Signers

/// A key that another service holds, and what that service does.
#[derive(Debug)]
struct Remote {
    key: SigningKey,
    calls: AtomicUsize,
    answer: fn(usize, Vec<u8>) -> Result<Vec<u8>, SignerError>,
}

impl Signer for Remote {
    fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    fn key_id(&self) -> &str {
        self.key.key_id()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignerError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            (self.answer)(call, self.key.sign(message).unwrap())
        })
    }
}

/// What a service that answers so brings: the outcome, its calls, and the requests.
async fn by_remote(
    algorithm: Algorithm,
    answer: fn(usize, Vec<u8>) -> Result<Vec<u8>, SignerError>,
) -> (Result<(), Error>, usize, usize) {
    let clock = clock();
    let remote = Arc::new(Remote {
        key: key(algorithm),
        calls: AtomicUsize::new(0),
        answer,
    });
    let stage = strict_for(&clock, &[&remote.key]).await;
    let client = ClientAuth::signer(CLIENT, remote.clone(), Audience::TokenEndpoint).unwrap();
    let wanted = Wanted::of(&env(&clock), &stage).client(client);
    let outcome = wanted.token().await.map(|_| ());
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
    let calls = remote.calls.load(Ordering::SeqCst);
    (outcome, calls, stage.count(Endpoint::Token))
}

#[tokio::test]
async fn a_remote_key_signs() {
    for algorithm in [Algorithm::ES256, Algorithm::PS384, Algorithm::EdDSA] {
        let (outcome, calls, requests) = by_remote(algorithm, |_, signature| Ok(signature)).await;
        outcome.unwrap();
        assert_eq!((calls, requests), (1, 1));
    }
}

#[tokio::test]
async fn a_signature_of_the_wrong_form_is_never_sent() {
    type Forms = [(
        &'static str,
        fn(usize, Vec<u8>) -> Result<Vec<u8>, SignerError>,
    ); 4];
    let forms: Forms = [
        ("DER", |_, signature| {
            let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
            Ok(signature.to_der().as_bytes().to_vec())
        }),
        ("63 bytes", |_, signature| Ok(signature[1..].to_vec())),
        ("empty", |_, _| Ok(Vec::new())),
        ("text", |_, signature| {
            Ok(STANDARD.encode(signature).into_bytes())
        }),
    ];
    for (says, form) in forms {
        let (outcome, calls, requests) = by_remote(Algorithm::ES256, form).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credential);
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert_eq!((calls, requests), (1, 0), "{says}");
    }
}

#[tokio::test]
async fn a_signer_that_fails_in_passing_is_asked_again() {
    let (outcome, calls, requests) = by_remote(Algorithm::ES256, |call, signature| match call {
        1 => Err(SignerError::passing("throttled")),
        _ => Ok(signature),
    })
    .await;
    outcome.unwrap();
    assert_eq!((calls, requests), (2, 1));

    let (outcome, calls, requests) = by_remote(Algorithm::ES256, |_, _| {
        Err(SignerError::passing("throttled"))
    })
    .await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert_eq!(error.recovery(), Recovery::Retry { after: None });
    assert_eq!((calls, requests), (3, 0));
}

#[tokio::test]
async fn a_signer_that_fails_for_good_is_asked_once() {
    let (outcome, calls, requests) = by_remote(Algorithm::ES256, |_, _| {
        Err(SignerError::lasting("no such key"))
    })
    .await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert_eq!(error.recovery(), Recovery::FixConfig);
    assert!(error.to_string().contains("no such key"), "{error}");
    assert_eq!((calls, requests), (1, 0));
}

// One key, several servers

#[tokio::test]
async fn one_key_for_two_servers_is_refused_where_one_could_use_it_at_the_other() {
    let clock = clock();
    let key = key(Algorithm::ES256);
    let one = strict_for(&clock, &[&key]).await;
    let other = strict_for(&clock, &[&key]).await;
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
    let wanted = |stage| Wanted::of(&env, stage).client(client.clone());
    let first = wanted(&one).build();
    let second = wanted(&one).scopes("read").build();
    let error = wanted(&other).try_build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(
        text.starts_with("key: ") && text.contains("key_shared_between_issuers"),
        "{text}"
    );

    let shared = wanted(&other)
        .departing(|departures| departures.assertion.key_shared_between_issuers = true)
        .build();
    for token in [first, second, shared] {
        token.token().await.unwrap();
    }
    assert_taken(&one, 2, &["client_assertion"]);
    assert_taken(&other, 1, &["client_assertion"]);
}

#[tokio::test]
async fn one_key_for_two_servers_is_taken_where_the_issuer_is_the_audience() {
    let clock = clock();
    let key = key(Algorithm::ES256);
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::Issuer);
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let stage = strict_for(&clock, &[&key]).await;
        stage.set_audience(AudiencePolicy::Issuer);
        let wanted = Wanted::of(&env, &stage).issuer(stage.issuer());
        let token = wanted.client(client.clone()).build();
        token.token().await.unwrap();
        assert_taken(&stage, 1, &["client_assertion"]);
        tokens.push(token);
    }
}

// What else is declared

#[tokio::test]
async fn declared_parameters_and_headers_are_sent() {
    let clock = clock();
    let stage = strict(&clock).await;
    let wanted = Wanted::of(&env(&clock), &stage).departing(|departures| {
        let request = &mut departures.request;
        request.parameters.insert("tenant".into(), "a b&c".into());
        request.headers.insert("x-tenant".into(), "42".into());
    });
    wanted.token().await.unwrap();
    assert_taken(&stage, 1, &["header"]);
    let log = stage.log();
    assert_eq!(log[0].parameter("tenant").as_deref(), Some("a b&c"));
    assert_eq!(log[0].header("x-tenant"), Some("42"));
}

#[tokio::test]
async fn scopes_are_joined_as_declared() {
    let clock = clock();
    let stage = strict(&clock).await;
    let granted = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 60});
    stage.answer(Endpoint::Token, Answer::json(200, &granted));
    let wanted = Wanted::of(&env(&clock), &stage)
        .scopes("write read")
        .departing(|departures| departures.request.scope_separator = ',');
    wanted.token().await.unwrap();
    assert_eq!(
        stage.log()[0].parameter("scope").as_deref(),
        Some("read,write")
    );
}
