//! Configuration files.

use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::json;
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
    let name = text::escape(&path.display().to_string());
    let fault = |problem: String| Error::config(&name, problem);
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
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    let mut value = read_text(text, is_json)
        .map_err(|problem| fault(problem).remedy("mend the file's form"))?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    resolve_files(&mut value, folder.unwrap_or(Path::new(".")));
    Ok(value)
}

/// The text of a file: JSON, else TOML.
///
/// # Errors
/// A line that names the fault and quotes nothing.
pub(crate) fn read_text(text: &str, is_json: bool) -> Result<Value, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match is_json {
        true => parse_json(text),
        false => parse_toml(text),
    }
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
    json::unique(text.as_bytes()).map_err(|error| {
        let what = if error.is_data() {
            "a key stands twice"
        } else {
            "this is not well-formed JSON"
        };
        format!("line {}: {what}", error.line())
    })
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let steering = read_file(Path::new("a\n\u{1b}[2J.toml")).unwrap_err();
        assert!(
            steering.to_string().starts_with("a\\u{a}\\u{1b}[2J.toml: "),
            "{steering}"
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
