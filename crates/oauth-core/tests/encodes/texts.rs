//! Values to be encoded.

use oauth_core::token::Scopes;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use serde_json::{Value, json};

/// Any text, those that encoders stumble over more often than others.
pub fn text() -> impl Strategy<Value = String> {
    let hard = prop_oneof![
        Just(" "),
        Just("+"),
        Just("%"),
        Just("%2B"),
        Just("&"),
        Just("="),
        Just(":"),
        Just("~"),
        Just("*"),
        Just("\r\n"),
        Just("\0"),
        Just("é"),
        Just("\u{10ffff}"),
        Just("\"\\"),
        Just("#?/"),
        Just(";"),
    ];
    let part = prop_oneof![hard.prop_map(str::to_owned), any::<String>()];
    vec(part, 0..4).prop_map(|parts| parts.concat())
}

/// A text of one line with something in it, as secrets are.
pub fn line() -> impl Strategy<Value = String> {
    let lines = text().prop_map(|text| text.replace(char::is_control, "!"));
    lines.prop_map(|line| format!("{line}x"))
}

/// Visible ASCII and space (RFC 6749 A.1).
pub fn client_id() -> impl Strategy<Value = String> {
    vec(0x20..=0x7e_u8, 1..24).prop_map(|bytes| bytes.into_iter().map(char::from).collect())
}

/// Scopes (RFC 6749 3.3), a comma apart, which is a separator of some servers.
pub fn scopes() -> impl Strategy<Value = Scopes> {
    let character = any::<u8>().prop_filter(
        "a character of scopes",
        |byte| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x5b | 0x5d..=0x7e),
    );
    let scope = vec(character, 1..8).prop_map(|bytes| String::from_utf8(bytes).unwrap());
    vec(scope, 0..4).prop_map(|scopes| Scopes::new(scopes).unwrap())
}

/// Several texts.
pub fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

/// Details of an authorization (RFC 9396 2), perhaps none.
pub fn details() -> impl Strategy<Value = Vec<Value>> {
    let detail = (line(), text(), any::<i64>());
    let detail =
        detail.prop_map(|(kind, text, number)| json!({"type": kind, "text": text, "n": [number]}));
    vec(detail, 0..3)
}

/// Absolute URIs without a fragment (RFC 8707 2).
pub fn resources() -> impl Strategy<Value = Vec<String>> {
    vec(text().prop_map(|text| resource(&text)), 0..3)
}

fn resource(text: &str) -> String {
    let mut url = url::Url::parse("https://api.example/v1").unwrap();
    url.query_pairs_mut().append_pair("a", text);
    url.into()
}
