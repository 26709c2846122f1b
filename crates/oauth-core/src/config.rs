//! Reading what a user wrote, and naming every fault of it at once.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::Value;

use crate::error::Error;
use crate::text;

/// The most bytes a configuration file may have.
const LIMIT: u64 = 1024 * 1024;

/// Reads a configuration file: TOML, or JSON where its name ends so.
///
/// Relative paths in it (`file:secrets/acme`) are relative to the file.
///
/// # Errors
/// The file is missing, too large, not UTF-8, or not well-formed; the message names file and line,
/// never the line's content, which may hold a secret.
pub fn read_file(path: &Path) -> Result<Value, Error> {
    let name = path.display();
    let fault = |problem: String| Error::config(&name.to_string(), problem);
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            fault("this configuration file does not exist".into()).remedy("check the path")
        }
        _ => fault(format!("this configuration file cannot be read: {error}")),
    })?;
    if !metadata.is_file() {
        return Err(fault("this is not a file".into()).remedy("name the configuration file"));
    }
    if metadata.len() > LIMIT {
        return Err(fault(
            "this file is too large for a configuration (1 MiB)".into(),
        ));
    }
    let bytes = std::fs::read(path)
        .map_err(|error| fault(format!("this configuration file cannot be read: {error}")))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| fault("this file is not UTF-8 text".into()).remedy("save it as UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut value = if path.extension().is_some_and(|ending| ending == "json") {
        parse_json(text)
    } else {
        parse_toml(text)
    }
    .map_err(|problem| fault(problem).remedy("mend the file's form"))?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    resolve_files(&mut value, folder.unwrap_or(Path::new(".")));
    Ok(value)
}

fn parse_toml(text: &str) -> Result<Value, String> {
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map(|span| text.get(..span.start).unwrap_or("").matches('\n').count() + 1);
        // toml's own text quotes the line, and with it what may be a secret
        let what = if error.message().starts_with("duplicate key") {
            "a key stands twice"
        } else {
            "this is not well-formed TOML"
        };
        match line {
            Some(line) => format!("line {line}: {what}"),
            None => what.into(),
        }
    })
}

fn parse_json(text: &str) -> Result<Value, String> {
    serde_json::from_str::<Unique>(text)
        .map(|unique| unique.0)
        .map_err(|error| {
            let what = if error.is_data() {
                "a key stands twice"
            } else {
                "this is not well-formed JSON"
            };
            format!("line {}: {what}", error.line())
        })
}

/// JSON of which no object holds a key twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> serde::de::Visitor<'de> for Any {
            type Value = Unique;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Unique, E> {
                Ok(Unique(value.into()))
            }
            fn visit_unit<E>(self) -> Result<Unique, E> {
                Ok(Unique(Value::Null))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Unique, A::Error> {
                let mut values = Vec::new();
                while let Some(Unique(value)) = list.next_element()? {
                    values.push(value);
                }
                Ok(Unique(Value::Array(values)))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Unique, A::Error> {
                let mut members = serde_json::Map::new();
                while let Some((key, Unique(value))) = map.next_entry::<String, Unique>()? {
                    if members.insert(key, value).is_some() {
                        return Err(A::Error::custom("a key stands twice"));
                    }
                }
                Ok(Unique(Value::Object(members)))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Makes `file:PATH` relative to the folder of the file it was written in.
fn resolve_files(value: &mut Value, folder: &Path) {
    match value {
        Value::String(text) => {
            if let Some(path) = text.strip_prefix("file:") {
                let relative =
                    !path.is_empty() && !path.starts_with('~') && Path::new(path).is_relative();
                if relative && let Some(joined) = folder.join(path).to_str() {
                    *text = format!("file:{joined}");
                }
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| resolve_files(value, folder)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|value| resolve_files(value, folder)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Turns a value into a configuration.
///
/// # Errors
/// One error that names every unknown key, wrong type and missing key it can see, each by its path,
/// with the nearest known key; never a value.
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

/// The path of the fault and a line about it, made from serde's text without any value in it.
fn describe(path: &str, text: &str) -> (String, String) {
    let join = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    if let Some((key, rest)) = quoted_after(text, "unknown field `") {
        let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
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
        let problem = format!("{at}: this key is missing");
        return (at, problem);
    }
    let at = path.to_owned();
    let shown = if path.is_empty() {
        "the configuration"
    } else {
        path
    };
    let problem = if text.starts_with("invalid ") || text.starts_with("unknown variant") {
        // "invalid type: string \"s3cret\", expected u64": only what was expected is ours to repeat
        match text.rsplit_once("expected ") {
            Some((_, expected)) => format!("{shown}: wrong type or value; expected {expected}"),
            None => format!("{shown}: wrong type or value"),
        }
    } else if text.starts_with("duplicate field") {
        format!("{shown}: a key stands twice")
    } else {
        format!("{shown}: {text}") // a message of our own types: they repeat no secret
    };
    (at, problem)
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

/// Takes several results and, where any failed, one error that names all the faults.
///
/// ```
/// # use oauth_core::{config, error::Error};
/// let url: Result<u8, Error> = Err(Error::config("token_url", "no"));
/// let secret: Result<u8, Error> = Err(Error::config("client_secret", "no"));
/// let error = config::all((url, secret)).unwrap_err();
/// assert_eq!(error.to_string(), "token_url: no; client_secret: no");
/// ```
///
/// # Errors
/// The first error as it is, where it stands alone; else one of kind `Config` with every line.
pub fn all<T: AllOk>(results: T) -> Result<T::Values, Error> {
    results.all_ok()
}

/// Tuples of results that [`all`] takes.
pub trait AllOk {
    /// The values, where all went well.
    type Values;
    /// See [`all`].
    ///
    /// # Errors
    /// As [`all`].
    fn all_ok(self) -> Result<Self::Values, Error>;
}

macro_rules! all_ok {
    ($($name:ident)+) => {
        impl<$($name),+> AllOk for ($(Result<$name, Error>,)+) {
            type Values = ($($name,)+);
            #[allow(non_snake_case, reason = "a type parameter names its value")]
            fn all_ok(self) -> Result<Self::Values, Error> {
                let ($($name,)+) = self;
                match ($($name,)+) {
                    ($(Ok($name),)+) => Ok(($($name,)+)),
                    ($($name,)+) => Err(joined([$($name.err()),+])),
                }
            }
        }
    };
}
all_ok!(A B);
all_ok!(A B C);
all_ok!(A B C D);
all_ok!(A B C D E);

fn joined<const N: usize>(errors: [Option<Error>; N]) -> Error {
    let mut errors = errors.into_iter().flatten();
    let Some(first) = errors.next() else {
        return Error::new(crate::error::ErrorKind::Config, "nothing failed");
    };
    let rest: Vec<String> = errors.map(|error| error.to_string()).collect();
    if rest.is_empty() {
        return first;
    }
    Error::new(
        crate::error::ErrorKind::Config,
        format!("{first}; {}", rest.join("; ")),
    )
}

/// A span of time as a configuration writes it: `"500ms"`, `"30s"`, `"10m"`, `"1h"`, `"90d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl Span {
    /// Parses the form a configuration has.
    ///
    /// # Errors
    /// No unit, no whole number, zero, or more than ten years.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || "a span of time with its unit, such as `30s`, `500ms`, `10m`, `1h`".to_owned();
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(expected)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| expected())?;
        let unit_millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(expected()),
        };
        let millis = number.saturating_mul(unit_millis);
        if millis == 0 || millis > 10 * 365 * 86_400_000 {
            return Err(format!(
                "{}, more than zero and at most ten years",
                expected()
            ));
        }
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = value.as_str().unwrap_or("");
        Self::parse(text).map_err(|expected| D::Error::custom(format!("expected {expected}")))
    }
}

/// Names the field of an error of another kind of fault.
pub fn field<T, E: Display>(field: &str, result: Result<T, E>) -> Result<T, Error> {
    result.map_err(|fault| Error::config(field, fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretRef;
    use serde_json::json;

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
    fn names_every_fault_at_once_and_no_value() {
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
    fn refuses_a_span_without_unit_or_beyond_reason() {
        for bad in [
            "5",
            "",
            "s",
            "0s",
            "-1s",
            "1000000000000s",
            "5 s",
            "1.5s",
            "99999999999999999999s",
        ] {
            Span::parse(bad).unwrap_err();
        }
        assert_eq!(Span::parse("10m"), Ok(Span(Duration::from_secs(600))));
    }

    fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[test]
    fn reads_toml_and_json_with_a_byte_order_mark_and_any_line_end() {
        let toml = "\u{feff}client_id = \"a\"\r\nclient_secret\t= \"env:S\"\r\n";
        let (_folder, path) = file("a.toml", toml.as_bytes());
        assert_eq!(read_file(&path).unwrap()["client_id"], "a");
        let (_folder, path) = file("a.json", br#"{"client_id": "a"}"#);
        assert_eq!(read_file(&path).unwrap()["client_id"], "a");
    }

    #[test]
    fn files_are_relative_to_the_configuration() {
        let (folder, path) = file("a.toml", b"secret = \"file:keys/a\"\nother = \"file:/abs\"");
        let value = read_file(&path).unwrap();
        assert_eq!(
            value["secret"],
            format!("file:{}/keys/a", folder.path().display())
        );
        assert_eq!(value["other"], "file:/abs");
    }

    #[test]
    fn a_broken_file_is_named_by_line_and_not_quoted() {
        for (name, content, says) in [
            ("a.toml", &b"a = 1\nclient_secret = \"hunter2"[..], "line 2"),
            ("a.toml", b"a = 1\na = \"hunter2\"", "a key stands twice"),
            (
                "a.json",
                b"{\"a\": 1,\n\"a\": \"hunter2\"}",
                "a key stands twice",
            ),
            ("a.json", b"{\"a\": \"hunter2\"", "not well-formed JSON"),
            ("a.toml", b"\xff\xfea\0=\0", "UTF-8"),
        ] {
            let (_folder, path) = file(name, content);
            let text = read_file(&path).unwrap_err().to_string();
            assert!(text.contains(says), "{says:?} is not in: {text}");
            assert!(!text.contains("hunter2") && !text.contains('\n'), "{text}");
        }
        let missing = read_file(Path::new("nowhere.toml"))
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("nowhere.toml: this configuration file does not exist"),
            "{missing}"
        );
        let folder = tempfile::tempdir().unwrap();
        assert!(
            read_file(folder.path())
                .unwrap_err()
                .to_string()
                .contains("not a file")
        );
    }
}
