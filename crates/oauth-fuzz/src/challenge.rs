//! `WWW-Authenticate` (RFC 9110 11.6.1, RFC 6750 3).
//!
//! An input is a line for each header.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use oauth_core::parsers;
use oauth_core::token::Scopes;
use oauth_core::{Secret, error::OAuthError};

use crate::canary::{SENT, check_debug, check_line, lacks};
use crate::choice::header_values;

/// What an API says is lines without the token it was sent, and reads the same when it says it again.
pub fn check(data: &[u8]) {
    let values = header_values(data).take(64);
    let headers: HeaderMap = values.map(|value| (WWW_AUTHENTICATE, value)).collect();
    let sent = Secret::new(SENT);
    let (said, wanted) = parsers::challenge(&headers, &sent);
    check_debug(&(&said, &wanted), &[SENT]);
    if let Some(said) = said {
        check_said(&said, &sent);
    }
    if let Some(wanted) = wanted {
        check_wanted(&wanted, &sent);
    }
}

fn check_said(said: &OAuthError, sent: &Secret) {
    let others = [&said.description, &said.uri].into_iter().flatten();
    for text in others.chain([&said.code]).filter(|text| !text.is_empty()) {
        check_line(text);
        lacks(text, &[SENT]);
    }
    let part = |name: &str, text: &Option<String>| match text {
        Some(text) => format!(", {name}={}", quoted(text)),
        None => String::new(),
    };
    let again = format!(
        "Negotiate YII=, bearer error={}{}{}",
        quoted(&said.code),
        part("error_description", &said.description),
        part("error_uri", &said.uri),
    );
    if let Some(headers) = again_in_a_header(&again) {
        assert_eq!(
            parsers::challenge(&headers, sent).0.as_ref(),
            Some(said),
            "{again}"
        );
    }
}

fn check_wanted(wanted: &Scopes, sent: &Secret) {
    let text = wanted.joined(' ');
    lacks(&text, &[SENT]);
    if !text.is_empty() {
        check_line(&text);
    }
    let again = format!("Bearer error=insufficient_scope,scope={}", quoted(&text));
    if let Some(headers) = again_in_a_header(&again) {
        assert_eq!(
            parsers::challenge(&headers, sent).1.as_ref(),
            Some(wanted),
            "{again}"
        );
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The text in a header; `None`: it is not ASCII, or so long that what is shown of it is cut.
fn again_in_a_header(text: &str) -> Option<HeaderMap> {
    let is_whole = text.is_ascii() && text.len() < 512;
    let value = is_whole.then(|| HeaderValue::try_from(text).ok())??;
    Some(HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]))
}
