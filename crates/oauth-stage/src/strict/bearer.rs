//! The token in a request, and whether it came as it must.

use http::header::AUTHORIZATION;

use crate::strict::request::Request;

/// The rule that the way in which a token came breaks.
pub(crate) fn violation(request: &Request) -> Option<&'static str> {
    let is_token = |(name, _): &(String, String)| name == "access_token";
    if request.form().iter().any(is_token) {
        return Some("the access token is in the form, not in the header (OAuth 2.1 5.1.1)");
    }
    match bearer(request) {
        Bearer::Malformed(rule) => Some(rule),
        Bearer::Token(..) | Bearer::Missing => None,
    }
}

/// What a request bears.
pub(crate) enum Bearer<'a> {
    Missing,
    /// Whether it came as `DPoP`, and the token.
    Token(bool, &'a str),
    Malformed(&'static str),
}

/// The token that a request bears (RFC 6750 2.1, RFC 9449 7.1).
pub(crate) fn bearer(request: &Request) -> Bearer<'_> {
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Bearer::Missing,
        (Some(_), Some(_)) => return Bearer::Malformed("there are two Authorization headers"),
        (Some(value), None) => value.to_str().unwrap_or_default(),
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let body = token.trim_end_matches('=');
    let in_alphabet = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    let is_dpop = scheme.eq_ignore_ascii_case("DPoP");
    if !scheme.eq_ignore_ascii_case("Bearer") && !is_dpop {
        Bearer::Malformed(
            "the Authorization is neither Bearer nor DPoP (RFC 6750 2.1, RFC 9449 7.1)",
        )
    } else if body.is_empty() || !body.chars().all(in_alphabet) {
        Bearer::Malformed("what follows Bearer is no b64token (RFC 6750 2.1)")
    } else {
        Bearer::Token(is_dpop, token)
    }
}
