//! The endpoints of an authorization server, by their names.

use serde::Deserialize;

/// An endpoint of an authorization server; in a configuration by the name that RFC 8414 2 gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[non_exhaustive]
pub enum EndpointKind {
    /// `token_endpoint` (RFC 6749 3.2).
    #[serde(rename = "token_endpoint")]
    Token,
    /// `authorization_endpoint` (RFC 6749 3.1).
    #[serde(rename = "authorization_endpoint")]
    Authorization,
    /// `pushed_authorization_request_endpoint` (RFC 9126 2).
    #[serde(rename = "pushed_authorization_request_endpoint")]
    PushedAuthorizationRequest,
    /// `device_authorization_endpoint` (RFC 8628 3.1).
    #[serde(rename = "device_authorization_endpoint")]
    DeviceAuthorization,
    /// `introspection_endpoint` (RFC 7662 2).
    #[serde(rename = "introspection_endpoint")]
    Introspection,
    /// `revocation_endpoint` (RFC 7009 2).
    #[serde(rename = "revocation_endpoint")]
    Revocation,
    /// `registration_endpoint` (RFC 7591 3).
    #[serde(rename = "registration_endpoint")]
    Registration,
    /// `userinfo_endpoint` (OpenID Connect Core 1.0, 5.3).
    #[serde(rename = "userinfo_endpoint")]
    Userinfo,
    /// `end_session_endpoint` (OpenID Connect RP-Initiated Logout 1.0, 2).
    #[serde(rename = "end_session_endpoint")]
    EndSession,
    /// `jwks_uri`: the server's public keys (RFC 8414 2).
    #[serde(rename = "jwks_uri")]
    Jwks,
}

impl EndpointKind {
    /// Each of them.
    pub const ALL: [Self; 10] = [
        Self::Token,
        Self::Authorization,
        Self::PushedAuthorizationRequest,
        Self::DeviceAuthorization,
        Self::Introspection,
        Self::Revocation,
        Self::Registration,
        Self::Userinfo,
        Self::EndSession,
        Self::Jwks,
    ];

    /// The name of the member that publishes it, and of the setting that configures it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token_endpoint",
            Self::Authorization => "authorization_endpoint",
            Self::PushedAuthorizationRequest => "pushed_authorization_request_endpoint",
            Self::DeviceAuthorization => "device_authorization_endpoint",
            Self::Introspection => "introspection_endpoint",
            Self::Revocation => "revocation_endpoint",
            Self::Registration => "registration_endpoint",
            Self::Userinfo => "userinfo_endpoint",
            Self::EndSession => "end_session_endpoint",
            Self::Jwks => "jwks_uri",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_written_by_its_registered_name() {
        for kind in EndpointKind::ALL {
            let written = serde_json::Value::from(kind.name());
            assert_eq!(
                serde_json::from_value::<EndpointKind>(written).unwrap(),
                kind
            );
        }
        serde_json::from_value::<EndpointKind>("logout_endpoint".into()).unwrap_err();
    }
}
