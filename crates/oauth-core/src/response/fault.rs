//! What is wrong with a member of an answer, named as it is declared to stand.

use crate::error::{Error, ProtocolFault};
use crate::response::{Asked, protocol};

/// A member of RFC 6749 5.1.
#[derive(Clone, Copy)]
pub(super) enum Member {
    AccessToken,
    TokenType,
    ExpiresIn,
    RefreshToken,
    Scope,
    IdToken,
    IssuedTokenType,
    AuthorizationDetails,
}

impl Member {
    /// Its name, or the pointer to where it is declared to stand.
    fn shown(self, asked: &Asked<'_>) -> String {
        let at = &asked.departures.response.members;
        let none = &None;
        let (declared, name) = match self {
            Self::AccessToken => (&at.access_token, "access_token"),
            Self::TokenType => (&at.token_type, "token_type"),
            Self::ExpiresIn => (&at.expires_in, "expires_in"),
            Self::RefreshToken => (&at.refresh_token, "refresh_token"),
            Self::Scope => (&at.scope, "scope"),
            Self::IdToken => (none, "id_token"),
            Self::IssuedTokenType => (none, "issued_token_type"),
            Self::AuthorizationDetails => (none, "authorization_details"),
        };
        match declared {
            Some(pointer) => pointer.to_string(),
            None => name.to_owned(),
        }
    }
}

pub(super) fn missing(member: Member, asked: &Asked<'_>) -> Error {
    protocol(
        ProtocolFault::MissingField,
        asked,
        format!("`{}` is missing (RFC 6749 5.1)", member.shown(asked)),
    )
}

pub(super) fn wrong_type(member: Member, expected: &str, asked: &Asked<'_>) -> Error {
    protocol(
        ProtocolFault::BadType,
        asked,
        format!("`{}` is not {expected} (RFC 6749 5.1)", member.shown(asked)),
    )
}

pub(super) fn bad_value(member: Member, expected: &str, asked: &Asked<'_>) -> Error {
    protocol(
        ProtocolFault::BadValue,
        asked,
        format!("`{}` is not {expected}", member.shown(asked)),
    )
}
