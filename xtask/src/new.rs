//! `new`: an adapter made from the template, in one of the shapes it teaches.

mod name;
mod plan;
mod rename;

pub use name::Name;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::{Args, Given, wrong};
use crate::failure::{Context, Failure};
use crate::terminal::say;
use crate::workspace::{Workspace, stdout};
use plan::Planned;

/// The shapes of the template, as `--grant` names them.
pub const SHAPES: [&str; 4] = ["client-secret", "private-key-jwt", "refresh", "static"];

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let usage = args.usage();
    let mut name = None;
    let mut shape = SHAPES[0].to_owned();
    args.each(|given, value| {
        match given {
            Given::Word(word) if name.is_none() => name = Some(word.clone()),
            Given::Flag(flag) if flag == "grant" => shape = value.text()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let name = name.ok_or_else(|| wrong("NAME is missing", &usage))?;
    if !SHAPES.contains(&shape.as_str()) {
        let fault = format!("no grant `{shape}`; there are {}", SHAPES.join(", "));
        return Err(wrong(&fault, &usage));
    }
    let name = Name::parse(&name, &workspace.adapters()?)?;
    make(workspace, &name, &shape)?;
    say(&next(&name));
    Ok(())
}

/// Makes the adapter; nothing is overwritten, and what was made is taken away again on an error.
pub fn make(workspace: &Workspace, name: &Name, shape: &str) -> Result<(), Failure> {
    let folders = [
        workspace.root.join("adapters").join(&name.kebab),
        workspace.root.join("fixtures").join(&name.kebab),
    ];
    for folder in &folders {
        if folder.exists() {
            return Err(Failure::failed(format!(
                "{} exists already",
                folder.display()
            )));
        }
    }
    let planned = plan::plan(&workspace.root, name, shape)?;
    let made = write(&workspace.root, &planned).and_then(|()| format(&workspace.root, &planned));
    if made.is_err() {
        for folder in &folders {
            let _ = std::fs::remove_dir_all(folder); // it may not have been made yet
        }
    }
    made
}

fn write(root: &Path, planned: &[Planned]) -> Result<(), Failure> {
    for file in planned {
        let path = root.join(&file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).context(folder.display())?;
        }
        std::fs::write(&path, &file.text).context(path.display())?;
    }
    Ok(())
}

/// A new name sorts differently among the imports.
fn format(root: &Path, planned: &[Planned]) -> Result<(), Failure> {
    let rust: Vec<&PathBuf> = planned
        .iter()
        .map(|file| &file.path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    let mut rustfmt = Command::new("rustfmt");
    rustfmt
        .current_dir(root)
        .args(["--edition", "2024"])
        .args(rust);
    stdout(rustfmt).map(drop)
}

fn next(name: &Name) -> String {
    let kebab = &name.kebab;
    format!(
        "Made adapters/{kebab} and fixtures/{kebab}. It passes its contract as it is; now make it true:\n\
         \n\
         1. adapters/{kebab}/src/lib.rs       its head, the config a user writes, the facts of the servers\n\
         2. adapters/{kebab}/src/client.rs    the calls you offer\n\
         3. adapters/{kebab}/tests/e2e.rs     the same calls, for the contract\n\
         4. fixtures/{kebab}/*.yaml           what its servers answer\n\
         \n\
         cargo xtask e2e {kebab}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace with a template of one shape, whose library is `library`.
    fn workspace(library: &str) -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            (
                "adapters/template/Cargo.toml",
                "[package]\nname = \"oauth-template\"\n",
            ),
            ("adapters/template/src/lib.rs", "pub mod refresh;\n"),
            (
                "adapters/template/src/client.rs",
                "//! Calls.\npub struct TemplateClient;\n",
            ),
            ("adapters/template/src/refresh.rs", library),
            ("adapters/template/examples/demo.rs", "fn main() {}\n"),
            (
                "adapters/template/tests/shapes/refresh.rs",
                "use oauth_contract::Suite;\nuse oauth_template::refresh::Template;\n\npub fn suite() -> Suite {\n    \
                 Suite::of::<Template>(\"template/refresh\")\n}\n",
            ),
            ("fixtures/template/refresh/one.yaml", "title: template\n"),
            ("fixtures/template/static/other.yaml", "title: other\n"),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let workspace = Workspace {
            root: folder.path().to_owned(),
            target: folder.path().join("target"),
        };
        (folder, workspace)
    }

    const GOOD: &str =
        "//! Template.\n\nuse crate::client::TemplateClient;\n\npub struct Template;\n";

    #[test]
    fn a_copy_has_one_shape_and_its_own_name() {
        let (folder, workspace) = workspace(GOOD);
        make(&workspace, &Name::of("acme-cloud"), "refresh").unwrap();
        let text = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
        let library = text("adapters/acme-cloud/src/lib.rs");
        assert!(
            library.contains("mod client;\n\npub use crate::client::AcmeCloudClient;"),
            "{library}"
        );
        assert!(library.contains("pub struct AcmeCloud;"), "{library}");
        let suite = text("adapters/acme-cloud/tests/e2e.rs");
        assert!(
            suite.starts_with("use oauth_acme_cloud::AcmeCloud;\nuse oauth_contract::Suite;\n"),
            "{suite}"
        );
        assert!(
            suite.contains("Suite::of::<AcmeCloud>(\"acme-cloud\")"),
            "{suite}"
        );
        assert_eq!(text("fixtures/acme-cloud/one.yaml"), "title: acme-cloud\n");
        for left in [
            "adapters/acme-cloud/src/refresh.rs",
            "adapters/acme-cloud/examples/demo.rs",
            "fixtures/acme-cloud/other.yaml",
        ] {
            assert!(!folder.path().join(left).exists(), "{left}");
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let (folder, workspace) = workspace(GOOD);
        let own = folder.path().join("fixtures/acme/mine.yaml");
        std::fs::create_dir_all(own.parent().unwrap()).unwrap();
        std::fs::write(&own, "mine").unwrap();
        assert!(matches!(
            make(&workspace, &Name::of("acme"), "refresh"),
            Err(Failure::Failed(_))
        ));
        assert_eq!(std::fs::read_to_string(own).unwrap(), "mine");
        assert!(!folder.path().join("adapters/acme").exists());
    }

    #[test]
    fn what_was_made_is_taken_back_on_an_error() {
        let (folder, workspace) = workspace(&GOOD.replace("struct Template;", "struct {"));
        assert!(make(&workspace, &Name::of("acme"), "refresh").is_err());
        for folder in ["adapters/acme", "fixtures/acme"].map(|path| folder.path().join(path)) {
            assert!(!folder.exists(), "{}", folder.display());
        }
    }

    #[test]
    fn a_name_the_template_speaks_of_is_refused() {
        let (_folder, workspace) = workspace(&GOOD.replace("pub struct", "impl Adapter for"));
        assert!(matches!(
            make(&workspace, &Name::of("adapter"), "refresh"),
            Err(Failure::Usage(_))
        ));
    }
}
