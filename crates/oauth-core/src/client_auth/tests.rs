//! Clients as they are configured, and what they send to prove who they are.

mod proofs;

use super::*;
use crate::config;
use crate::http::HttpSettings;
use crate::signing_key::SigningKey;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
struct Written {
    #[serde(default)]
    method: SecretMethod,
}

fn parse(method: Value) -> Result<SecretMethod, Error> {
    config::parse::<Written>(json!({"method": method})).map(|written| written.method)
}

#[test]
fn a_method_of_a_secret_is_written_by_its_registered_name() {
    let unwritten = config::parse::<Written>(json!({})).unwrap().method;
    assert_eq!(unwritten, SecretMethod::ClientSecretBasic);
    assert_eq!(
        parse(json!("client_secret_post")).unwrap(),
        SecretMethod::ClientSecretPost
    );
    assert_eq!(
        parse(json!({"client_secret_jwt": {"algorithm": "HS384", "audience": "issuer"}})).unwrap(),
        SecretMethod::ClientSecretJwt {
            algorithm: HmacAlgorithm::HS384,
            audience: Audience::Issuer,
        }
    );
    for (bad, says) in [
        (json!("client_secret"), "method"),
        (json!("client_secret_jwt"), "method"),
        (
            json!({"client_secret_jwt": {"algorithm": "HS256"}}),
            "audience",
        ),
        (
            json!({"client_secret_jwt": {"algorithm": "HS256", "audience": "issuer", "x": 1}}),
            "unknown key",
        ),
    ] {
        let text = parse(bad).unwrap_err().to_string();
        assert!(text.contains(says), "{says:?} is not in: {text}");
    }
}

/// An environment whose only variable is `SECRET`.
fn env() -> Env {
    Env::builder(HttpSettings::default())
        .variables(|name| (name == "SECRET").then(|| "s3cret".into()))
        .build()
        .unwrap()
}

fn secret() -> SecretRef {
    SecretRef::variable("SECRET")
}

fn identity() -> Arc<TlsIdentity> {
    let nowhere = SecretRef::variable("NOWHERE");
    Arc::new(TlsIdentity::new(IdentityConfig::new(
        nowhere.clone(),
        nowhere,
    )))
}

/// A key on P-256 where a configuration finds it.
fn key(options: KeyOptions) -> AssertionKey {
    let pem = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .to_pkcs8_pem()
        .unwrap();
    let source = KeySource::new(SecretRef::given(pem), None, options);
    AssertionKey::Source(Arc::new(source))
}

fn client(method: AuthMethod) -> ClientAuth {
    ClientAuth::new("id", method).unwrap()
}

fn secret_jwt(audience: Audience) -> AuthMethod {
    AuthMethod::SecretJwt {
        secret: secret(),
        algorithm: HmacAlgorithm::HS384,
        audience,
    }
}

fn private_key_jwt() -> AuthMethod {
    AuthMethod::PrivateKeyJwt {
        key: key(KeyOptions::default()),
        audience: Audience::Issuer,
    }
}

fn federated() -> AuthMethod {
    AuthMethod::Federated(AssertionSource::Reference(secret()))
}

#[test]
fn an_audience_is_written_as_it_shows_itself() {
    for (written, audience) in [
        ("token_endpoint", Audience::TokenEndpoint),
        ("issuer", Audience::Issuer),
        (
            "https://x.example",
            Audience::Exact("https://x.example".into()),
        ),
    ] {
        let read: Audience = serde_json::from_value(json!(written)).unwrap();
        assert_eq!(read, audience);
        assert_eq!(audience.to_string(), written);
    }
    let error = serde_json::from_value::<Audience>(json!("")).unwrap_err();
    assert!(error.to_string().contains("or the audience itself"));
}

#[test]
fn a_method_has_its_registered_name() {
    for (method, name) in [
        (AuthMethod::None, "none"),
        (AuthMethod::SecretBasic(secret()), "client_secret_basic"),
        (AuthMethod::SecretPost(secret()), "client_secret_post"),
        (secret_jwt(Audience::Issuer), "client_secret_jwt"),
        (private_key_jwt(), "private_key_jwt"),
        (federated(), "private_key_jwt"),
        (AuthMethod::Tls(identity()), "tls_client_auth"),
        (
            AuthMethod::SelfSignedTls(identity()),
            "self_signed_tls_client_auth",
        ),
    ] {
        assert_eq!(client(method).method_name(), name);
    }
}

#[test]
fn a_certificate_is_shown_by_the_methods_that_are_one() {
    for method in [AuthMethod::Tls, AuthMethod::SelfSignedTls] {
        let identity = identity();
        let client = client(method(identity.clone()));
        assert!(std::ptr::eq(client.identity().unwrap(), &*identity));
    }
    assert!(client(AuthMethod::None).identity().is_none());
}

#[test]
fn a_secret_that_cannot_be_read_is_told_when_the_client_is_made() {
    let nowhere = || SecretRef::variable("NOWHERE");
    let (env, hs256) = (env(), HmacAlgorithm::HS256);
    for made in [
        ClientAuth::secret_basic(&env, "id", nowhere()),
        ClientAuth::secret_post(&env, "id", nowhere()),
        ClientAuth::secret_jwt(&env, "id", nowhere(), hs256, Audience::Issuer),
    ] {
        let error = made.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = error.to_string();
        assert!(text.starts_with("client_secret: "), "{text}");
    }
    ClientAuth::secret_basic(&env, "id", secret()).unwrap();
}

#[test]
fn a_key_is_used_by_the_algorithm_and_the_name_that_are_configured() {
    let AssertionKey::Source(source) = key(KeyOptions::default()) else {
        panic!("a key of another kind")
    };
    let pem = source.current(env().secrets()).unwrap().to_pkcs8_pem();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, pem.unwrap().expose()).unwrap();
    let made = |algorithm, key_id: Option<&str>| {
        let key = KeyConfig {
            source: SecretRef::file(&file),
            algorithm,
            key_id: key_id.map(str::to_owned),
            passphrase: None,
            certificate: None,
        };
        ClientAuth::private_key_jwt(&env(), "id", &key, Audience::Issuer)
    };
    let error = made(Some(Algorithm::RS256), None).unwrap_err().to_string();
    assert!(error.starts_with("key: "), "{error}");
    let AuthMethod::PrivateKeyJwt {
        key: AssertionKey::Source(source),
        ..
    } = made(None, Some("2026-01")).unwrap().method
    else {
        panic!("another method")
    };
    let used = source.current(env().secrets()).unwrap();
    assert_eq!(used.key_id(), "2026-01");
}

#[test]
fn credentials_are_told_apart_by_what_gives_none_of_them_away() {
    let env = Env::builder(HttpSettings::default())
        .variables(|name| ["ONE", "TWO"].contains(&name).then(|| name.into()))
        .build()
        .unwrap();
    let of = |client: &ClientAuth| client.fingerprint(env.secrets()).unwrap();
    let basic = |name: &str| of(&client(AuthMethod::SecretBasic(SecretRef::variable(name))));
    // the first 32 bits of SHA-256 of `ONE`, by another program
    assert_eq!(basic("ONE"), ONE_HASHED);
    assert_ne!(basic("ONE"), basic("TWO"));
    let post = client(AuthMethod::SecretPost(SecretRef::variable("ONE")));
    assert_eq!(of(&post), basic("ONE"));
    assert_eq!(of(&client(AuthMethod::None)), "");
    let nowhere = client(federated());
    assert_eq!(of(&nowhere), AssertionSource::Reference(secret()).name());
    assert_ne!(of(&nowhere), "");
}

/// By `printf ONE | openssl sha256 -binary | head -c 4 | basenc --base64url`.
const ONE_HASHED: &str = "IZLolQ";

#[test]
fn a_client_is_known_by_the_key_that_signs_for_it() {
    let env = env();
    let thumbprint = |client: &ClientAuth| client.key_thumbprint(env.secrets()).unwrap();
    let signed = client(private_key_jwt());
    let AuthMethod::PrivateKeyJwt {
        key: AssertionKey::Source(source),
        ..
    } = &signed.method
    else {
        panic!("another method")
    };
    let own = source.current(env.secrets()).unwrap();
    assert_eq!(thumbprint(&signed).as_deref(), Some(own.thumbprint()));
    assert_eq!(signed.fingerprint(env.secrets()).unwrap(), own.thumbprint());
    let held = AssertionKey::Signer(own.clone());
    let held = client(AuthMethod::PrivateKeyJwt {
        key: held,
        audience: Audience::Issuer,
    });
    assert_eq!(thumbprint(&held).as_deref(), Some(own.thumbprint()));
    let elsewhere = AssertionSource::Reference(secret()).name();
    assert_eq!(thumbprint(&client(federated())), Some(elsewhere));
    assert_eq!(thumbprint(&client(AuthMethod::SecretBasic(secret()))), None);
}

#[test]
fn an_assertion_has_an_audience_and_an_algorithm_and_nothing_else_has() {
    let env = env();
    let AuthMethod::PrivateKeyJwt { key, audience } = private_key_jwt() else {
        panic!("another method")
    };
    let AssertionKey::Source(source) = &key else {
        panic!("a key of another kind")
    };
    let signer = AssertionKey::Signer(source.current(env.secrets()).unwrap());
    let held = AuthMethod::PrivateKeyJwt {
        key: signer,
        audience: audience.clone(),
    };
    for (method, algorithm) in [
        (secret_jwt(Audience::Issuer), Some("HS384")),
        (AuthMethod::PrivateKeyJwt { key, audience }, Some("ES256")),
        (held, Some("ES256")),
        (AuthMethod::SecretBasic(secret()), None),
        (AuthMethod::None, None),
    ] {
        let client = client(method);
        let named = client.assertion_algorithm(env.secrets()).unwrap();
        assert_eq!(named.as_deref(), algorithm);
        let audience = algorithm.map(|_| &Audience::Issuer);
        assert_eq!(client.audience(), audience);
    }
}
