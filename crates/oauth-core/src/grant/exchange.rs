//! Token exchange (RFC 8693).

use crate::authorization_details::AuthorizationDetails;
use crate::secret::Secret;
use crate::token::Scopes;

/// A token for another (RFC 8693 2.1). It spends neither.
#[derive(Clone, Debug)]
pub struct TokenExchange {
    /// The token of whoever the new one stands for.
    pub subject: TypedToken,
    /// The token of whoever acts for the subject.
    pub actor: Option<TypedToken>,
    /// What is wanted, such as [`ACCESS_TOKEN`]; `None`: the server decides.
    pub requested_token_type: Option<String>,
    /// The scopes asked for; none: the server decides.
    pub scopes: Scopes,
    /// The APIs the token is for, by URL; each is one parameter.
    pub resource: Vec<String>,
    /// The APIs the token is for, by name; each is one parameter.
    pub audience: Vec<String>,
    /// What is to be allowed, in detail (RFC 9396 6).
    pub authorization_details: AuthorizationDetails,
}

/// A token and what it is (RFC 8693 3).
#[derive(Clone, Debug)]
pub struct TypedToken {
    /// The token.
    pub token: Secret,
    /// What it is: one of the identifiers here, or another URI.
    pub token_type: String,
}

/// An OAuth access token (RFC 8693 3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// An OAuth refresh token (RFC 8693 3).
pub const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
/// An ID token (RFC 8693 3).
pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// A SAML 1.1 assertion, in base64url (RFC 8693 3).
pub const SAML1: &str = "urn:ietf:params:oauth:token-type:saml1";
/// A SAML 2.0 assertion, in base64url (RFC 8693 3).
pub const SAML2: &str = "urn:ietf:params:oauth:token-type:saml2";
/// A JWT (RFC 8693 3).
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

impl TokenExchange {
    /// A token for that of a subject, asking for nothing in particular.
    pub fn new(subject: Secret, subject_token_type: impl Into<String>) -> Self {
        Self {
            subject: TypedToken {
                token: subject,
                token_type: subject_token_type.into(),
            },
            actor: None,
            requested_token_type: None,
            scopes: Scopes::none(),
            resource: Vec::new(),
            audience: Vec::new(),
            authorization_details: AuthorizationDetails::default(),
        }
    }
}
