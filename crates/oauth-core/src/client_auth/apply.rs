//! A client's authentication as parameters or a header, made anew for every attempt.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::client_auth::{AssertionKey, Audience, AuthMethod, ClientAuth, HmacAlgorithm};
use crate::error::{Error, ErrorKind, Recovery};
use crate::parameters::Parameters;
use crate::secret::{Secret, SecretRef, Secrets};
use crate::server::{
    AssertionDepartures, BasicCredentials, BasicEncoding, Departures, RequestDepartures,
};
use crate::signing_key::{Signer, check_signature_form};

/// The claims of an assertion (RFC 7523 3).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// What an attempt is made with.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    pub now: DateTime<Utc>,
    pub token_url: &'a Url,
    pub issuer: Option<&'a str>,
    pub departures: &'a Departures,
    pub secrets: &'a Secrets,
    /// How long a signer may take.
    pub patience: Duration,
}

/// What authentication added to one attempt. It shows itself without a secret: method, id, key,
/// audience.
#[derive(Debug)]
pub(crate) struct Applied<'a> {
    client: &'a ClientAuth,
    /// What an assertion was made with.
    signed: Option<Signed<'a>>,
    /// Secrets beside those in the parameters.
    pub secrets: Vec<Secret>,
}

#[derive(Debug)]
enum Signed<'a> {
    Hmac(HmacAlgorithm, &'a str),
    Key(String, &'a str),
    Elsewhere(String),
}

impl fmt::Display for Applied<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = crate::text::escape(&self.client.id);
        write!(f, "`{}` as client `{id}`", self.client.method_name())?;
        match &self.signed {
            None => Ok(()),
            Some(Signed::Hmac(algorithm, audience)) => {
                write!(f, ", {}, audience `{audience}`", algorithm.name())
            }
            Some(Signed::Key(key_id, audience)) => {
                let key_id = crate::text::escape(key_id);
                write!(f, ", key id `{key_id}`, audience `{audience}`")
            }
            Some(Signed::Elsewhere(source)) => write!(f, ", the assertion from {source}"),
        }
    }
}

impl ClientAuth {
    /// Adds the client's authentication to one attempt: secrets are read, and assertions made, anew.
    pub(crate) async fn apply<'a>(
        &'a self,
        attempt: &Attempt<'a>,
        parameters: &mut Parameters,
        headers: &mut HeaderMap,
    ) -> Result<Applied<'a>, Error> {
        let mut signed = None;
        let mut secrets = Vec::new();
        match &self.method {
            AuthMethod::None => parameters.push("client_id", &self.id)?,
            AuthMethod::SecretBasic(secret) => {
                let secret = read(secret, attempt)?;
                let (header, encoded) = basic(&self.id, &secret, &attempt.departures.request)?;
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
                let header = header(algorithm.name(), &attempt.departures.assertion)?;
                let claims = self.claims(audience, attempt)?;
                let key = EncodingKey::from_secret(secret.expose().as_bytes());
                let assertion = jsonwebtoken::encode(&header, &claims, &key)
                    .map_err(|error| unmakeable(&error))?;
                self.push_assertion(parameters, attempt, Secret::new(assertion))?;
                signed = Some(Signed::Hmac(*algorithm, audience));
                secrets.push(secret);
            }
            AuthMethod::PrivateKeyJwt { key, audience } => {
                let audience = audience.resolve(attempt)?;
                let claims = self.claims(audience, attempt)?;
                let (assertion, key_id) = sign(key, &claims, attempt).await?;
                self.push_assertion(parameters, attempt, assertion)?;
                signed = Some(Signed::Key(key_id, audience));
            }
            AuthMethod::Federated(source) => {
                let assertion = source.read(attempt.secrets, attempt.patience).await?;
                self.push_assertion(parameters, attempt, assertion)?;
                signed = Some(Signed::Elsewhere(source.name()));
            }
            // the certificate is shown by the connection (RFC 8705 2)
            AuthMethod::Tls(_) | AuthMethod::SelfSignedTls(_) => {
                parameters.push("client_id", &self.id)?;
            }
        }
        Ok(Applied {
            client: self,
            signed,
            secrets,
        })
    }

    fn push_assertion(
        &self,
        parameters: &mut Parameters,
        attempt: &Attempt<'_>,
        assertion: Secret,
    ) -> Result<(), Error> {
        const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        if attempt.departures.request.client_id_with_assertion {
            parameters.push("client_id", &self.id)?;
        }
        parameters.push("client_assertion_type", TYPE)?;
        parameters.push_secret("client_assertion", assertion)
    }

    /// RFC 7523 3: who, for whom, from when until when, and a name that is never used again.
    fn claims<'a>(&'a self, audience: &'a str, attempt: &Attempt<'a>) -> Result<Claims<'a>, Error> {
        let departures = &attempt.departures.assertion;
        let lifetime = departures.lifetime.unwrap_or(Duration::from_secs(60));
        let issued_at = attempt.now.timestamp();
        Ok(Claims {
            iss: departures.issuer.as_deref().unwrap_or(&self.id),
            sub: &self.id,
            aud: audience,
            jti: fresh_name()?,
            iat: issued_at,
            exp: issued_at + i64::try_from(lifetime.as_secs()).unwrap_or(60),
            nbf: departures.not_before.then_some(issued_at),
        })
    }
}

impl Audience {
    pub(crate) fn resolve<'a>(&'a self, attempt: &Attempt<'a>) -> Result<&'a str, Error> {
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
    declared: &RequestDepartures,
) -> Result<(HeaderValue, Secret), Error> {
    let form = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let (id, secret) = match declared.basic_credentials {
        BasicCredentials::IdAndSecret => (id, secret.expose()),
        BasicCredentials::SecretAlone => (secret.expose(), ""),
    };
    let pair = match declared.basic_encoding {
        BasicEncoding::Form => format!("{}:{}", form(id), form(secret)),
        BasicEncoding::Raw if id.contains(':') => {
            let problem = "a raw Basic header cannot carry an id with a colon (RFC 7617 2)";
            return Err(Error::config("departures.request.basic_encoding", problem));
        }
        BasicEncoding::Raw => format!("{id}:{secret}"),
    };
    let encoded = Secret::new(STANDARD.encode(zeroize::Zeroizing::new(pair).as_bytes()));
    let mut header = HeaderValue::try_from(format!("Basic {}", encoded.expose()))
        .map_err(|_| Error::config("client_secret", "this does not fit into a header"))?;
    header.set_sensitive(true);
    Ok((header, encoded))
}

/// At least 128 random bits (RFC 7523 3 wants a `jti` that is unique), new for every attempt.
pub(crate) fn fresh_name() -> Result<String, Error> {
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

/// RFC 7515 4.1, by the name of the algorithm (RFC 7518 3.1).
fn header(algorithm: &str, departures: &AssertionDepartures) -> Result<Header, Error> {
    let mut header = Header::new(algorithm.parse().map_err(|error| unmakeable(&error))?);
    let declared = departures.header_type.as_deref();
    header.typ = Some(declared.unwrap_or("JWT").to_owned());
    Ok(header)
}

/// What is signed (RFC 7515 5.1): the header and the claims, each encoded.
fn signing_input(header: &Header, claims: &impl Serialize) -> Result<String, Error> {
    let header = serde_json::to_vec(header).map_err(|error| unmakeable(&error.into()))?;
    let claims = serde_json::to_vec(claims).map_err(|error| unmakeable(&error.into()))?;
    let mut input = String::with_capacity(2 * (header.len() + claims.len()) + 512);
    URL_SAFE_NO_PAD.encode_string(header, &mut input);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut input);
    Ok(input)
}

fn unmakeable(error: &jsonwebtoken::errors::Error) -> Error {
    let problem = format!("an assertion cannot be made: {error}");
    Error::new(ErrorKind::Credential, problem)
}

/// A JWT with those claims, and the id of the key that signed it.
pub(crate) async fn sign(
    key: &AssertionKey,
    claims: &(impl Serialize + Sync),
    attempt: &Attempt<'_>,
) -> Result<(Secret, String), Error> {
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
    let mut header = header(
        &signer.algorithm().to_string(),
        &attempt.departures.assertion,
    )?;
    header.kid = Some(signer.key_id().to_owned());
    header.x5t_s256 = signer.certificate_thumbprint().map(str::to_owned);
    let mut assertion = signing_input(&header, claims)?;
    let signature = signature(signer, assertion.as_bytes(), attempt.patience).await?;
    assertion.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut assertion);
    Ok((Secret::new(assertion), signer.key_id().to_owned()))
}

/// A signature in the form of JWS, by whoever signs.
pub(crate) async fn signature(
    signer: &dyn Signer,
    message: &[u8],
    patience: Duration,
) -> Result<Vec<u8>, Error> {
    // it is foreign code: a panic of its own must not take the renewal with it, and the lease of its record
    let signing = AssertUnwindSafe(async { signer.sign(message).await }).catch_unwind();
    let signing = tokio::time::timeout(patience, signing).await;
    let signing = signing.map_err(|_| {
        let problem = format!("the signer did not answer within {patience:?}");
        Error::new(ErrorKind::Credential, problem).with_recovery(Recovery::Retry { after: None })
    })?;
    let signing = signing.map_err(|_| {
        Error::new(
            ErrorKind::Credential,
            "the signer panicked, and nothing was sent",
        )
        .remedy("look in the log for its panic")
        .with_recovery(Recovery::Report)
    })?;
    let signature = signing.map_err(|fault| {
        let error = Error::new(ErrorKind::Credential, format!("the signer failed: {fault}"));
        if fault.is_retryable() {
            error.with_recovery(Recovery::Retry { after: None })
        } else {
            error
        }
    })?;
    check_signature_form(signer.algorithm(), &signature)
        .map_err(|fault| Error::new(ErrorKind::Credential, fault.to_string()))?;
    Ok(signature)
}

impl HmacAlgorithm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }
}
