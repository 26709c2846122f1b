//! How the answer to an authorization request comes back.

use serde::{Deserialize, Serialize};

/// How the answer comes back (OAuth 2.0 Multiple Response Types 2.1, OAuth 2.0 Form Post Response Mode,
/// JARM 2.3). `fragment` is not among them: what is in a fragment, scripts read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ResponseMode {
    /// In the query of the redirect URI. It is what a server does unasked, so that nothing is sent.
    #[default]
    #[serde(rename = "query")]
    Query,
    /// In the body of a `POST` that the user's browser sends.
    #[serde(rename = "form_post")]
    FormPost,
    /// As [`Query`](Self::Query), in a signed JWT.
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// As [`FormPost`](Self::FormPost), in a signed JWT.
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
}

impl ResponseMode {
    /// The parameter's value; `None`: it is left out.
    pub(super) fn parameter(self) -> Option<&'static str> {
        match self {
            Self::Query => None,
            other => Some(other.name()),
        }
    }

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
            Self::QueryJwt => "query.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// Whether the answer is a signed JWT (JARM).
    pub fn is_signed(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FormPostJwt)
    }

    /// Whether it comes as the body of a `POST`.
    pub(super) fn is_posted(self) -> bool {
        matches!(self, Self::FormPost | Self::FormPostJwt)
    }
}
