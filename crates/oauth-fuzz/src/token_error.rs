//! Answers that are no success (RFC 6749 5.2), of the token endpoint and of others.
//!
//! An input is: what is declared of the server, a status, a content type, whether a refresh token was presented,
//! `Retry-After` and a line break, the body.

use http::StatusCode;
use http::header::RETRY_AFTER;
use oauth_core::parsers::{self, Sent};
use oauth_core::token::Scopes;
use oauth_core::{Error, Secret};

use crate::canary::{CANARY, SENT, check_error, check_line, lacks};
use crate::choice::{header_values, one_of};
use crate::profiles;
use crate::token_response::{TYPES, judged, typed, with_canary};

const STATUSES: [u16; 14] = [
    400, 401, 403, 404, 408, 415, 421, 425, 429, 500, 503, 302, 201, 200,
];

/// What a server says stays one line without what was sent, and a refusal is never taken for a token.
pub fn check(mut data: &[u8]) {
    let (Some(departures), Some(status), Some(media_type), Some(is_renewal)) = (
        one_of(&mut data, profiles::all()),
        one_of(&mut data, &STATUSES),
        one_of(&mut data, &TYPES),
        one_of(&mut data, &[false, true]),
    ) else {
        return;
    };
    let Ok(status) = StatusCode::from_u16(*status) else {
        return;
    };
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (line, body) = data.split_at(at);
    let mut headers = typed(media_type);
    headers.extend(header_values(line).map(|value| (RETRY_AFTER, value)));
    let bodies = [
        Some(body.to_vec()),
        with_canary(body, departures).map(String::into_bytes),
    ];
    for (body, secrets) in bodies.iter().flatten().zip([&[SENT][..], &[SENT, CANARY]]) {
        let judged = judged(status, &headers, body, departures, *is_renewal);
        let success = departures
            .response
            .success_statuses
            .contains(&status.as_u16());
        assert!(judged.is_err() || success || status == StatusCode::OK);
        let sent = Sent {
            departures,
            scopes: &Scopes::none(),
            secrets: &[Secret::new(SENT)],
            is_renewal: *is_renewal,
        };
        let document = parsers::document(status, &headers, body, &sent);
        assert!(document.is_err() || status == StatusCode::OK);
        for error in [judged.err(), document.err()].into_iter().flatten() {
            check_refusal(&error, status, secrets);
        }
    }
}

fn check_refusal(error: &Error, status: StatusCode, secrets: &[&str]) {
    check_error(error, secrets);
    assert_eq!(error.status(), Some(status.as_u16()));
    assert!(
        error
            .retry_after()
            .is_none_or(|wait| wait.as_secs() <= 3600)
    );
    let Some(said) = error.oauth() else { return };
    for text in [
        Some(&said.code),
        said.description.as_ref(),
        said.uri.as_ref(),
    ] {
        let Some(text) = text else { continue };
        check_line(text);
        lacks(text, secrets);
        // 512 characters, each of them escaped at the longest
        assert!(text.chars().count() <= 513 * "\\u{10ffff}".len());
    }
}
