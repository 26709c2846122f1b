//! What `new` will write: the template's files, in one shape, under another name.

use std::path::{Path, PathBuf};

use crate::failure::{Context, Failure};
use crate::new::SHAPES;
use crate::new::name::Name;
use crate::new::rename::rename;

/// One file to be written.
pub struct Planned {
    /// Relative to the workspace.
    pub path: PathBuf,
    pub text: String,
}

/// All files of the new adapter, nothing written yet.
pub fn plan(root: &Path, name: &Name, shape: &str) -> Result<Vec<Planned>, Failure> {
    let template = root.join("adapters/template");
    let adapter = Path::new("adapters").join(&name.kebab);
    let files: Vec<(String, String)> = files_in(&template)?
        .into_iter()
        .filter_map(|file| place(&file, shape).map(|place| (file, place)))
        .collect();
    let places: Vec<&str> = files.iter().map(|(_, place)| place.as_str()).collect();
    let mut planned = Vec::new();
    for (file, place) in &files {
        let text = read(&template.join(file))?;
        for taken in [name.camel.clone(), format!("{}Client", name.camel)] {
            if file.ends_with(".rs") && words(&text).any(|word| word == taken) {
                let fault = format!(
                    "the name `{}` would clash: {file} speaks of `{taken}` already",
                    name.kebab
                );
                return Err(Failure::usage(fault));
            }
        }
        let text = match place.as_str() {
            "src/lib.rs" => library(&text, &rooms(&places)).context(file)?,
            "tests/e2e.rs" => suite(&text).context(file)?,
            "README.md" => of_an_adapter(&text),
            _ => text,
        };
        planned.push(Planned {
            path: adapter.join(rename(place, name)),
            text: rename(&flat(&text, shape), name),
        });
    }
    for needed in ["src/lib.rs", "tests/e2e.rs"] {
        if !places.contains(&needed) {
            let text = format!("the template has no `{shape}` to make {needed} from");
            return Err(Failure::failed(text));
        }
    }
    let fixtures = root.join("fixtures/template").join(shape);
    for file in files_in(&fixtures)? {
        let text = read(&fixtures.join(&file))?;
        planned.push(Planned {
            path: Path::new("fixtures")
                .join(&name.kebab)
                .join(rename(&file, name)),
            text: rename(&flat(&text, shape), name),
        });
    }
    Ok(planned)
}

/// Where a file of the template goes in an adapter of this shape; `None`: it stays behind.
fn place(file: &str, shape: &str) -> Option<String> {
    let of = |shape: &str, folder: &str| {
        modules(shape)
            .iter()
            .any(|module| file == format!("{folder}/{module}.rs"))
    };
    match file {
        _ if of(shape, "src") => Some("src/lib.rs".to_owned()),
        _ if of(shape, "tests/shapes") => Some("tests/e2e.rs".to_owned()),
        "src/lib.rs" | "tests/e2e.rs" | "tests/call_command.rs" | "examples/demo.rs" => None,
        // cargo puts all examples of a workspace into one folder: two of a name collide
        "examples/call.rs" => Some("examples/call_template.rs".to_owned()),
        _ if file.starts_with("tests/shapes/") => None,
        _ if SHAPES.iter().any(|shape| of(shape, "src")) => None,
        _ => Some(file.to_owned()),
    }
}

/// What the module of a shape may be called; `static` alone is a keyword.
fn modules(shape: &str) -> Vec<String> {
    let module = shape.replace('-', "_");
    match shape {
        "static" => vec!["static_token".to_owned(), module],
        _ => vec![module],
    }
}

/// The modules beside `src/lib.rs`.
fn rooms<'a>(places: &[&'a str]) -> Vec<&'a str> {
    places
        .iter()
        .filter_map(|place| place.strip_prefix("src/")?.strip_suffix(".rs"))
        .filter(|room| *room != "lib" && !room.contains('/'))
        .collect()
}

const CLIENT: &str = "crate::client::TemplateClient;";

/// A shape's module as the root of a crate: it declares the rooms and shows the client.
fn library(text: &str, rooms: &[&str]) -> Result<String, String> {
    let import = format!("use {CLIENT}\n");
    if !text.contains(&import) {
        return Err(format!("the line `use {CLIENT}` is missing"));
    }
    let rest = text.replacen(&import, "", 1);
    let (head, body) = rest.split_at(end_of_head(&rest));
    let rooms: String = rooms.iter().map(|room| format!("mod {room};\n")).collect();
    let body = body.trim_start_matches('\n');
    Ok(format!("{head}\n{rooms}\npub use {CLIENT}\n\n{body}"))
}

/// A shape's suite as a test program of its own.
fn suite(text: &str) -> Result<String, String> {
    let at = text
        .find("pub fn suite(")
        .ok_or("there is no `pub fn suite()`")?;
    let before = &text[..at];
    // the documentation and attributes above belong to the function
    let own: usize = before
        .split_inclusive('\n')
        .rev()
        .take_while(|line| line.starts_with("///") || line.starts_with("#["))
        .map(str::len)
        .sum();
    let (before, own) = before.split_at(before.len() - own);
    let suite = text[at..].trim_start_matches("pub ");
    let main = "fn main() -> std::process::ExitCode {\n    oauth_contract::run([suite()])\n}\n";
    Ok(format!("{before}{main}\n{own}{suite}"))
}

/// The README without what it says of the template alone, between these two lines.
fn of_an_adapter(readme: &str) -> String {
    let mut own = false;
    let mut kept = String::new();
    for line in readme.split_inclusive('\n') {
        match line.trim_end() {
            "<!-- template only -->" => own = true,
            "<!-- end -->" if own => own = false,
            _ if own => {}
            _ => kept.push_str(line),
        }
    }
    kept
}

/// Where the lines with `//!` end.
fn end_of_head(text: &str) -> usize {
    text.split_inclusive('\n')
        .take_while(|line| line.starts_with("//!"))
        .map(str::len)
        .sum()
}

/// The template's parts are named with their shape; an adapter has but one.
fn flat(text: &str, shape: &str) -> String {
    let text = replace_word(text, &format!("template/{shape}"), "template");
    let mut text = replace_word(&text, "--example call", "--example call_template");
    for module in SHAPES.iter().flat_map(|shape| modules(shape)) {
        for root in ["oauth_template", "crate"] {
            text = text.replace(&format!("{root}::{module}::"), &format!("{root}::"));
        }
    }
    text
}

/// The identifiers and other words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

/// Replaces `word` where the name goes no further.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let mut parts = text.split(word);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let longer = part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        replaced.push_str(if longer { word } else { by });
        replaced.push_str(part);
    }
    replaced
}

fn files_in(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(under) = folders.pop() {
        let here = folder.join(&under);
        for entry in std::fs::read_dir(&here).context(here.display())? {
            let entry = entry.context(here.display())?;
            let path = under.join(entry.file_name());
            match entry.file_type().context(path.display())?.is_dir() {
                true => folders.push(path),
                false => files.push(path.to_string_lossy().replace('\\', "/")),
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).context(path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: &str = "//! Acts as the client.\n//! Grant: client_credentials\n\nuse oauth_core::Env;\n\n\
        use crate::client::TemplateClient;\n\npub struct Template;\n";

    #[test]
    fn a_shape_becomes_the_root_of_a_crate() {
        let text = library(SHAPE, &["client", "pages"]).unwrap();
        assert_eq!(
            text,
            "//! Acts as the client.\n//! Grant: client_credentials\n\nmod client;\nmod pages;\n\n\
             pub use crate::client::TemplateClient;\n\nuse oauth_core::Env;\n\n\npub struct Template;\n"
        );
        assert!(
            library("pub struct Template;\n", &[])
                .unwrap_err()
                .contains("is missing")
        );
    }

    #[test]
    fn a_suite_becomes_a_program() {
        let text =
            "use oauth_contract::Suite;\n\n/// What it is held to.\npub fn suite() -> Suite {\n}\n";
        assert_eq!(
            suite(text).unwrap(),
            "use oauth_contract::Suite;\n\nfn main() -> std::process::ExitCode {\n    \
             oauth_contract::run([suite()])\n}\n\n/// What it is held to.\nfn suite() -> Suite {\n}\n"
        );
    }

    #[test]
    fn only_one_shape_comes_along() {
        let place = |file| place(file, "refresh");
        assert_eq!(place("src/refresh.rs").as_deref(), Some("src/lib.rs"));
        assert_eq!(
            place("tests/shapes/refresh.rs").as_deref(),
            Some("tests/e2e.rs")
        );
        assert_eq!(place("src/client.rs").as_deref(), Some("src/client.rs"));
        assert_eq!(
            place("examples/call.rs").as_deref(),
            Some("examples/call_template.rs")
        );
        for left in [
            "src/lib.rs",
            "src/static_token.rs",
            "tests/e2e.rs",
            "tests/shapes/static.rs",
            "examples/demo.rs",
        ] {
            assert_eq!(place(left), None, "{left}");
        }
    }

    #[test]
    fn what_a_readme_says_of_the_template_stays_behind() {
        let readme = "# Template\n<!-- template only -->\nfour shapes\n<!-- end -->\nUse it.\n";
        assert_eq!(of_an_adapter(readme), "# Template\nUse it.\n");
    }

    #[test]
    fn the_shape_vanishes_from_names() {
        let text = "oauth_template::refresh::Template, \"template/refresh\", fixtures/template/refresh/a.yaml";
        assert_eq!(
            flat(text, "refresh"),
            "oauth_template::Template, \"template\", fixtures/template/a.yaml"
        );
        assert_eq!(
            flat("template/refresh_late", "refresh"),
            "template/refresh_late"
        );
    }
}
