//! The answers of endpoints beside the token endpoint.

use super::*;

fn read(status: u16, body: &[u8]) -> Result<serde_json::Map<String, Value>, Error> {
    let status = StatusCode::from_u16(status).unwrap();
    let departures = Departures::default();
    asked_as(
        &departures,
        Some(JSON),
        |_| {},
        |headers, asked| document(status, headers, body, &[200, 201], asked),
    )
}

#[test]
fn an_object_under_a_status_of_success_is_a_document() {
    for status in [200, 201] {
        let members = read(status, br#"{"active":true,"error":null}"#).unwrap();
        assert_eq!(members["active"], true);
    }
}

#[test]
fn anything_else_is_refused_and_says_why() {
    for (body, kind, says) in [
        (&b""[..], "Protocol.Empty", "it has no body"),
        (b"\xff", "Protocol.BadEncoding", "it is not UTF-8 text"),
        (b"[]", "Protocol.NotObject", "it is not one JSON object"),
        (b"{", "Protocol.NotJson", "it is not well-formed JSON"),
        (
            br#"{"a":1,"a":2}"#,
            "Protocol.DuplicateKey",
            "a member stands twice",
        ),
        (
            br#"{"error":"invalid_token"}"#,
            "OAuth",
            "invalid_token (200)",
        ),
    ] {
        let error = read(200, body).unwrap_err();
        assert_eq!(error.kind().name(), kind, "{says}");
        assert_eq!(error.status(), Some(200));
        assert!(error.to_string().contains(says), "{says:?}: {error}");
    }
}

#[test]
fn another_status_is_a_refusal_whatever_it_brings() {
    let error = read(400, br#"{"error":"invalid_request"}"#).unwrap_err();
    assert_eq!((error.kind().name(), error.status()), ("OAuth", Some(400)));
    let error = read(202, br#"{"active":true}"#).unwrap_err();
    assert_eq!((error.kind().name(), error.status()), ("Http", Some(202)));
}
