//! A client's authentication as parameters or a header, made anew for every attempt.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::client_auth::{AssertionKey, Audience, AuthMethod, ClientAuth, HmacAlgorithm};
use crate::error::{Error, ErrorKind, Recovery};
use crate::grant::Parameters;
use crate::secret::{Secret, SecretRef, Secrets};
use crate::server::{AssertionDepartures, BasicEncoding, Departures};
use crate::signing_key::{Signer, check_signature_form};

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
        .map_err(|fault| Error::config("client_secret", fault).with_kind(ErrorKind::Credential))
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
                .map_err(|fault| Error::config("key", fault).with_kind(ErrorKind::Credential))?;
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

impl HmacAlgorithm {
    pub(super) fn name(self) -> &'static str {
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
