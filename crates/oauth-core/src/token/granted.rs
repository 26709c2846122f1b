//! What was granted elsewhere, to be adopted.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::binding::BoundKey;
use crate::clock::Moment;
use crate::secret::Secret;
use crate::token::scopes::Scopes;

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
    /// with the token, and read by [`Token::fact`](crate::token::Token::fact).
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
