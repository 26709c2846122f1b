//! What must be shown to nobody, and whether it is.

use std::fmt::{Debug, Display};

use oauth_core::Error;
use serde_json::Value;

/// Put where the secrets of an answer stand. Of characters that every form of a token allows.
pub const CANARY: &str = "canary-5d0b1f7e.94ac";
/// What the client sent, and must not be shown where a server echoes it.
pub const SENT: &str = "s3nt-7c1e/+= of the run";

/// The most characters of an error, however much the input has.
const LONGEST: usize = 64 * 1024;

/// One line of bounded length that says what went wrong, however it is printed without a secret.
#[track_caller]
pub fn check_error(error: &Error, secrets: &[&str]) {
    let line = error.to_string();
    check_line(&line);
    for text in [line, format!("{error:?}"), format!("{error:#?}")] {
        lacks(&text, secrets);
    }
    assert!(std::error::Error::source(error).is_none());
    assert!(!error.kind().name().is_empty() && !error.recovery().name().is_empty());
}

/// A line for a person: nothing in it moves a cursor or turns the direction of text.
#[track_caller]
pub fn check_line(line: &str) {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!line.contains(steers), "no line: {line:?}");
    assert!((1..LONGEST).contains(&line.len()), "{} bytes", line.len());
}

/// None of the secrets is in the text.
#[track_caller]
pub fn lacks(text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is shown: {text}");
    }
}

/// What is printed of a value has none of the secrets.
#[track_caller]
pub fn check_debug(value: &impl Debug, secrets: &[&str]) {
    lacks(&format!("{value:?}"), secrets);
    lacks(&format!("{value:#?}"), secrets);
}

/// No long word of the input stands in the text: what is quoted could be a part of a key or a token.
#[track_caller]
pub fn quotes_nothing(text: impl Display, input: &[u8]) {
    const LONG: usize = 24;
    let text = text.to_string();
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    let words = text.split(|c| !is_of_word(c));
    for word in words.map(|word| word.trim_matches('-')) {
        let is_quoted = || {
            input
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        };
        assert!(word.len() < LONG || !is_quoted(), "{word} is shown: {text}");
    }
}

/// Whether the input has the canary already, so that it proves nothing where it stands.
pub fn is_known(data: &[u8]) -> bool {
    data.windows(CANARY.len())
        .any(|part| part == CANARY.as_bytes())
}

/// The value with the canary in every member of these names, at any depth, whose form stays what it was.
pub fn hide(value: &mut Value, names: &[&str]) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|one| hide(one, names)),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match names.contains(&name.as_str()) {
                    true => mark(member),
                    false => hide(member, names),
                }
            }
        }
        _ => {}
    }
}

/// The value with the canary at the end of each of its texts.
fn mark(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(CANARY),
        Value::Array(list) => list.iter_mut().for_each(mark),
        Value::Object(members) => members.values_mut().for_each(mark),
        _ => {}
    }
}

/// A form with the canary at the end of the values of these names.
pub fn hide_in_form(form: &str, names: &[&str]) -> String {
    let pairs = form.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = url::form_urlencoded::parse(name.as_bytes()).next();
        match decoded.is_some_and(|(name, _)| names.contains(&&*name)) {
            true => format!("{name}={value}{CANARY}"),
            false => pair.to_owned(),
        }
    });
    pairs.collect::<Vec<String>>().join("&")
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use oauth_core::ErrorKind;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_shown_on_purpose_is_found() {
        for shown in [CANARY, "a\nb", "a\u{202e}b", ""] {
            let error = Error::new(ErrorKind::Config, shown);
            let found = catch_unwind(|| check_error(&error, &[CANARY]));
            assert!(found.is_err(), "{shown:?}");
        }
        let long = "A".repeat(24);
        let found = catch_unwind(|| quotes_nothing(format!("no `{long}`"), long.as_bytes()));
        assert!(found.is_err());
        quotes_nothing("no `AAAA`", b"AAAA");
    }

    #[test]
    fn the_canary_stands_where_the_secrets_stand() {
        let mut value = json!({"a": {"code": "x"}, "b": [{"code": ["y", 1]}], "c": "z"});
        hide(&mut value, &["code"]);
        let with = |text: &str| format!("{text}{CANARY}");
        let expected = json!({"a": {"code": with("x")}, "b": [{"code": [with("y"), 1]}], "c": "z"});
        assert_eq!(value, expected);
        assert_eq!(
            hide_in_form("a=1&c%6fde=x&code", &["code"]),
            format!("a=1&c%6fde=x{CANARY}&code={CANARY}")
        );
        assert!(is_known(with("x").as_bytes()) && !is_known(b"x"));
    }
}
