//! An access token and the scopes it was granted.

mod facts;
mod life;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::HeaderValue;
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use url::Url;

pub(crate) use crate::token::facts::Facts;
pub(crate) use crate::token::life::{Life, Moments};

use crate::binding::{Bound, BoundKey};
use crate::clock::Moment;
use crate::secret::Secret;
use crate::text;

/// An access token, ready to be borne.
pub struct Token {
    access_token: Secret,
    header: HeaderValue,
    expires_at: Option<DateTime<Utc>>,
    scopes: Scopes,
    missing: Scopes,
    deviations: Box<[Deviation]>,
    facts: Option<Box<Facts>>,
    persisted: bool,
    bound: Option<Arc<Bound>>,
    life: Life,
}

/// Something a server did that the RFCs do not allow, taken all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deviation {
    /// `expires_in` came as a string of digits (RFC 6749 5.1 wants a number).
    ExpiresInString,
    /// `expires_in` came as a fraction that is whole, such as `3600.0`.
    ExpiresInFloat,
    /// `expires_in` was beyond ten years and is counted as ten years.
    ExpiresInClamped,
    /// The answer had no `Content-Type`.
    NoContentType,
    /// The JSON began with a byte order mark.
    ByteOrderMark,
    /// More scopes than were asked for.
    ScopeWidened,
    /// Fewer scopes than were asked for (allowed by RFC 6749 5.1; worth knowing).
    ScopeNarrowed,
    /// `token_type` was left out, as declared.
    NoTokenType,
    /// `token_type` was written otherwise than `Bearer` (RFC 6750 4; RFC 6749 5.1 allows any case).
    TokenTypeCase,
    /// A refresh token came where none is issued (RFC 6749 4.4.3); it is not kept.
    UnwantedRefreshToken,
}

/// The type of a token (RFC 6749 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenType {
    /// `Bearer` (RFC 6750).
    #[default]
    Bearer,
    /// `DPoP`: it is shown with a proof (RFC 9449 5).
    Dpop,
    /// `N_A`: it is no access token and must not be used as one (RFC 8693 2.2.1).
    NotApplicable,
}

impl TokenType {
    /// Its name, which is that of the scheme it is borne with too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
            Self::NotApplicable => "N_A",
        }
    }

    /// Whether that is its name, in whatever case (RFC 6749 5.1, RFC 9110 11.1).
    pub(crate) fn is(self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }
}

/// What a [`Token`] is made of.
pub(crate) struct TokenParts {
    pub access_token: Secret,
    pub header: HeaderValue,
    pub expires_at: Option<DateTime<Utc>>,
    pub scopes: Scopes,
    pub missing: Scopes,
    pub deviations: Vec<Deviation>,
    pub facts: Facts,
    pub bound: Option<Arc<Bound>>,
}

impl Token {
    pub(crate) fn new(parts: TokenParts) -> Self {
        Self {
            access_token: parts.access_token,
            header: parts.header,
            expires_at: parts.expires_at,
            scopes: parts.scopes,
            missing: parts.missing,
            deviations: parts.deviations.into(),
            facts: (!parts.facts.is_empty()).then(|| Box::new(parts.facts)),
            persisted: true,
            bound: parts.bound,
            life: Life::default(),
        }
    }

    /// With a life of that length.
    pub(crate) fn living(mut self, life: Life) -> Self {
        self.life = life;
        self
    }

    #[inline]
    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    pub(crate) fn not_persisted(mut self) -> Self {
        self.persisted = false;
        self
    }

    /// What it is shown with.
    #[inline]
    pub(crate) fn bound(&self) -> Option<&Arc<Bound>> {
        self.bound.as_ref()
    }

    /// Whether it is of no use to anybody else: each request bears a proof too (RFC 9449), or is made over
    /// a connection that shows the client's certificate (RFC 8705). An
    /// [`AuthorizedClient`](crate::client::AuthorizedClient) sees to that.
    pub fn is_bound(&self) -> bool {
        self.bound.is_some()
    }

    /// Whether each request bears a proof.
    pub(crate) fn is_proven(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.key.is_some())
    }

    /// The token itself. It is opaque: nothing in it is looked at (RFC 6749 1.4).
    pub fn access_token(&self) -> &Secret {
        &self.access_token
    }

    /// The header value that bears it, prebuilt and marked sensitive.
    pub fn header_value(&self) -> &HeaderValue {
        &self.header
    }

    /// The instant from which the server refuses it; `None`: the server never said (RFC 6749 5.1).
    ///
    /// By the wall clock, for display and logs: renewal is judged by ticks.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }

    /// The scopes that were granted; those asked for where the server did not say (RFC 6749 5.1).
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The scopes that were asked for and not granted.
    pub fn missing_scopes(&self) -> &Scopes {
        &self.missing
    }

    /// Where the answer that brought it bent the RFCs.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// What else the server said with it, of what is declared to be carried on
    /// ([`ResponseDepartures::facts`](crate::server::ResponseDepartures::facts)) or was
    /// [adopted](GrantedToken::with_fact): an id, a region. It comes from the answer as it is and is not
    /// printed by `Debug`. Nothing is to be sent where it points to: for that there is
    /// [`Token::origin_fact`].
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.as_ref()?.value(name)
    }

    /// A fact that names where the API is, for
    /// [`ResourceServer::new`](crate::server::ResourceServer::new): only if `host_suffixes` are declared
    /// of it and its host is one of them or below one. Others are told by an event and are none.
    pub fn origin_fact(&self, name: &str) -> Option<&Url> {
        self.facts.as_ref()?.origin(name)
    }

    /// False where the store failed after the server had already spent the refresh token: this
    /// token works, but its successor will be lost with the process. An error event says why.
    pub fn is_persisted(&self) -> bool {
        self.persisted
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("access_token", &self.access_token)
            .field("expires_at", &self.expires_at)
            .field("scopes", &self.scopes)
            .field("deviations", &self.deviations)
            .field("facts", &self.facts)
            .field("persisted", &self.persisted)
            .finish_non_exhaustive()
    }
}

/// An access token, kept as it is going to be borne.
pub(crate) fn to_be_borne(scheme: TokenType, value: impl Into<String>) -> Secret {
    Secret::borne(scheme.name(), value)
}

/// The scheme and the token (RFC 6750 2.1, RFC 9449 7.1), marked sensitive; `None` where the token
/// cannot stand in a header.
pub(crate) fn header(scheme: TokenType, access_token: &Secret) -> Option<HeaderValue> {
    if !access_token
        .expose()
        .bytes()
        .all(|byte| byte.is_ascii_graphic())
    {
        return None;
    }
    let mut header = HeaderValue::from_maybe_shared(access_token.in_header(scheme.name())).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// A set of scopes (RFC 6749 3.3), sorted, each once. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scopes(Option<Arc<BTreeSet<String>>>); // never of an empty set

/// Why a text is no scope; names the scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeFault(String);

impl fmt::Display for ScopeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScopeFault {}

impl Scopes {
    /// No scope: the parameter is left out and the server decides.
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes scopes one by one.
    ///
    /// # Errors
    /// One of them is empty or holds a character that no scope has: a space, a quote, a backslash,
    /// a control character, anything beyond ASCII (RFC 6749 3.3), or a comma, which is a separator
    /// of servers that depart from it.
    pub fn new<T: AsRef<str>>(scopes: impl IntoIterator<Item = T>) -> Result<Self, ScopeFault> {
        let mut set = BTreeSet::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if scope.is_empty() {
                return Err(ScopeFault("a scope is empty".into()));
            }
            if let Some(bad) = scope.chars().find(|c| !is_scope_character(*c) || *c == ',') {
                let shown = text::escape(scope);
                return Err(ScopeFault(format!(
                    "the scope `{shown}` holds {bad:?}; scopes are separated by one space or written as a list \
                     (RFC 6749 3.3), and a server that wants another separator on the wire is declared by \
                     `departures.request.scope_separator`"
                )));
            }
            set.insert(scope.to_owned());
        }
        Ok(Self::of(set))
    }

    fn of(set: BTreeSet<String>) -> Self {
        Self((!set.is_empty()).then(|| Arc::new(set)))
    }

    fn set(&self) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.0.as_deref().unwrap_or(&NONE)
    }

    /// Parses a list that spaces separate.
    ///
    /// # Errors
    /// As [`Scopes::new`].
    pub fn parse(text: &str) -> Result<Self, ScopeFault> {
        Self::new(text.split(' ').filter(|scope| !scope.is_empty()))
    }

    /// What a server answered: taken as it is, split at spaces and at `separator`.
    pub(crate) fn granted(text: &str, separator: char) -> Self {
        Self::of(
            text.split([' ', separator])
                .filter(|scope| !scope.is_empty())
                .map(text::escape)
                .collect(),
        )
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether that scope is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.set().contains(scope)
    }

    /// Each scope, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.set().iter().map(String::as_str)
    }

    /// Those of these that are not among `others`.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        Self::of(self.set().difference(others.set()).cloned().collect())
    }

    /// As one parameter.
    pub fn joined(&self, separator: char) -> String {
        let mut joined = String::new();
        for scope in self.set() {
            if !joined.is_empty() {
                joined.push(separator);
            }
            joined.push_str(scope);
        }
        joined
    }
}

/// RFC 6749 3.3: `%x21 / %x23-5B / %x5D-7E`.
fn is_scope_character(character: char) -> bool {
    matches!(character, '\u{21}' | '\u{23}'..='\u{5b}' | '\u{5d}'..='\u{7e}')
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.joined(' '))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.set()).finish()
    }
}

/// One string with spaces, or a list of strings.
impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Scopes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("scopes: a list of strings, or one string with spaces between them")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Scopes, E> {
                Scopes::parse(text).map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scopes, A::Error> {
                let mut scopes = Vec::<String>::new();
                while let Some(scope) = list.next_element()? {
                    scopes.push(scope);
                }
                Scopes::new(scopes).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// A token that was granted elsewhere (a login, another program), to be adopted.
#[derive(Clone, Debug)]
pub struct GrantedToken {
    pub(crate) access_token: Option<(Secret, Option<Duration>)>,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) scopes: Option<Scopes>,
    pub(crate) resource: Vec<String>,
    pub(crate) facts: BTreeMap<String, Secret>,
    pub(crate) bound_key: Option<BoundKey>,
    /// From when its lifetime counts; `None`: from when it is adopted.
    pub(crate) asked: Option<Moment>,
}

impl GrantedToken {
    /// A refresh token alone: the first call renews it.
    pub fn refresh_token(refresh_token: Secret) -> Self {
        Self {
            access_token: None,
            refresh_token: Some(refresh_token),
            scopes: None,
            resource: Vec::new(),
            facts: BTreeMap::new(),
            bound_key: None,
            asked: None,
        }
    }

    /// An access token with what is left of its lifetime (`None`: unknown).
    pub fn access_token(access_token: Secret, expires_in: Option<Duration>) -> Self {
        Self {
            access_token: Some((access_token, expires_in)),
            refresh_token: None,
            scopes: None,
            resource: Vec::new(),
            facts: BTreeMap::new(),
            bound_key: None,
            asked: None,
        }
    }

    /// Adds the refresh token that came with it.
    #[must_use]
    pub fn with_refresh_token(mut self, refresh_token: Secret) -> Self {
        self.refresh_token = Some(refresh_token);
        self
    }

    /// Adds what else is known of the login, such as a tenant's id that came with the redirect; it is kept
    /// with the token, and read by [`Token::fact`].
    #[must_use]
    pub fn with_fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.insert(name.into(), Secret::new(value));
        self
    }

    /// Adds the private key that they are bound to, as PKCS#8 in PEM (RFC 9449): proofs are signed with it
    /// from now on. The access token is then one of the type `DPoP`.
    #[must_use]
    pub fn with_proof_key(mut self, pem: Secret) -> Self {
        self.bound_key = Some(BoundKey::Private(pem));
        self
    }

    /// Adds the scopes that were granted, where they differ from those of the connection.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// Adds the APIs that the tokens are for, of those the login was for: each renewal asks for the same
    /// (RFC 8707 2.2).
    #[must_use]
    pub fn with_resource<T: Into<String>>(mut self, resource: impl IntoIterator<Item = T>) -> Self {
        self.resource = resource.into_iter().map(Into::into).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_no_scope_has() {
        for bad in ["a,b", "a\"b", "a\nb", "a\\b", "é"] {
            let fault = Scopes::parse(bad).unwrap_err();
            assert!(!fault.to_string().contains('\n'), "{fault}");
        }
        assert_eq!(Scopes::parse("b  a b").unwrap().to_string(), "a b");
        assert_eq!(Scopes::parse("").unwrap(), Scopes::none());
        Scopes::new(["a b"]).unwrap_err();
    }

    #[test]
    fn reads_a_string_or_a_list() {
        let expected = Scopes::parse("a b").unwrap();
        assert_eq!(
            serde_json::from_str::<Scopes>(r#""a b""#).unwrap(),
            expected
        );
        assert_eq!(
            serde_json::from_str::<Scopes>(r#"["b","a"]"#).unwrap(),
            expected
        );
        serde_json::from_str::<Scopes>("7").unwrap_err();
    }

    #[test]
    fn knows_what_is_missing() {
        let asked = Scopes::parse("a b c").unwrap();
        assert_eq!(asked.without(&Scopes::granted("a,c", ',')).to_string(), "b");
    }
}
