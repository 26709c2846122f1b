//! Grants that are an assertion (RFC 7521 4.1).

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::authorization_details::AuthorizationDetails;
use crate::client_auth::apply::{Attempt, fresh_name, sign};
use crate::client_auth::{AssertionKey, Audience};
use crate::error::Error;
use crate::secret::Secret;
use crate::text::escape;
use crate::token::Scopes;

/// The JWT bearer grant (RFC 7523 2.1).
#[derive(Clone, Debug)]
pub struct JwtBearer {
    /// The assertion.
    pub assertion: Assertion,
    /// The scopes asked for; none: the server decides.
    pub scopes: Scopes,
    /// The APIs the token is for (RFC 8707 2); each is one parameter.
    pub resource: Vec<String>,
    /// What is to be allowed, in detail (RFC 9396 6).
    pub authorization_details: AuthorizationDetails,
}

/// Where the assertion of a [`JwtBearer`] grant comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Assertion {
    /// Somebody else made it. It may be good for one use: it is not sent again where the answer is lost.
    Given(Secret),
    /// It is made for every attempt anew.
    Made(AssertionMaker),
}

impl JwtBearer {
    /// A grant by an assertion, asking for nothing in particular.
    pub fn new(assertion: Assertion) -> Self {
        Self {
            assertion,
            scopes: Scopes::none(),
            resource: Vec::new(),
            authorization_details: AuthorizationDetails::default(),
        }
    }
}

/// The SAML 2.0 bearer grant (RFC 7522 2.1). The assertion may be good for one use: it is not sent again
/// where the answer is lost.
#[derive(Clone, Debug)]
pub struct Saml2Bearer {
    /// The assertion, one XML document; it is sent in base64url (RFC 7522 2.1).
    pub assertion: Secret,
    /// The scopes asked for; none: the server decides.
    pub scopes: Scopes,
}

/// Makes the assertions of a [`JwtBearer`] grant (RFC 7523 3): `jti` and times are new for every attempt.
/// `Debug` prints the names of the other claims, not their values.
#[derive(Clone)]
pub struct AssertionMaker {
    key: AssertionKey,
    issuer: String,
    subject: String,
    audience: Audience,
    lifetime: Duration,
    claims: Map<String, Value>,
}

/// The claims that an assertion has anyhow.
const OWN_CLAIMS: [&str; 7] = ["iss", "sub", "aud", "jti", "iat", "exp", "nbf"];

impl AssertionMaker {
    /// Assertions by `issuer` about `subject`, signed with that key, that live for 60 s.
    pub fn new(
        key: AssertionKey,
        issuer: impl Into<String>,
        subject: impl Into<String>,
        audience: Audience,
    ) -> Self {
        Self {
            key,
            issuer: issuer.into(),
            subject: subject.into(),
            audience,
            lifetime: Duration::from_secs(60),
            claims: Map::new(),
        }
    }

    /// From `iat` to `exp`.
    ///
    /// # Errors
    /// Less than 1 s, or more than an hour: servers refuse that (RFC 7523 3 asks them to limit it).
    pub fn living(mut self, lifetime: Duration) -> Result<Self, Error> {
        if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&lifetime) {
            let problem = "an assertion of this grant lives from 1 s to an hour";
            return Err(Error::config("assertion.lifetime", problem));
        }
        self.lifetime = lifetime;
        Ok(self)
    }

    /// Adds another claim, as a vendor documents it.
    ///
    /// # Errors
    /// It is one that an assertion has anyhow.
    pub fn with_claim(mut self, name: &str, value: Value) -> Result<Self, Error> {
        if OWN_CLAIMS.contains(&name) {
            let problem = format!("`{}` has a setting of its own", escape(name));
            return Err(Error::config("assertion.claims", problem));
        }
        self.claims.insert(name.to_owned(), value);
        Ok(self)
    }

    /// The key, where what it signs names the token endpoint as its audience.
    pub(crate) fn key_for_token_endpoint(&self) -> Option<&AssertionKey> {
        (self.audience == Audience::TokenEndpoint).then_some(&self.key)
    }

    pub(crate) async fn make(&self, attempt: &Attempt<'_>) -> Result<Secret, Error> {
        let issued_at = attempt.now.timestamp();
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(60);
        let mut claims = self.claims.clone();
        let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        claim("iss", self.issuer.clone().into());
        claim("sub", self.subject.clone().into());
        claim("aud", self.audience.resolve(attempt)?.into());
        claim("jti", fresh_name()?.into());
        claim("iat", issued_at.into());
        claim("exp", issued_at.saturating_add(lifetime).into());
        let (assertion, _) = sign(&self.key, &claims, attempt).await?;
        Ok(assertion)
    }
}

impl fmt::Debug for AssertionMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionMaker")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("audience", &self.audience)
            .field("lifetime", &self.lifetime)
            .field("claims", &self.claims.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
