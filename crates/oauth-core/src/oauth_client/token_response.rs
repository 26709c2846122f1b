//! A token as it was answered.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::binding::{Bound, BoundKey};
use crate::clock::Moment;
use crate::response::Granted;
use crate::secret::Secret;
use crate::token::{Deviation, GrantedToken, Scopes, TokenType};

/// A token as it was answered (RFC 6749 5.1). `Debug` prints no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret,
    /// How it is borne (RFC 6749 7.1).
    pub token_type: TokenType,
    /// How long it lives from the moment it was asked for; `None`: unknown.
    pub lifetime: Option<Duration>,
    /// The scopes that were granted; those asked for where the server did not say (RFC 6749 5.1).
    pub scopes: Scopes,
    /// The refresh token that came with it.
    pub refresh_token: Option<Secret>,
    /// The ID token that came with it (OpenID Connect Core 1.0, 3.1.3.3): not checked yet.
    pub id_token: Option<Secret>,
    /// What the token is, where it was exchanged (RFC 8693 2.2.1).
    pub issued_token_type: Option<String>,
    /// What was granted in detail (RFC 9396 7): objects with a `type`.
    pub authorization_details: Vec<Value>,
    /// The APIs it was asked for (RFC 8707 2); what renews it asks for the same.
    pub resource: Vec<String>,
    /// Where the answer bent the RFCs.
    pub deviations: Vec<Deviation>,
    /// What else it said, of what is declared to be carried on
    /// ([`ResponseDepartures::facts`](crate::server::ResponseDepartures::facts)), by name.
    pub facts: BTreeMap<String, Secret>,
    /// The key that it is bound to.
    pub(crate) bound_key: Option<BoundKey>,
    /// Just before it was asked for.
    pub(crate) asked: Moment,
}

impl TokenResponse {
    pub(crate) fn of(
        granted: Granted,
        asked: Moment,
        resource: &[String],
        bound: Option<&Bound>,
    ) -> Self {
        let key = bound.and_then(|bound| bound.key.as_deref());
        let key = key.filter(|_| granted.token_type == TokenType::Dpop);
        Self {
            access_token: granted.access_token,
            token_type: granted.token_type,
            lifetime: granted.lifetime,
            scopes: granted.scopes,
            refresh_token: granted.refresh_token,
            id_token: granted.id_token,
            issued_token_type: granted.issued_token_type,
            authorization_details: granted.authorization_details,
            resource: resource.to_vec(),
            deviations: granted.deviations,
            facts: granted.facts.into_iter().collect(),
            bound_key: key.map(|key| key.kept.clone()),
            asked,
        }
    }
}

/// To be adopted by a [`RenewingToken`](crate::source::RenewingToken).
impl From<TokenResponse> for GrantedToken {
    fn from(response: TokenResponse) -> Self {
        let mut granted = Self::access_token(response.access_token, response.lifetime)
            .with_scopes(response.scopes)
            .with_resource(response.resource);
        granted.facts = response.facts;
        granted.bound_key = response.bound_key;
        granted.asked = Some(response.asked);
        match response.refresh_token {
            Some(refresh_token) => granted.with_refresh_token(refresh_token),
            None => granted,
        }
    }
}
