//! `remove`: an adapter and its fixtures taken away.

use std::path::PathBuf;

use crate::args::Args;
use crate::failure::{Context, Failure};
use crate::terminal::say;
use crate::workspace::{Workspace, stdout};

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let name = args.one("NAME")?;
    for folder in remove(workspace, &name)? {
        say(&format!("removed {}\n", folder.display()));
    }
    Ok(())
}

/// Removes the adapter; the folders that are gone, relative to the workspace.
///
/// What git keeps it can give back, and what was never committed is what `new` made; but changes to a
/// committed adapter would be lost, so those are refused.
pub fn remove(workspace: &Workspace, name: &str) -> Result<Vec<PathBuf>, Failure> {
    if name == "template" {
        return Err(Failure::usage(
            "the template stays: other adapters are made from it",
        ));
    }
    let adapters = workspace.adapters()?;
    if !adapters.iter().any(|adapter| adapter == name) {
        let others: Vec<_> = adapters
            .into_iter()
            .filter(|name| name != "template")
            .collect();
        let others = match others.is_empty() {
            true => "none but the template".to_owned(),
            false => others.join(", "),
        };
        return Err(Failure::usage(format!(
            "no adapter `{name}`; there is {others}"
        )));
    }
    let folders = ["adapters", "fixtures"].map(|folder| PathBuf::from(folder).join(name));
    refuse_to_lose(workspace, &folders)?;
    refuse_to_strand(workspace, name)?;
    let mut gone = Vec::new();
    for folder in folders {
        let path = workspace.root.join(&folder);
        if path.exists() {
            std::fs::remove_dir_all(&path).context(path.display())?;
            gone.push(folder);
        }
    }
    settle_the_lock_file(workspace)?;
    Ok(gone)
}

/// Changes to files git knows would be gone for good.
fn refuse_to_lose(workspace: &Workspace, folders: &[PathBuf]) -> Result<(), Failure> {
    let mut tracked = workspace.git();
    tracked.args(["ls-files", "--"]).args(folders);
    if stdout(tracked)?.is_empty() {
        return Ok(());
    }
    let mut changed = workspace.git();
    changed.args(["status", "--porcelain", "--"]).args(folders);
    let changed = stdout(changed)?;
    match changed.trim_end() {
        "" => Ok(()),
        changed => Err(Failure::failed(format!(
            "it has changes that git could not give back; commit or discard them first:\n{changed}"
        ))),
    }
}

/// A package that stands on the adapter would no longer build.
fn refuse_to_strand(workspace: &Workspace, name: &str) -> Result<(), Failure> {
    let package = format!("oauth-{name}");
    let own = PathBuf::from("adapters").join(name);
    for file in workspace.files()? {
        if file.ends_with("Cargo.toml") && !file.starts_with(&own) {
            let text =
                std::fs::read_to_string(workspace.root.join(&file)).context(file.display())?;
            if depends_on(&text, &package) {
                let text = format!(
                    "{} depends on {package}: take that away first",
                    file.display()
                );
                return Err(Failure::failed(text));
            }
        }
    }
    Ok(())
}

/// Whether a manifest names the package as a key: `oauth-acme = …`, `oauth-acme.workspace = true`.
pub fn depends_on(manifest: &str, package: &str) -> bool {
    manifest.lines().any(|line| {
        line.trim_start_matches(['[', '"'])
            .rsplit("dependencies.")
            .next()
            .and_then(|key| key.trim_start().strip_prefix(package))
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=', ']', '"']))
    })
}

/// Cargo.lock forgets a member only when cargo looks; without the network if it can.
fn settle_the_lock_file(workspace: &Workspace) -> Result<(), Failure> {
    let update = |more: &[&str]| {
        let mut cargo = workspace.cargo();
        cargo.args(["update", "--workspace", "--quiet"]).args(more);
        stdout(cargo)
    };
    update(&["--offline"]).or_else(|_| update(&[])).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_git_does_not_know_are_not_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: folder.path().to_owned(),
            target: folder.path().join("target"),
        };
        let git = |args: &[&str]| {
            let mut git = workspace.git();
            git.args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
                .args(args);
            stdout(git).unwrap();
        };
        let own = [
            PathBuf::from("adapters/acme"),
            PathBuf::from("fixtures/acme"),
        ];
        let file = folder.path().join("adapters/acme/lib.rs");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "one").unwrap();
        git(&["init", "--quiet"]);
        refuse_to_lose(&workspace, &own).unwrap(); // never committed: `new` made it
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message", "one"]);
        refuse_to_lose(&workspace, &own).unwrap(); // git gives it back
        std::fs::write(&file, "two").unwrap();
        let Err(Failure::Failed(text)) = refuse_to_lose(&workspace, &own) else {
            panic!("lost")
        };
        assert!(text.contains("adapters/acme/lib.rs"), "{text}");
    }

    #[test]
    fn sees_a_dependency_however_it_is_written() {
        for line in [
            "oauth-acme.workspace = true",
            "oauth-acme = { path = \"adapters/acme\" }",
            "[dependencies.oauth-acme]",
            "[dev-dependencies.oauth-acme]",
        ] {
            assert!(
                depends_on(&format!("[dependencies]\n{line}\n"), "oauth-acme"),
                "{line}"
            );
        }
        for line in [
            "oauth-acme-cloud.workspace = true",
            "# oauth-acme",
            "name = \"oauth-acme\"",
        ] {
            assert!(!depends_on(line, "oauth-acme"), "{line}");
        }
    }
}
