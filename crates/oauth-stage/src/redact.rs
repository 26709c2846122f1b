//! What may be shown of a request and its answer.

use serde_json::Value;

use crate::form;

pub(crate) const REDACTED: &str = "[redacted]";

/// Names of JSON members whose values are secrets.
fn is_secret_member(name: &str) -> bool {
    const SECRET: [&str; 12] = [
        "access_token",
        "api_key",
        "assertion",
        "client_assertion",
        "client_secret",
        "code_verifier",
        "device_code",
        "id_token",
        "password",
        "refresh_token",
        "registration_access_token",
        "user_code",
    ];
    SECRET
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
}

/// Names of parameters whose values are secrets. As members of a document some of them are
/// everyday words (`code` in FHIR), so that those are told apart.
pub(crate) fn is_secret_parameter(name: &str) -> bool {
    const SECRET: [&str; 6] = [
        "actor_token",
        "code",
        "request",
        "response",
        "subject_token",
        "token",
    ];
    is_secret_member(name)
        || SECRET
            .iter()
            .any(|secret| name.eq_ignore_ascii_case(secret))
}

/// Headers that carry credentials, vendors' own among them.
pub(crate) fn is_secret_header(name: &str) -> bool {
    ["auth", "token", "secret", "key", "cookie", "dpop"]
        .iter()
        .any(|part| name.contains(part))
        && name != "www-authenticate"
        && name != ":authority"
}

/// An `Authorization` value with nothing but its scheme.
pub(crate) fn credentials(value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme, _)) => format!("{scheme} {REDACTED}"),
        None => REDACTED.to_owned(),
    }
}

/// The document with the values of secret members replaced.
pub(crate) fn json(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match value {
                Value::String(_) if is_secret_member(name) => (name.clone(), REDACTED.into()),
                _ => (name.clone(), json(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(json).collect(),
        _ => value.clone(),
    }
}

/// The values of secret members.
pub(crate) fn collect(value: &Value, secrets: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(secret) if is_secret_member(name) => secrets.push(secret.clone()),
                    _ => collect(value, secrets),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, secrets)),
        _ => {}
    }
}

/// The text without the secrets, wherever they stand in it, and fit for a terminal.
pub(crate) fn scrub(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    // the longest first: a secret may be part of another one
    let mut secrets: Vec<&String> = secrets
        .iter()
        .filter(|secret| secret.len() >= SHORTEST)
        .collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        text = text.replace(secret.as_str(), REDACTED);
    }
    printable(&text)
}

/// A shorter text is part of others by chance.
const SHORTEST: usize = 4;

/// The path as it was sent, or decoded where that is how a secret in it can be seen and replaced.
pub(crate) fn path(path: &str, secrets: &[String]) -> String {
    form::decode_path(path)
        .filter(|decoded| {
            secrets
                .iter()
                .any(|s| s.len() >= SHORTEST && decoded.contains(s))
        })
        .unwrap_or_else(|| path.to_owned())
}

/// The text with everything escaped that could steer a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let bidi = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let escape = (c.is_control() && c != '\n') || bidi;
            let plain = (!escape).then_some(c);
            plain.into_iter().chain(escape.then(|| c.escape_unicode()).into_iter().flatten())
        })
        .collect()
}
