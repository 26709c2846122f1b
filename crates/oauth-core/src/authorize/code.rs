//! A code, with all that redeeming it needs.

use std::fmt;
use std::time::Duration;

use crate::authorize::pending::PendingAuthorization;
use crate::binding::BoundKey;
use crate::error::Error;
use crate::grant;
use crate::secret::Secret;
use crate::text::escape;
use crate::token::Scopes;

/// An authorization code (RFC 6749 4.1.2) that answers the question it was asked for, with all that its
/// token request needs. It can be redeemed once: it moves there.
///
/// What the user may have is bound to the session that began it, which
/// [`PendingAuthorization::callback`] has compared: give the tokens to no other session.
pub struct AuthorizationCode {
    pub(super) code: Secret,
    pub(super) verifier: Secret,
    pub(super) nonce: Option<Secret>,
    pub(super) client_id: String,
    pub(super) authority: String,
    pub(super) redirect_uri: String,
    pub(super) scopes: Scopes,
    pub(super) resource: Vec<String>,
    pub(super) max_age: Option<Duration>,
    acr_values: Vec<String>,
    proof_key: Option<BoundKey>,
    others: Vec<(String, Secret)>,
}

/// What an ID token must say, where one is asked for.
pub(crate) struct AskedLogin {
    pub code: Secret,
    /// `None`: none is asked for.
    pub nonce: Option<Secret>,
    pub max_age: Option<Duration>,
    /// One of these ways of logging in is essential; empty: none is.
    pub acr_values: Vec<String>,
    /// The key that the code is bound to.
    pub proof_key: Option<BoundKey>,
}

impl AuthorizationCode {
    pub(super) fn new(
        pending: PendingAuthorization,
        code: Secret,
        others: Vec<(String, Secret)>,
    ) -> Self {
        Self {
            code,
            verifier: pending.verifier,
            nonce: pending.nonce,
            client_id: pending.client_id,
            authority: pending.authority,
            redirect_uri: pending.redirect_uri,
            scopes: pending.scopes,
            resource: pending.resource,
            max_age: pending.max_age,
            acr_values: pending.acr_values,
            proof_key: pending.proof_key,
            others,
        }
    }

    /// The grant, and what the ID token that comes with its tokens must say.
    pub(crate) fn into_grant(self) -> (grant::AuthorizationCode, AskedLogin) {
        let login = AskedLogin {
            code: self.code.clone(),
            nonce: self.nonce,
            max_age: self.max_age,
            acr_values: self.acr_values,
            proof_key: self.proof_key,
        };
        let grant = grant::AuthorizationCode {
            code: self.code,
            redirect_uri: self.redirect_uri,
            code_verifier: self.verifier,
            scopes: self.scopes,
            resource: self.resource,
        };
        (grant, login)
    }

    /// The code itself.
    pub fn code(&self) -> &Secret {
        &self.code
    }

    /// What tells the server that it is for from others: its issuer, where that is known.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The client that it was given to.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The redirect URI as it was sent, which the token request must repeat (RFC 6749 4.1.3).
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The scopes that were asked for.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Redeems it for some of the APIs that were asked for, such as one alone, which is all that some servers
    /// take; the refresh token is for all of them (RFC 8707 2.2). Default: all.
    ///
    /// # Errors
    /// One of them was not asked for.
    pub fn for_resources<T: Into<String>>(
        mut self,
        resources: impl IntoIterator<Item = T>,
    ) -> Result<Self, Error> {
        let resources: Vec<String> = resources.into_iter().map(Into::into).collect();
        if let Some(other) = resources.iter().find(|one| !self.resource.contains(one)) {
            let problem = format!(
                "`{}` is not among the APIs that the code was asked for (RFC 8707 2.2)",
                escape(other)
            );
            return Err(
                Error::config("resource", problem).remedy("add it to the `AuthorizationRequest`")
            );
        }
        self.resource = resources;
        Ok(self)
    }

    /// A parameter that came beside it and that no RFC knows, such as the name of a tenant. It went through
    /// the user's browser, and nobody vouches for it.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut others = self.others.iter().filter(|(known, _)| known == name);
        match (others.next(), others.next()) {
            (Some((_, value)), None) => Some(value.expose()),
            _ => None,
        }
    }
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationCode")
            .field("code", &self.code)
            .field("verifier", &self.verifier)
            .field("client_id", &escape(&self.client_id))
            .field("authority", &escape(&self.authority))
            .field("redirect_uri", &escape(&self.redirect_uri))
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
