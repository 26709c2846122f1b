//! Keys made for the run, assertions by another library than the stage's, and a plain client.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use oauth_stage::{Authentication, RegisteredClient, Strict};
use reqwest::RequestBuilder;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};

pub const SECRET: &str = "a secret: of 100% reserved/characters";
pub const FORM: &str = "application/x-www-form-urlencoded";

pub struct Key {
    pub signing: EncodingKey,
    pub jwk: Value,
}

pub struct Keys {
    pub rsa: Key,
    /// In no JWK set.
    pub stranger: Key,
    pub p256: Key,
    pub p384: Key,
    pub ed25519: Key,
}

pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys {
        rsa: rsa("rsa"),
        stranger: rsa("stranger"),
        p256: ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", "p256"),
        p384: ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", "p384"),
        ed25519: ed25519(),
    })
}

impl Keys {
    pub fn by_algorithm(&self, algorithm: Algorithm) -> (&Key, &'static str) {
        match algorithm {
            Algorithm::ES256 => (&self.p256, "p256"),
            Algorithm::ES384 => (&self.p384, "p384"),
            Algorithm::EdDSA => (&self.ed25519, "ed25519"),
            _ => (&self.rsa, "rsa"),
        }
    }

    pub fn jwks(&self) -> Value {
        json!({"keys": [self.rsa.jwk, self.p256.jwk, self.p384.jwk, self.ed25519.jwk]})
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa(kid: &str) -> Key {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let key = rsa::PrivateKey::from_pkcs8_der(der.as_ref()).unwrap();
    Key {
        signing: EncodingKey::from_rsa_der(key.to_pkcs1_der().unwrap().as_bytes()),
        jwk: json!({
            "kty": "RSA", "kid": kid, "use": "sig",
            "n": encode(key.n_bytes()), "e": encode(key.e_bytes()),
        }),
    }
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &str, kid: &str) -> Key {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
    Key {
        signing: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
        jwk: json!({"kty": "EC", "crv": curve, "kid": kid, "x": encode(x), "y": encode(y)}),
    }
}

fn ed25519() -> Key {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public = encode(pair.public_key().as_ref());
    Key {
        signing: EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref()),
        jwk: json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed25519", "x": public}),
    }
}

/// A client assertion that is right until a test changes it.
pub struct Assertion {
    pub header: Value,
    pub claims: Value,
}

impl Assertion {
    pub fn new(stage: &Strict, algorithm: Algorithm) -> Self {
        let (_, kid) = keys().by_algorithm(algorithm);
        let now = stage.now().timestamp();
        Self {
            header: json!({"alg": format!("{algorithm:?}"), "typ": "JWT", "kid": kid}),
            claims: json!({
                "iss": "client", "sub": "client", "aud": stage.token_url(),
                "exp": now + 60, "iat": now, "jti": jti(),
            }),
        }
    }

    pub fn sign(&self, algorithm: Algorithm, key: &EncodingKey) -> String {
        let message = format!(
            "{}.{}",
            encode(self.header.to_string()),
            encode(self.claims.to_string())
        );
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// Signed with the key that its algorithm is registered for.
    pub fn signed(&self, algorithm: Algorithm) -> String {
        self.sign(algorithm, &keys().by_algorithm(algorithm).0.signing)
    }
}

pub fn jti() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    encode(bytes)
}

pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token request with this assertion.
pub async fn with_assertion(stage: &Strict, assertion: &str) -> (u16, Value) {
    token(
        stage,
        &[
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ],
    )
    .await
}

/// A server with one client, `client`, of the scopes `read` and `write`.
pub async fn stage(authentication: Authentication) -> Strict {
    Strict::builder()
        .client(client(authentication))
        .start()
        .await
        .unwrap()
}

pub fn client(authentication: Authentication) -> RegisteredClient {
    RegisteredClient::new("client", authentication).scopes(["read", "write"])
}

/// A server whose client has [`SECRET`] and sends it in the form.
pub async fn post_stage() -> Strict {
    stage(Authentication::SecretPost(SECRET.into())).await
}

/// The parameters of a client of [`post_stage`].
pub const CREDENTIALS: [(&str, &str); 2] = [("client_id", "client"), ("client_secret", SECRET)];

pub async fn token(stage: &Strict, form: &[(&str, &str)]) -> (u16, Value) {
    answer(post(&stage.token_url()).form(form)).await
}

/// A request by client credentials with the secret in the form.
pub async fn grant(stage: &Strict, more: &[(&str, &str)]) -> (u16, Value) {
    let form = [
        &[("grant_type", "client_credentials")],
        &CREDENTIALS[..],
        more,
    ]
    .concat();
    token(stage, &form).await
}

pub async fn refresh(stage: &Strict, token: &str) -> (u16, Value) {
    let grant = [("grant_type", "refresh_token"), ("refresh_token", token)];
    self::token(stage, &[&grant[..], &CREDENTIALS[..]].concat()).await
}

pub fn post(url: &str) -> RequestBuilder {
    reqwest::Client::new()
        .post(url)
        .header("accept", "application/json")
}

pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null),
    )
}

pub fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member]
        .as_str()
        .unwrap_or_else(|| panic!("{member} is missing in {answer}"))
}

/// One violation, whose text has this part.
pub fn assert_violation(stage: &Strict, part: &str) {
    let violations = stage.violations();
    assert!(
        violations.len() == 1 && violations[0].contains(part),
        "expected one violation with {part:?}, found {violations:?}"
    );
}
