//! How a client proves who it is at the token endpoint (RFC 6749 2.3, RFC 7523 2.2).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::env::Env;
use crate::error::{Error, ErrorKind, Recovery};
use crate::grant::Parameters;
use crate::secret::{Secret, SecretRef, Secrets};
use crate::server::{AssertionDepartures, BasicEncoding, Departures};
use crate::signing_key::{Algorithm, KeyOptions, KeySource, Signer, check_signature_form};

/// A client and how it proves who it is. It is one method; no other is ever tried.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientAuth {
    /// The client identifier (RFC 6749 2.2).
    pub id: String,
    /// How it proves that it is that client.
    pub method: AuthMethod,
}

/// How a client proves who it is; the names are those of RFC 7591 2 and OpenID Connect Core 9.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuthMethod {
    /// `none`: a public client sends its `client_id` alone.
    None,
    /// `client_secret_basic`: id and secret in the `Authorization` header.
    SecretBasic(SecretRef),
    /// `client_secret_post`: id and secret in the form.
    SecretPost(SecretRef),
    /// `client_secret_jwt`: an assertion with a keyed hash.
    SecretJwt {
        /// The key of the hash.
        secret: SecretRef,
        /// Which hash.
        algorithm: HmacAlgorithm,
        /// For whom the assertion is.
        audience: Audience,
    },
    /// `private_key_jwt`: an assertion with a signature.
    PrivateKeyJwt {
        /// What signs.
        key: AssertionKey,
        /// For whom the assertion is.
        audience: Audience,
    },
}

/// The `aud` of an assertion: one string, chosen, never guessed (RFC 7523 3,
/// draft-ietf-oauth-security-topics-update 2.1.2). In a configuration: `"token_endpoint"`, `"issuer"`
/// or the audience itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audience {
    /// The token endpoint's URL, letter by letter as it is posted to (SMART App Launch 2.2).
    TokenEndpoint,
    /// The issuer, which must be configured or discovered.
    Issuer,
    /// Another one.
    Exact(String),
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "token_endpoint" => Ok(Self::TokenEndpoint),
            "issuer" => Ok(Self::Issuer),
            "" => Err(D::Error::custom(
                "expected `token_endpoint`, `issuer` or the audience itself",
            )),
            _ => Ok(Self::Exact(text)),
        }
    }
}

/// A keyed hash (RFC 7518 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
pub enum HmacAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

impl HmacAlgorithm {
    fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    fn sign(self, secret: &Secret, message: &[u8]) -> Vec<u8> {
        use aws_lc_rs::hmac;
        let algorithm = match self {
            Self::HS256 => hmac::HMAC_SHA256,
            Self::HS384 => hmac::HMAC_SHA384,
            Self::HS512 => hmac::HMAC_SHA512,
        };
        let key = hmac::Key::new(algorithm, secret.expose().as_bytes());
        hmac::sign(&key, message).as_ref().to_vec()
    }
}

/// What signs an assertion.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AssertionKey {
    /// A key in a file or variable, read at each use.
    Source(Arc<KeySource>),
    /// A key that never leaves its place.
    Signer(Arc<dyn Signer>),
}

/// A private key as a configuration writes it.
///
/// ```toml
/// [key]
/// source = "file:acme.pem"     # or "env:ACME_KEY"
/// algorithm = "RS384"          # needed for RSA; elliptic curves imply theirs
/// key_id = "2026-01"           # default: the RFC 7638 thumbprint
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyConfig {
    /// Where the key is: PKCS#1, PKCS#8 (encrypted too), SEC1 or JWK.
    pub source: SecretRef,
    /// The algorithm to sign with (RFC 7518 3.1).
    pub algorithm: Option<Algorithm>,
    /// The `kid` that the server knows the key by.
    pub key_id: Option<String>,
    /// The passphrase of an encrypted key.
    pub passphrase: Option<SecretRef>,
    /// The certificate of the key, for `x5t#S256` (RFC 7515 4.1.8).
    pub certificate: Option<SecretRef>,
}

impl ClientAuth {
    fn new(id: impl Into<String>, method: AuthMethod) -> Result<Self, Error> {
        let id = id.into();
        // RFC 6749 A.1: visible ASCII and space
        if id.is_empty() || !id.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
            return Err(Error::config(
                "client_id",
                "this is empty or holds a control character or something beyond ASCII (RFC 6749 A.1)",
            ));
        }
        Ok(Self { id, method })
    }

    /// A public client: `client_id` alone.
    ///
    /// # Errors
    /// The id is not one.
    pub fn none(id: impl Into<String>) -> Result<Self, Error> {
        Self::new(id, AuthMethod::None)
    }

    /// `client_secret_basic`.
    ///
    /// # Errors
    /// The id is not one, or the secret cannot be read.
    pub fn secret_basic(
        env: &Env,
        id: impl Into<String>,
        secret: SecretRef,
    ) -> Result<Self, Error> {
        readable(env, &secret)?;
        Self::new(id, AuthMethod::SecretBasic(secret))
    }

    /// `client_secret_post`.
    ///
    /// # Errors
    /// The id is not one, or the secret cannot be read.
    pub fn secret_post(env: &Env, id: impl Into<String>, secret: SecretRef) -> Result<Self, Error> {
        readable(env, &secret)?;
        Self::new(id, AuthMethod::SecretPost(secret))
    }

    /// `client_secret_jwt`.
    ///
    /// # Errors
    /// The id is not one, or the secret cannot be read.
    pub fn secret_jwt(
        env: &Env,
        id: impl Into<String>,
        secret: SecretRef,
        algorithm: HmacAlgorithm,
        audience: Audience,
    ) -> Result<Self, Error> {
        readable(env, &secret)?;
        Self::new(
            id,
            AuthMethod::SecretJwt {
                secret,
                algorithm,
                audience,
            },
        )
    }

    /// `private_key_jwt` with a key from a configuration, which is parsed and tried now.
    ///
    /// # Errors
    /// The id is not one, or the key cannot be read or used; the message names the setting.
    pub fn private_key_jwt(
        env: &Env,
        id: impl Into<String>,
        key: &KeyConfig,
        audience: Audience,
    ) -> Result<Self, Error> {
        let certificate = match &key.certificate {
            Some(reference) => Some(
                reference
                    .read_bytes(env.secrets())
                    .map_err(|fault| Error::config("key.certificate", fault))?
                    .to_vec(),
            ),
            None => None,
        };
        let options = KeyOptions {
            algorithm: key.algorithm,
            key_id: key.key_id.clone(),
            passphrase: None,
            certificate,
        };
        let source = KeySource::new(key.source.clone(), key.passphrase.clone(), options);
        source
            .current(env.secrets())
            .map_err(|fault| Error::config("key", fault))?;
        let key = AssertionKey::Source(Arc::new(source));
        Self::new(id, AuthMethod::PrivateKeyJwt { key, audience })
    }

    /// `private_key_jwt` with a key that never leaves an HSM or KMS.
    ///
    /// # Errors
    /// The id is not one.
    pub fn signer(
        id: impl Into<String>,
        signer: Arc<dyn Signer>,
        audience: Audience,
    ) -> Result<Self, Error> {
        Self::new(
            id,
            AuthMethod::PrivateKeyJwt {
                key: AssertionKey::Signer(signer),
                audience,
            },
        )
    }

    /// The method's registered name (RFC 7591 2).
    pub fn method_name(&self) -> &'static str {
        match &self.method {
            AuthMethod::None => "none",
            AuthMethod::SecretBasic(_) => "client_secret_basic",
            AuthMethod::SecretPost(_) => "client_secret_post",
            AuthMethod::SecretJwt { .. } => "client_secret_jwt",
            AuthMethod::PrivateKeyJwt { .. } => "private_key_jwt",
        }
    }

    /// Tells credentials apart without giving them away: the thumbprint of a public key, or 32 bits
    /// of a hash of the secret, which fit too many secrets to find one by.
    pub(crate) fn fingerprint(&self, secrets: &Secrets) -> Result<String, Error> {
        match &self.method {
            AuthMethod::None => Ok(String::new()),
            AuthMethod::SecretBasic(secret)
            | AuthMethod::SecretPost(secret)
            | AuthMethod::SecretJwt { secret, .. } => {
                let secret = secret
                    .read(secrets)
                    .map_err(|fault| Error::config("client_secret", fault))?;
                let hash = aws_lc_rs::digest::digest(
                    &aws_lc_rs::digest::SHA256,
                    secret.expose().as_bytes(),
                );
                Ok(URL_SAFE_NO_PAD.encode(&hash.as_ref()[..4]))
            }
            AuthMethod::PrivateKeyJwt { .. } => {
                Ok(self.public_key_name(secrets)?.unwrap_or_default())
            }
        }
    }

    /// What names the key pair that signs, where one does.
    pub(crate) fn public_key_name(&self, secrets: &Secrets) -> Result<Option<String>, Error> {
        match &self.method {
            AuthMethod::PrivateKeyJwt {
                key: AssertionKey::Source(source),
                ..
            } => {
                let key = source
                    .current(secrets)
                    .map_err(|fault| Error::config("key", fault))?;
                Ok(Some(key.thumbprint().to_owned()))
            }
            AuthMethod::PrivateKeyJwt {
                key: AssertionKey::Signer(signer),
                ..
            } => Ok(Some(signer.key_id().to_owned())),
            _ => Ok(None),
        }
    }

    /// The audience of the assertion, where one is sent.
    pub(crate) fn audience(&self) -> Option<&Audience> {
        match &self.method {
            AuthMethod::SecretJwt { audience, .. } | AuthMethod::PrivateKeyJwt { audience, .. } => {
                Some(audience)
            }
            _ => None,
        }
    }

    /// The algorithm an assertion is signed with, where one is sent.
    pub(crate) fn assertion_algorithm(&self, secrets: &Secrets) -> Result<Option<String>, Error> {
        Ok(match &self.method {
            AuthMethod::SecretJwt { algorithm, .. } => Some(algorithm.name().to_owned()),
            AuthMethod::PrivateKeyJwt {
                key: AssertionKey::Source(source),
                ..
            } => {
                let key = source
                    .current(secrets)
                    .map_err(|fault| Error::config("key", fault))?;
                Some(key.algorithm().to_string())
            }
            AuthMethod::PrivateKeyJwt {
                key: AssertionKey::Signer(signer),
                ..
            } => Some(signer.algorithm().to_string()),
            _ => None,
        })
    }
}

fn readable(env: &Env, secret: &SecretRef) -> Result<(), Error> {
    secret
        .read(env.secrets())
        .map(|_| ())
        .map_err(|fault| Error::config("client_secret", fault))
}

/// What an attempt is made with.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    pub now: DateTime<Utc>,
    pub token_url: &'a Url,
    pub issuer: Option<&'a str>,
    pub departures: &'a Departures,
    pub secrets: &'a Secrets,
}

/// What authentication added to one attempt.
#[derive(Debug)]
pub(crate) struct Applied {
    /// In words without a secret: method, id, key, audience.
    pub description: String,
    /// Secrets beside those in the parameters.
    pub secrets: Vec<Secret>,
}

impl ClientAuth {
    /// Adds the client's authentication to one attempt: secrets are read, and assertions made, anew.
    pub(crate) async fn apply(
        &self,
        attempt: &Attempt<'_>,
        parameters: &mut Parameters,
        headers: &mut HeaderMap,
    ) -> Result<Applied, Error> {
        let id = crate::text::escape(&self.id);
        let mut description = format!("`{}` as client `{id}`", self.method_name());
        let mut secrets = Vec::new();
        match &self.method {
            AuthMethod::None => parameters.push("client_id", &self.id)?,
            AuthMethod::SecretBasic(secret) => {
                let secret = read(secret, attempt)?;
                let (header, encoded) =
                    basic(&self.id, &secret, attempt.departures.request.basic_encoding)?;
                headers.insert(http::header::AUTHORIZATION, header);
                secrets.extend([secret, encoded]);
            }
            AuthMethod::SecretPost(secret) => {
                parameters.push("client_id", &self.id)?;
                parameters.push_secret("client_secret", read(secret, attempt)?)?;
            }
            AuthMethod::SecretJwt {
                secret,
                algorithm,
                audience,
            } => {
                let secret = read(secret, attempt)?;
                let audience = audience.resolve(attempt)?;
                let head = head(algorithm.name(), &attempt.departures.assertion);
                let input = signing_input(&head, &self.claims(audience, attempt)?);
                let signature = algorithm.sign(&secret, input.as_bytes());
                self.push_assertion(parameters, attempt, &input, &signature)?;
                description.push_str(&format!(", {}, audience `{audience}`", algorithm.name()));
                secrets.push(secret);
            }
            AuthMethod::PrivateKeyJwt { key, audience } => {
                let audience = audience.resolve(attempt)?;
                let claims = self.claims(audience, attempt)?;
                let (input, signature, key_id) = sign(key, &claims, attempt).await?;
                self.push_assertion(parameters, attempt, &input, &signature)?;
                let key_id = crate::text::escape(&key_id);
                description.push_str(&format!(", key id `{key_id}`, audience `{audience}`"));
            }
        }
        Ok(Applied {
            description,
            secrets,
        })
    }

    fn push_assertion(
        &self,
        parameters: &mut Parameters,
        attempt: &Attempt<'_>,
        input: &str,
        signature: &[u8],
    ) -> Result<(), Error> {
        const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        if attempt.departures.request.client_id_with_assertion {
            parameters.push("client_id", &self.id)?;
        }
        parameters.push("client_assertion_type", TYPE)?;
        let assertion = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
        parameters.push_secret("client_assertion", Secret::new(assertion))
    }

    /// RFC 7523 3: who, for whom, from when until when, and a name that is never used again.
    fn claims(&self, audience: &str, attempt: &Attempt<'_>) -> Result<Value, Error> {
        let departures = &attempt.departures.assertion;
        let lifetime = departures.lifetime.unwrap_or(Duration::from_secs(60));
        let issued_at = attempt.now.timestamp();
        let mut claims = Map::new();
        claims.insert("iss".into(), self.id.as_str().into());
        claims.insert("sub".into(), self.id.as_str().into());
        claims.insert("aud".into(), audience.into());
        claims.insert("jti".into(), fresh_name()?.into());
        claims.insert("iat".into(), issued_at.into());
        claims.insert(
            "exp".into(),
            (issued_at + i64::try_from(lifetime.as_secs()).unwrap_or(60)).into(),
        );
        if departures.not_before {
            claims.insert("nbf".into(), issued_at.into());
        }
        Ok(Value::Object(claims))
    }
}

impl Audience {
    fn resolve<'a>(&'a self, attempt: &Attempt<'a>) -> Result<&'a str, Error> {
        match self {
            Self::TokenEndpoint => Ok(attempt.token_url.as_str()),
            Self::Exact(audience) => Ok(audience),
            Self::Issuer => attempt.issuer.ok_or_else(|| {
                Error::config(
                    "audience",
                    "the issuer is the audience, but neither configured nor discovered",
                )
                .remedy("set `issuer`, or another audience")
            }),
        }
    }
}

fn read(secret: &SecretRef, attempt: &Attempt<'_>) -> Result<Secret, Error> {
    secret
        .read(attempt.secrets)
        .map_err(|fault| Error::config("client_secret", fault).with_kind_of_credential())
}

/// RFC 6749 2.3.1: both halves are encoded as a form, then joined, then Base64.
fn basic(
    id: &str,
    secret: &Secret,
    encoding: BasicEncoding,
) -> Result<(HeaderValue, Secret), Error> {
    let form = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = match encoding {
        BasicEncoding::Form => format!("{}:{}", form(id), form(secret.expose())),
        BasicEncoding::Raw if id.contains(':') => {
            let problem = "a raw Basic header cannot carry an id with a colon (RFC 7617 2)";
            return Err(Error::config("departures.request.basic_encoding", problem));
        }
        BasicEncoding::Raw => format!("{id}:{}", secret.expose()),
    };
    let encoded = Secret::new(STANDARD.encode(zeroize::Zeroizing::new(pair).as_bytes()));
    let mut header = HeaderValue::try_from(format!("Basic {}", encoded.expose()))
        .map_err(|_| Error::config("client_secret", "this does not fit into a header"))?;
    header.set_sensitive(true);
    Ok((header, encoded))
}

/// At least 128 random bits (RFC 7523 3 wants a `jti` that is unique), new for every attempt.
fn fresh_name() -> Result<String, Error> {
    let mut bytes = [0; 20];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| {
        Error::new(
            ErrorKind::Credential,
            "the system gives no random numbers, and a weak `jti` is never sent",
        )
        .with_recovery(Recovery::Retry { after: None })
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn head(algorithm: &str, departures: &AssertionDepartures) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("alg".into(), algorithm.into());
    head.insert(
        "typ".into(),
        departures.header_type.as_deref().unwrap_or("JWT").into(),
    );
    head
}

fn signing_input(head: &Map<String, Value>, claims: &Value) -> String {
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}",
        encode(Value::Object(head.clone()).to_string()),
        encode(claims.to_string())
    )
}

async fn sign(
    key: &AssertionKey,
    claims: &Value,
    attempt: &Attempt<'_>,
) -> Result<(String, Vec<u8>, String), Error> {
    let local;
    let signer: &dyn Signer = match key {
        AssertionKey::Source(source) => {
            local = source
                .current(attempt.secrets)
                .map_err(|fault| Error::config("key", fault).with_kind_of_credential())?;
            &*local
        }
        AssertionKey::Signer(signer) => &**signer,
    };
    let mut head = head(
        &signer.algorithm().to_string(),
        &attempt.departures.assertion,
    );
    head.insert("kid".into(), signer.key_id().into());
    if let Some(thumbprint) = signer.certificate_thumbprint() {
        head.insert("x5t#S256".into(), thumbprint.into());
    }
    let input = signing_input(&head, claims);
    let signature = signer.sign(input.as_bytes()).await.map_err(|fault| {
        let error = Error::new(ErrorKind::Credential, format!("the signer failed: {fault}"));
        if fault.is_retryable() {
            error.with_recovery(Recovery::Retry { after: None })
        } else {
            error
        }
    })?;
    check_signature_form(signer.algorithm(), &signature)
        .map_err(|fault| Error::new(ErrorKind::Credential, fault.to_string()))?;
    Ok((input, signature, signer.key_id().to_owned()))
}

impl Error {
    /// A credential that could be used at first and cannot now.
    fn with_kind_of_credential(self) -> Self {
        self.with_kind(ErrorKind::Credential)
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenEndpoint => f.write_str("token_endpoint"),
            Self::Issuer => f.write_str("issuer"),
            Self::Exact(audience) => f.write_str(audience),
        }
    }
}
