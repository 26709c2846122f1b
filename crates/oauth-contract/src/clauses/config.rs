//! A configuration that cannot work is refused before anything is sent, and each fault named.

use serde_json::{Value, json};

use crate::check::{Outcome, equal, kind, one_line, recovery, refused, that};
use crate::connected::Connected;
use crate::redact::remember;
use crate::stage::Stage;
use crate::subject::Subject;

/// A value that stands where it must not, and that no error may repeat.
const CANARY: &str = "canary-that-no-error-repeats";

/// Misspelt keys, wrong types, http, files that are not there: an error that names the key.
pub(super) async fn refuses_a_config_it_cannot_use<S: Subject>(stage: Stage) -> Outcome {
    remember(CANARY);
    let config = stage.config(S::config);
    let keys = keys(&config, "");
    that(!keys.is_empty(), || {
        "the subject's config has no key: nothing would be proved".into()
    })?;
    for key in &keys {
        faults::<S>(&stage, &config, key)?;
    }
    equal("connections", 0, stage.server().connections())?;
    // what was taken apart is whole: the same config works
    Connected::<S>::to(&stage)?
        .call()
        .await
        .map(drop)
        .map_err(Into::into)
}

/// Every way to spoil one key.
fn faults<S: Subject>(stage: &Stage, config: &Value, key: &str) -> Outcome {
    let value = config.pointer(&pointer(key)).cloned().unwrap_or_default();
    let name = key.rsplit('.').next().unwrap_or(key);
    if let Some(wrong) = misspelt(name) {
        let at = format!("{}{wrong}", key.strip_suffix(name).unwrap_or(""));
        let what = format!("a config with `{at}` beside `{key}`");
        let error = rejected::<S>(stage, &what, with(config, &at, Value::from(CANARY)))?;
        for expected in [at.as_str(), &format!("`{name}`")] {
            that(error.contains(expected), || {
                format!("{what}: expected an error that names {expected}, saw: {error}")
            })?;
        }
    }
    let of_a_wrong_type = match &value {
        Value::Bool(_) | Value::Number(_) => json!({ "x": CANARY }),
        Value::Object(_) => json!(CANARY),
        _ => json!({ CANARY: 7 }),
    };
    names::<S>(stage, config, key, key, &of_a_wrong_type, "of a wrong type")?;
    let Some(text) = value.as_str() else {
        return Ok(());
    };
    // a value that only makes sense together with others is named by what they form
    let whole = key.split('.').next().unwrap_or(key);
    if text.starts_with("http:") || text.starts_with("https:") {
        names::<S>(
            stage,
            config,
            key,
            whole,
            &json!("http://example.org/"),
            "that is an http URL",
        )?;
        names::<S>(
            stage,
            config,
            key,
            whole,
            &json!("/relative"),
            "that is no absolute URL",
        )?;
        let with_password = format!("https://user:{CANARY}@example.org/");
        names::<S>(
            stage,
            config,
            key,
            whole,
            &json!(with_password),
            "that holds a password",
        )?;
    }
    if text.starts_with("file:") {
        names::<S>(
            stage,
            config,
            key,
            whole,
            &json!("file:/nowhere/secret"),
            "whose file is missing",
        )?;
        names::<S>(
            stage,
            config,
            key,
            whole,
            &json!(CANARY),
            "that is the secret itself",
        )?;
    }
    Ok(())
}

/// Fails unless the config with that value is refused by an error that names the key.
fn names<S: Subject>(
    stage: &Stage,
    config: &Value,
    key: &str,
    named: &str,
    value: &Value,
    how: &str,
) -> Outcome {
    let what = format!("a config with a `{key}` {how}");
    let error = rejected::<S>(stage, &what, with(config, key, value.clone()))?;
    that(error.contains(named), || {
        format!("{what}: expected an error that names `{named}`, saw: {error}")
    })
}

/// The error of a config, which must be one, in one line, and without a secret.
fn rejected<S: Subject>(
    stage: &Stage,
    what: &str,
    config: Value,
) -> Result<String, crate::check::Failure> {
    let error = refused(
        what,
        oauth_core::adapter::connect::<S::Adapter>(&stage.env()?, config),
    )?;
    kind(what, "Config", &error)?;
    recovery(what, &["FixConfig"], &error)?;
    let text = error.to_string();
    one_line(what, &text)?;
    let secrets = stage.secrets();
    that(
        !text.contains(CANARY) && !secrets.iter().any(|secret| text.contains(secret.as_str())),
        || format!("{what}: the error repeats a value that may be a secret: {text}"),
    )?;
    Ok(text)
}

/// Every key of an object and of those in it, with dots between.
fn keys(value: &Value, before: &str) -> Vec<String> {
    let Some(members) = value.as_object() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, value) in members {
        let key = format!("{before}{name}");
        found.extend(keys(value, &format!("{key}.")));
        found.push(key);
    }
    found
}

fn pointer(key: &str) -> String {
    format!("/{}", key.replace('.', "/"))
}

/// The config with another value at that key, which may be new.
fn with(config: &Value, key: &str, value: Value) -> Value {
    let mut changed = config.clone();
    let (parents, name) = key.rsplit_once('.').unwrap_or(("", key));
    let parent = if parents.is_empty() {
        Some(&mut changed)
    } else {
        changed.pointer_mut(&pointer(parents))
    };
    if let Some(members) = parent.and_then(Value::as_object_mut) {
        members.insert(name.to_owned(), value);
    }
    changed
}

/// A name as somebody may mistype it; short ones are too near to others.
fn misspelt(name: &str) -> Option<String> {
    let (first, rest) = name.split_at_checked(1)?;
    let rest = rest.get(1..).filter(|rest| rest.len() >= 3)?;
    Some(format!("{first}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_key_and_spoils_one_at_a_time() {
        let config = json!({"key": {"source": "a"}, "scopes": ["b"]});
        assert_eq!(keys(&config, ""), ["key.source", "key", "scopes"]);
        assert_eq!(
            with(&config, "key.source", json!(7)),
            json!({"key": {"source": 7}, "scopes": ["b"]})
        );
        assert_eq!(with(&config, "scpes", json!(7))["scpes"], 7);
        assert_eq!(misspelt("scopes").as_deref(), Some("sopes"));
        assert_eq!(misspelt("key"), None);
    }
}
