//! What makes a token that token, and the record of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::binding::BoundKey;
use crate::clock::Moment;
use crate::error::StoreFault;
use crate::record::{RecordId, RecordValue, StoreError};
use crate::secret::Secret;
use crate::token::{Scopes, TokenType, to_be_borne};

/// What makes a token that token: two connections with the same key share one token and one renewal.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenKey {
    /// The authorization server as configured: issuer, else token endpoint, else base of discovery.
    pub authority: String,
    /// The client identifier.
    pub client_id: String,
    /// The grant it began with.
    pub grant: String,
    /// Whom the token stands for, where one connection serves several users.
    pub subject: Option<String>,
    /// The tenant at the server, where that is no part of its URL.
    pub tenant: Option<String>,
    /// The scopes asked for.
    pub scopes: Scopes,
    /// The APIs asked for (RFC 8707).
    pub resource: Vec<String>,
    /// The audience asked for.
    pub audience: Option<String>,
    /// What was asked for in detail (RFC 9396 6), as it is sent.
    pub authorization_details: Option<String>,
    /// Declared parameters of the request.
    pub parameters: BTreeMap<String, String>,
    /// Declared headers of the request: some servers tell tenants apart by one.
    pub headers: BTreeMap<String, String>,
    /// The credential's fingerprint, only where nothing irreplaceable is stored: a new key must not
    /// orphan a refresh token.
    pub credential: Option<String>,
}

/// Prints of declared parameters and headers the names alone, and no query of a URL.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority.split('?').next();
        f.debug_struct("TokenKey")
            .field("authority", &authority.unwrap_or_default())
            .field("client_id", &self.client_id)
            .field("grant", &self.grant)
            .field("subject", &self.subject)
            .field("tenant", &self.tenant)
            .field("scopes", &self.scopes)
            .field("resource", &self.resource)
            .field("audience", &self.audience)
            .field("parameters", &self.parameters.keys())
            .field("headers", &self.headers.keys())
            .finish_non_exhaustive()
    }
}

impl TokenKey {
    /// The namespace of tokens.
    pub const NAMESPACE: &'static str = "token";

    /// The id of the record: a hash of a canonical form that begins with its version.
    pub fn record_id(&self) -> RecordId {
        let scopes: Vec<&str> = self.scopes.iter().collect();
        let mut resource = self.resource.clone();
        resource.sort();
        let mut canonical = serde_json::json!([
            "oauth token key 1",
            self.authority,
            self.client_id,
            self.grant,
            self.subject,
            self.tenant,
            scopes,
            resource,
            self.audience,
            self.parameters,
            self.headers,
            self.credential,
        ]);
        // a part that came later: keys without it are what they were
        if let (Some(details), Some(parts)) =
            (&self.authorization_details, canonical.as_array_mut())
        {
            parts.push(details.as_str().into());
        }
        let canonical = canonical.to_string();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
        RecordId {
            namespace: Self::NAMESPACE.into(),
            id: URL_SAFE_NO_PAD.encode(hash).into(),
        }
    }
}

/// The record of a token: what must outlive the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenRecord {
    pub access: Option<Access>,
    pub refresh_token: Option<Secret>,
    /// The fingerprints of the configured refresh tokens that were ever taken: each is taken once, for
    /// it is spent then.
    pub seeds: Vec<String>,
    /// Names the refresh token; another one has another name.
    pub generation: u64,
    /// The name of the refresh token this one was answered to; `None`: it came by a login.
    pub follows: Option<u64>,
    /// The scopes a login was granted, where they are not those of the connection.
    pub scopes: Option<Scopes>,
    /// The APIs the tokens are for, of those the login was for (RFC 8707 2.2).
    pub resource: Vec<String>,
    /// What else the server said of this login, by name.
    pub facts: BTreeMap<String, Secret>,
    /// How often the answer to a renewal with this refresh token was lost.
    pub lost: u32,
    /// How often of these it was presented although it may have been spent, with no grace left.
    pub risked: u32,
    /// How often a renewal with this refresh token was broken off: nobody knows whether it was sent.
    pub broken_off: u32,
    /// When the first of these was noticed.
    pub lost_at: Option<Moment>,
    /// Why the refresh token is known to be dead.
    pub ended: Option<String>,
    /// The key that the tokens are bound to (RFC 9449 5): it lives and ends with them.
    pub bound_key: Option<BoundKey>,
}

/// An access token in its record.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub token: Secret,
    /// Just before it was asked for.
    pub asked: Moment,
    pub lifetime: Option<Duration>,
    pub scopes: Scopes,
    pub scheme: TokenType,
    /// The `x5t#S256` of the certificate that it was asked for with (RFC 8705 3.1).
    pub certificate: Option<String>,
    /// The key that it is bound to, where that is another than the refresh token's.
    pub key: Option<BoundKey>,
}

/// How a record is written. Secrets are plain here: sealing is the store's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    format: u32,
    /// The record's own id: it is the record of no other token.
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<WrittenAccess<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_none_of")]
    seeds: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "is_zero")]
    generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<Cow<'a, str>>>,
    #[serde(default, skip_serializing_if = "is_none_of")]
    resource: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "is_zero")]
    facts: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    lost: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    risked: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    broken_off: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_tick: Option<(u64, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bound_key: Option<WrittenKey<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenKey<'a> {
    Private(Cow<'a, str>),
    Signer(Cow<'a, str>),
}

impl<'a> WrittenKey<'a> {
    fn of(key: &'a BoundKey) -> Self {
        match key {
            BoundKey::Private(pem) => Self::Private(pem.expose().into()),
            BoundKey::Signer(name) => Self::Signer(name.into()),
        }
    }

    fn into_key(self) -> BoundKey {
        match self {
            Self::Private(pem) => BoundKey::Private(Secret::new(pem)),
            Self::Signer(name) => BoundKey::Signer(name.into_owned()),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAccess<'a> {
    token: Cow<'a, str>,
    asked_at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_tick: Option<(u64, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifetime_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    dpop: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<WrittenKey<'a>>,
}

fn is_none_of(texts: &[String]) -> bool {
    texts.is_empty()
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

const FORMAT: u32 = 1;

impl TokenRecord {
    /// Whether it holds a refresh token that is not known to be dead, and another one than `other`.
    pub fn is_other_chain(&self, other: &Self) -> bool {
        self.ended.is_none()
            && self.refresh_token.is_some()
            && self.refresh_token != other.refresh_token
    }

    /// Notes that a configured refresh token is taken; the oldest of many are forgotten.
    pub fn take_seed(&mut self, fingerprint: String) {
        const MOST: usize = 64;
        self.seeds.retain(|seed| *seed != fingerprint);
        self.seeds.push(fingerprint);
        let excess = self.seeds.len().saturating_sub(MOST);
        self.seeds.drain(..excess);
    }

    /// As the bytes of the record of that id.
    pub fn write(&self, id: &RecordId) -> RecordValue {
        let written = Written {
            format: FORMAT,
            id: (&*id.id).into(),
            bound_key: self.bound_key.as_ref().map(WrittenKey::of),
            access: self.access.as_ref().map(|access| WrittenAccess {
                token: access.token.expose().into(),
                asked_at_ms: access.asked.wall.timestamp_millis(),
                asked_tick: written_tick(access.asked),
                lifetime_ms: access.lifetime.map(millis),
                scopes: access.scopes.iter().map(Cow::from).collect(),
                dpop: access.scheme == TokenType::Dpop,
                certificate: access.certificate.as_deref().map(Cow::from),
                key: access.key.as_ref().map(WrittenKey::of),
            }),
            refresh_token: self
                .refresh_token
                .as_ref()
                .map(|token| token.expose().into()),
            seeds: Cow::Borrowed(&self.seeds),
            generation: self.generation,
            follows: self.follows,
            scopes: self
                .scopes
                .as_ref()
                .map(|scopes| scopes.iter().map(Cow::from).collect()),
            resource: Cow::Borrowed(&self.resource),
            facts: self
                .facts
                .iter()
                .map(|(name, value)| (name.into(), value.expose().into()))
                .collect(),
            lost: self.lost,
            risked: self.risked,
            broken_off: self.broken_off,
            lost_at_ms: self.lost_at.map(|at| at.wall.timestamp_millis()),
            lost_tick: self.lost_at.and_then(written_tick),
            ended: self.ended.as_deref().map(Cow::from),
        };
        // a struct of strings and numbers always has a JSON form
        let bytes = serde_json::to_vec(&written).unwrap_or_default();
        RecordValue::new(bytes)
    }

    /// From the bytes of the record of that id.
    ///
    /// # Errors
    /// They are of another format, damaged, hold a time that cannot be, or are another token's. The
    /// record is left as it is.
    pub fn read(value: &RecordValue, id: &RecordId) -> Result<Self, StoreError> {
        let damaged = || {
            StoreError::new(
                StoreFault::Corrupt,
                "the record of this token is damaged; it is left as it is",
            )
        };
        let written: Written = serde_json::from_slice(value.expose()).map_err(|_| damaged())?;
        if written.format != FORMAT {
            let problem = format!(
                "the record of this token has format {}, and this program knows {FORMAT}; use a newer one",
                written.format
            );
            return Err(StoreError::new(StoreFault::Version, problem));
        }
        if *written.id != *id.id {
            let problem = "this is the record of another token; it is left as it is";
            return Err(StoreError::new(StoreFault::Binding, problem));
        }
        let scheme = match &written.access {
            Some(access) if access.dpop => TokenType::Dpop,
            _ => TokenType::Bearer,
        };
        let access = match written.access {
            None => None,
            Some(access) => Some(Access {
                token: to_be_borne(scheme, access.token),
                scheme,
                certificate: access.certificate.map(Cow::into_owned),
                key: access.key.map(WrittenKey::into_key),
                asked: moment(access.asked_at_ms, access.asked_tick).ok_or_else(damaged)?,
                lifetime: access.lifetime_ms.map(Duration::from_millis),
                scopes: Scopes::granted(&access.scopes.join(" "), ' '),
            }),
        };
        Ok(Self {
            access,
            refresh_token: written.refresh_token.map(Secret::new),
            seeds: written.seeds.into_owned(),
            generation: written.generation,
            follows: written.follows,
            scopes: written
                .scopes
                .map(|scopes| Scopes::granted(&scopes.join(" "), ' ')),
            resource: written.resource.into_owned(),
            facts: written
                .facts
                .into_iter()
                .map(|(name, value)| (name.into_owned(), Secret::new(value)))
                .collect(),
            lost: written.lost,
            risked: written.risked,
            broken_off: written.broken_off,
            lost_at: written
                .lost_at_ms
                .and_then(|wall| moment(wall, written.lost_tick)),
            ended: written.ended.map(Cow::into_owned),
            bound_key: written.bound_key.map(WrittenKey::into_key),
        })
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The ticks of a moment as they are written, in milliseconds.
fn written_tick(moment: Moment) -> Option<(u64, u64)> {
    moment.tick.map(|(boot, tick)| (boot, millis(tick)))
}

/// A moment as it was written; `None`: there is no such time.
fn moment(wall: i64, tick: Option<(u64, u64)>) -> Option<Moment> {
    Some(Moment {
        wall: DateTime::from_timestamp_millis(wall)?,
        tick: tick.map(|(boot, tick)| (boot, Duration::from_millis(tick))),
    })
}

/// A name for a refresh token that no other one has.
pub(crate) fn new_generation() -> u64 {
    let mut bytes = [0; 8];
    // without randomness the clock of the machine has to tell them apart
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return u64::try_from(Utc::now().timestamp_micros()).unwrap_or(1);
    }
    u64::from_le_bytes(bytes)
}

/// The name of a refresh token that a configuration names: the same in every process.
pub(crate) fn seed_generation(seed: &Secret) -> u64 {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(b"oauth seed generation 1 ");
    context.update(seed.expose().as_bytes());
    let mut name = [0; 8];
    name.copy_from_slice(&context.finish().as_ref()[..8]);
    u64::from_le_bytes(name)
}

/// The fingerprint of a refresh token that a configuration names, to see that it is another one.
pub(crate) fn seed_fingerprint(seed: &Secret) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, seed.expose().as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

#[cfg(test)]
mod tests;
