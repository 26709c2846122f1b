//! From a value to a configuration, with every fault named at once.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::text;

/// Turns a value into a configuration.
///
/// # Errors
/// One error that names every unknown key, wrong type and missing key it can see, each by its path,
/// with the nearest known key. A value is shown only where it should have been a name that is nobody's secret,
/// such as a scope or an algorithm.
pub fn parse<C: DeserializeOwned>(mut value: Value) -> Result<C, Error> {
    let mut faults = Vec::new();
    let mut mended: Vec<String> = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, C>(value.clone()) {
            Ok(config) if faults.is_empty() => return Ok(config),
            Ok(_) => break,
            Err(error) => error,
        };
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        let text = error.inner().to_string();
        let (at, problem) = describe(&path, &text);
        // what is wrong is taken out, so that the next fault shows; what then is missing takes the
        // object around it along
        let cut = if mended.contains(&at) {
            at.rsplit_once('.').map(|(parent, _)| parent.to_owned())
        } else {
            faults.push(problem);
            Some(at)
        };
        let Some(cut) = cut else { break };
        if faults.len() >= 16 || !remove(&mut value, &cut) {
            break;
        }
        mended.push(cut);
    }
    let message = faults.join("; ");
    Err(Error::new(crate::error::ErrorKind::Config, message))
}

/// The path of the fault, as it is, and a line about it, made from serde's text without any value in it,
/// escaped.
fn describe(path: &str, text: &str) -> (String, String) {
    let join = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    if let Some((key, known)) = unknown_field(text) {
        // serde_path_to_error already counts the unknown key into the path
        let at = if path == key || path.ends_with(&format!(".{key}")) {
            path.to_owned()
        } else {
            join(key)
        };
        let shown = text::escape(&at);
        let help = match text::nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys: {}", known.join(", ")),
        };
        return (at, format!("{shown}: unknown key; {help}"));
    }
    if let Some((key, _)) = quoted_after(text, "missing field `") {
        let at = join(key);
        let problem = format!("{}: this key is missing", text::escape(&at));
        return (at, problem);
    }
    let at = path.to_owned();
    let shown = if path.is_empty() {
        "the configuration".to_owned()
    } else {
        text::escape(path)
    };
    let problem = if text.starts_with("invalid ") || text.starts_with("unknown variant") {
        // "invalid type: string \"s3cret\", expected u64": only what was expected is ours to repeat
        match text.rsplit_once("expected ") {
            Some((_, expected)) => {
                let expected = text::escape(expected);
                format!("{shown}: wrong type or value; expected {expected}")
            }
            None => format!("{shown}: wrong type or value"),
        }
    } else if text.starts_with("duplicate field") {
        format!("{shown}: a key stands twice")
    } else {
        // a message of our own types: they repeat no secret
        format!("{shown}: {}", text::escape(text))
    };
    (at, problem)
}

/// The key that is not known, and those that are. The user's key can hold anything, also the words around it: what
/// serde says of its own stands behind the last of them.
fn unknown_field(text: &str) -> Option<(&str, Vec<&str>)> {
    let text = text.strip_prefix("unknown field `")?;
    if let Some(key) = text.strip_suffix("`, there are no fields") {
        return Some((key, Vec::new()));
    }
    let (key, known) = text.rsplit_once("`, expected ")?;
    Some((key, known.split('`').skip(1).step_by(2).collect()))
}

fn quoted_after<'a>(text: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(start)?.split_once('`')
}

/// Takes the value at a path such as `server.hosts[2].url` out; false where there is none.
fn remove(value: &mut Value, path: &str) -> bool {
    let Some((parents, last)) = path.rsplit_once('.').map_or(Some(("", path)), Some) else {
        return false;
    };
    let mut at = value;
    for step in parents.split('.').filter(|step| !step.is_empty()) {
        let (key, indices) = step.split_once('[').unwrap_or((step, ""));
        let Some(mut next) = at.get_mut(key) else {
            return false;
        };
        for index in indices.split(['[', ']']).filter(|index| !index.is_empty()) {
            let Some(inner) = index
                .parse::<usize>()
                .ok()
                .and_then(|index| next.get_mut(index))
            else {
                return false;
            };
            next = inner;
        }
        at = next;
    }
    let key = last.split_once('[').map_or(last, |(key, _)| key);
    at.as_object_mut()
        .is_some_and(|members| members.remove(key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::span::Span;
    use crate::secret::SecretRef;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read by serde")]
    struct Config {
        client_id: String,
        client_secret: SecretRef,
        server: Option<Server>,
        wait: Option<Span>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read by serde")]
    struct Server {
        port: u16,
    }

    #[test]
    fn r197_names_every_fault_at_once_and_no_value() {
        let error = parse::<Config>(json!({
            "client_secert": "hunter2",
            "client_secret": "hunter2",
            "server": {"port": "hunter2", "prot": 1},
            "wait": 5,
        }))
        .unwrap_err();
        let text = error.to_string();
        for says in [
            "client_secert: unknown key; did you mean `client_secret`?",
            "client_secret: a secret is given by reference",
            "server.port: wrong type or value; expected u16",
            "server.prot: unknown key; did you mean `port`?",
            "wait: expected a span of time",
            "client_id: this key is missing",
        ] {
            assert!(text.contains(says), "{says:?} is not in: {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_key_that_quotes_is_told_as_it_is_and_is_no_known_one() {
        for (key, shown) in [
            ("a`\u{1b}[2J`b", "a`\\u{1b}[2J`b"),
            (
                "a`, expected one of `\u{7f}`, `b",
                "a`, expected one of `\\u{7f}`, `b",
            ),
            ("a`, there are no fields", "a`, there are no fields"),
        ] {
            let fault = parse::<Server>(json!({"port": 1, (key): 1})).unwrap_err();
            let expected = format!("{shown}: unknown key; known keys: port");
            assert_eq!(fault.to_string(), expected);
        }
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read by serde")]
    struct Named {
        servers: BTreeMap<String, Server>,
        waits: BTreeMap<String, Span>,
        texts: BTreeMap<String, Picky>,
    }

    #[derive(Debug)]
    struct Picky;

    impl<'de> serde::Deserialize<'de> for Picky {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = <String as serde::Deserialize>::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("{text} will not do")))
        }
    }

    #[test]
    fn a_name_with_control_characters_stays_one_line_in_every_sort_of_fault() {
        let name = "a\n\u{1b}[2J\u{202e}b";
        let shown = "a\\u{a}\\u{1b}[2J\\u{202e}b";
        for (bad, says) in [
            (
                json!({"servers": {(name): {"port": "x"}}}),
                format!("servers.{shown}.port: wrong type or value; expected u16"),
            ),
            (
                json!({"servers": {(name): {}}}),
                format!("servers.{shown}.port: this key is missing"),
            ),
            (
                json!({"servers": {(name): {"port": 1, (name): 1}}}),
                format!("servers.{shown}.{shown}: unknown key"),
            ),
            (
                json!({"servers": {(name): 5}}),
                format!("servers.{shown}: wrong type or value; expected struct Server"),
            ),
            (
                json!({"servers": {}, "waits": {(name): 5}}),
                format!("waits.{shown}: expected a span of time"),
            ),
            (
                json!({"servers": {}, "waits": {}, "texts": {(name): "c\n\u{1b}[2J"}}),
                format!("texts.{shown}: c\\u{{a}}\\u{{1b}}[2J will not do"),
            ),
        ] {
            let text = parse::<Named>(bad).unwrap_err().to_string();
            assert!(text.contains(&says), "{says:?} is not in: {text}");
            assert!(
                !text.contains(|character: char| character.is_control() || character == '\u{202e}'),
                "{text:?}"
            );
        }
    }
}
