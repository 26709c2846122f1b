//! Each method, and what goes with it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
use oauth_core::env::Env;
use oauth_core::error::ErrorKind;
use oauth_core::server::BasicEncoding;
use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};
use oauth_core::source::TokenSource as _;
use oauth_stage::{Authentication, RegisteredClient};
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;

use crate::support::{CLIENT, SCOPES, SECRET, Wanted, clock, env, given, strict};
use crate::{
    assert_taken, env_of, key, key_config, key_pem, register, register_keys, strict_for, with_key,
};

#[tokio::test]
async fn r004_r011_a_token_request_is_a_post_of_a_form_that_wants_json() {
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
async fn r021_basic_encodes_id_and_secret_as_a_form_before_base64() {
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
async fn r022_basic_is_raw_only_where_that_is_declared() {
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
async fn r020_r023_post_sends_id_and_secret_in_the_form_alone() {
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
async fn r034_a_key_signs_with_every_algorithm() {
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
