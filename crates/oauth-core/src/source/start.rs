//! How the first token is had, and what makes it that token.

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
    ClientCredentials(ClientCredentials),
    /// With a refresh token from a login, each time its successor.
    RefreshToken {
        seed: Option<SecretRef>,
        scopes: Scopes,
    },
}

/// What of a token's key neither server nor client nor grant knows. There are many of them: the whole
/// key is made from these when it is wanted.
pub(super) struct Whose {
    pub subject: Option<Box<str>>,
    pub credential: Option<Box<str>>,
}

pub(super) fn key(
    server: &AuthorizationServer,
    client: &ClientAuth,
    start: &Start,
    whose: &Whose,
) -> TokenKey {
    let request = &server.departures.request;
    let common = TokenKey {
        authority: server.authority().to_owned(),
        client_id: client.id.clone(),
        grant: start.grant_type().to_owned(),
        scopes: start.scopes().clone(),
        subject: whose.subject.as_deref().map(str::to_owned),
        credential: whose.credential.as_deref().map(str::to_owned),
        parameters: request.parameters.clone(),
        headers: request.headers.clone(),
        ..TokenKey::default()
    };
    match start {
        Start::RefreshToken { .. } => common,
        Start::ClientCredentials(grant) => TokenKey {
            resource: grant.resource.clone(),
            audience: grant.audience.clone(),
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
