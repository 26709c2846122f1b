//! A token for another (RFC 8693).

use std::time::Duration;

use crate::error::Error;
use crate::grant::{Grant, TokenExchange};
use crate::oauth_client::{OAuthClient, TokenResponse};
use crate::secret::Secret;
use crate::token::{Scopes, TokenType};

/// What a token was exchanged for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Exchanged {
    /// An access token.
    AccessToken(Box<TokenResponse>),
    /// Something that is no access token (`N_A`, RFC 8693 2.2.1): an assertion for another server, say. It
    /// cannot be borne to an API.
    Other(OtherToken),
}

/// A token that is no access token (RFC 8693 2.2.1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OtherToken {
    /// The token.
    pub token: Secret,
    /// What it is: see [`exchange`](crate::grant::exchange).
    pub issued_token_type: String,
    /// How long it lives from the moment it was asked for; `None`: unknown.
    pub lifetime: Option<Duration>,
    /// The scopes it has.
    pub scopes: Scopes,
}

impl OAuthClient {
    /// Exchanges a token for another (RFC 8693 2). [`token`](Self::token) does so too, and takes an access
    /// token alone.
    ///
    /// # Errors
    /// As [`token`](Self::token); also where the answer does not say what the token is, or says that it is
    /// another than was asked for.
    pub async fn exchange(&self, exchange: TokenExchange) -> Result<Exchanged, Error> {
        let response = self.ask(&Grant::TokenExchange(exchange), true).await?;
        Ok(match response.token_type {
            TokenType::NotApplicable => Exchanged::Other(OtherToken {
                token: response.access_token,
                issued_token_type: response.issued_token_type.unwrap_or_default(),
                lifetime: response.lifetime,
                scopes: response.scopes,
            }),
            _ => Exchanged::AccessToken(Box::new(response)),
        })
    }
}
