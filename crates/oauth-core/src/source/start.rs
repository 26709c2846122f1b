//! How the first token is had, and what makes it that token.

use std::sync::Arc;

use crate::client_auth::ClientAuth;
use crate::grant::ClientCredentials;
use crate::secret::SecretRef;
use crate::server::AuthorizationServer;
use crate::token::Scopes;
use crate::tokens::TokenKey;

/// How the first token is had.
#[derive(Debug)]
pub(super) enum Start {
    /// With the client's own credentials, again and again.
    ClientCredentials(Arc<ClientCredentials>),
    /// With a refresh token from a login, each time its successor.
    RefreshToken {
        /// Held so that another connection of the same key sees it.
        seed: Arc<Option<SecretRef>>,
        scopes: Scopes,
    },
}

/// What of a token's key neither server nor client nor grant knows. There are many of them: the whole
/// key is made from these when it is wanted.
pub(super) enum Whose {
    /// A login, by its name.
    Subject(Box<str>),
    /// The client itself, by a fingerprint that is as short as that of a secret.
    Short([u8; SHORT]),
    /// The client itself, by another one.
    Long(Box<str>),
}

/// The length of the fingerprint of a secret.
const SHORT: usize = 6;

impl Whose {
    /// Whose a token is that a client has for itself.
    pub fn client(fingerprint: String) -> Self {
        match fingerprint.as_bytes().try_into() {
            Ok(short) => Self::Short(short),
            Err(_) => Self::Long(fingerprint.into()),
        }
    }

    /// The name of the login, where it is one.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::Subject(subject) => Some(subject),
            Self::Short(_) | Self::Long(_) => None,
        }
    }

    fn credential(&self) -> Option<&str> {
        match self {
            Self::Subject(_) => None,
            Self::Short(short) => std::str::from_utf8(short).ok(),
            Self::Long(fingerprint) => Some(fingerprint),
        }
    }
}

pub(super) fn key(
    server: &AuthorizationServer,
    client: &ClientAuth,
    start: &Start,
    whose: &Whose,
) -> TokenKey {
    let is_refresh = matches!(start, Start::RefreshToken { .. });
    let request = server.departures.request.of(is_refresh);
    let common = TokenKey {
        authority: server.authority().to_owned(),
        client_id: client.id.clone(),
        grant: start.grant_type().to_owned(),
        scopes: start.scopes().clone(),
        subject: whose.subject().map(str::to_owned),
        credential: whose.credential().map(str::to_owned),
        parameters: request.parameters.clone(),
        headers: request.headers.clone(),
        ..TokenKey::default()
    };
    match start {
        Start::RefreshToken { .. } => common,
        Start::ClientCredentials(grant) => TokenKey {
            resource: grant.resource.clone(),
            audience: grant.audience.clone(),
            authorization_details: Some(grant.authorization_details.parameter())
                .filter(|details| !details.is_empty()),
            ..common
        },
    }
}

impl Start {
    /// The `grant_type` it begins with.
    pub fn grant_type(&self) -> &'static str {
        match self {
            Self::ClientCredentials(_) => "client_credentials",
            Self::RefreshToken { .. } => "refresh_token",
        }
    }

    /// The scopes that are asked for.
    pub fn scopes(&self) -> &Scopes {
        match self {
            Self::ClientCredentials(grant) => &grant.scopes,
            Self::RefreshToken { scopes, .. } => scopes,
        }
    }
}
