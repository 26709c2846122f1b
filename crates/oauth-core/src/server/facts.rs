//! What an authorization server supports and demands.

use serde::Deserialize;

/// What an authorization server says that it supports and demands, by the names of its metadata;
/// what it does not say is as RFC 8414 2 and the other specifications have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerFacts {
    /// Its authorization responses have an `iss` (RFC 9207 3).
    pub authorization_response_iss_parameter_supported: bool,
    /// It takes authorization requests only if they were pushed (RFC 9126 5).
    pub require_pushed_authorization_requests: bool,
    /// The transformations of PKCE it knows, where it says so (RFC 8414 2).
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// The algorithms it takes DPoP proofs in, where it says so (RFC 9449 5.1).
    pub dpop_signing_alg_values_supported: Option<Vec<String>>,
    /// The algorithms it signs ID tokens with, where it says so (OpenID Connect Discovery 1.0, 3).
    pub id_token_signing_alg_values_supported: Option<Vec<String>>,
    /// It binds access tokens to the client's certificate (RFC 8705 3.3).
    pub tls_client_certificate_bound_access_tokens: bool,
}
