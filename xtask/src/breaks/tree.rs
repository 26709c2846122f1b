//! A copy of the workspace in which promises are broken, so that nobody's own files ever are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::breaks::patch::Patch;
use crate::failure::{Context, Failure};
use crate::workspace::{Workspace, stdout};

/// `target/<task>/tree`. It is kept between runs, and so is what cargo built from it.
pub struct Tree<'a> {
    workspace: &'a Workspace,
    /// Where the copy stands.
    pub root: PathBuf,
    packages: Vec<String>,
}

impl<'a> Tree<'a> {
    /// Brings a task's copy up to date. A file that is the same stays untouched, and cargo's build of it fresh;
    /// what an aborted run left broken differs and is written again.
    pub fn copy(workspace: &'a Workspace, task: &str) -> Result<Self, Failure> {
        let root = workspace.target.join(task).join("tree");
        std::fs::create_dir_all(&root).context(root.display())?;
        let mut tree = Self {
            workspace,
            root,
            packages: Vec::new(),
        };
        let files = workspace.files()?;
        for file in &files {
            tree.restore(file)?;
        }
        let kept: BTreeSet<&PathBuf> = files.iter().collect();
        for file in tree.files()? {
            // cargo may have made a lock file where the workspace has none yet
            if !kept.contains(&file) && file != Path::new("Cargo.lock") {
                let path = tree.root.join(&file);
                std::fs::remove_file(&path).context(path.display())?;
            }
        }
        tree.packages = files.iter().filter_map(|file| tree.package(file)).collect();
        Ok(tree)
    }

    /// Breaks the promise; the error is git's reason why the patch does not apply.
    pub fn apply(&self, patch: &Patch) -> Result<(), String> {
        let said = |failure: Failure| match failure {
            Failure::Usage(text) | Failure::Failed(text) => text,
            Failure::Told(_) => String::new(),
        };
        stdout(self.git_apply(&["--check"], patch)).map_err(said)?;
        stdout(self.git_apply(&[], patch)).map_err(said).map(drop)
    }

    /// Undoes a patch: its files are the workspace's again.
    pub fn mend(&self, patch: &Patch) -> Result<(), Failure> {
        for file in &patch.changes {
            match self.workspace.root.join(file).is_file() {
                true => self.restore(file)?,
                false => std::fs::remove_file(self.root.join(file)).context(file.display())?,
            }
        }
        Ok(())
    }

    /// cargo in the copy. It builds into the workspace's own folder, so that the dependencies are built once.
    ///
    /// cargo knows a member by its name and its place inside the workspace: without a difference in the
    /// profile it would take what is built here, promise broken, for the workspace's own.
    pub fn cargo(&self) -> Command {
        let mut cargo = self.workspace.cargo_in(&self.root);
        for package in &self.packages {
            let apart = format!("profile.dev.package.{package}.codegen-units=255");
            cargo.args(["--config", &apart]);
        }
        cargo
    }

    /// The name of the package whose manifest this file is.
    fn package(&self, file: &Path) -> Option<String> {
        if !file.ends_with("Cargo.toml") {
            return None;
        }
        let manifest = std::fs::read_to_string(self.root.join(file)).ok()?;
        package_name(&manifest)
    }

    /// Written only if it differs, and then with the present time: an older one would let cargo take the
    /// build of a broken file for fresh.
    fn restore(&self, file: &Path) -> Result<(), Failure> {
        let (from, to) = (self.workspace.root.join(file), self.root.join(file));
        let bytes = std::fs::read(&from).context(from.display())?;
        if std::fs::read(&to).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).context(folder.display())?;
        }
        std::fs::write(&to, bytes).context(to.display())
    }

    fn files(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut files = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(under) = folders.pop() {
            let here = self.root.join(&under);
            for entry in std::fs::read_dir(&here).context(here.display())? {
                let entry = entry.context(here.display())?;
                let path = under.join(entry.file_name());
                match entry.file_type().context(path.display())?.is_dir() {
                    true => folders.push(path),
                    false => files.push(path),
                }
            }
        }
        Ok(files)
    }

    /// Inside a repository git would take the paths to be the repository's, and pass over them in silence:
    /// it must not find the one around us.
    fn git_apply(&self, more: &[&str], patch: &Patch) -> Command {
        let mut git = Command::new("git");
        git.current_dir(&self.root)
            .env("GIT_CEILING_DIRECTORIES", &self.workspace.target)
            .env_remove("GIT_DIR")
            .stdin(Stdio::null())
            .args(["apply", "--whitespace=nowarn"])
            .args(more)
            .arg(&patch.file);
        git
    }
}

/// The `name` under `[package]`.
fn package_name(manifest: &str) -> Option<String> {
    let (_, package) = manifest.split_once("[package]")?;
    let own = package.split("\n[").next()?;
    own.lines()
        .find_map(|line| line.strip_prefix("name")?.trim_start().strip_prefix('='))
        .map(|name| name.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_its_package() {
        let manifest =
            "[package]\nversion = \"1\"\nname = \"oauth-acme\"\n\n[[test]]\nname = \"e2e\"\n";
        assert_eq!(package_name(manifest).as_deref(), Some("oauth-acme"));
        assert_eq!(package_name("[workspace]\nmembers = []\n"), None);
    }

    struct Scratch {
        _folder: tempfile::TempDir,
        workspace: Workspace,
    }

    /// A repository with one file, and a patch that changes it.
    fn scratch() -> (Scratch, Patch) {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: folder.path().to_owned(),
            target: folder.path().join("target"),
        };
        let mut git = workspace.git();
        git.args(["init", "--quiet"]);
        stdout(git).unwrap();
        std::fs::write(folder.path().join(".gitignore"), "/target/\n").unwrap();
        std::fs::write(folder.path().join("promise.txt"), "kept\n").unwrap();
        std::fs::create_dir(folder.path().join("target")).unwrap();
        let file = folder.path().join("target/broken.patch");
        std::fs::write(
            &file,
            "Breaks: p\nTrial: a lib b\n\n--- a/promise.txt\n+++ b/promise.txt\n@@ -1 +1 @@\n-kept\n+broken\n",
        )
        .unwrap();
        let patch = Patch::read(&file).unwrap();
        (
            Scratch {
                _folder: folder,
                workspace,
            },
            patch,
        )
    }

    #[test]
    fn breaks_the_copy_and_mends_it() {
        let (scratch, patch) = scratch();
        let tree = Tree::copy(&scratch.workspace, "breaks").unwrap();
        let there = || std::fs::read_to_string(tree.root.join("promise.txt")).unwrap();
        tree.apply(&patch).unwrap();
        assert_eq!(there(), "broken\n");
        assert!(
            tree.apply(&patch).unwrap_err().contains("promise.txt"),
            "applied twice"
        );
        tree.mend(&patch).unwrap();
        assert_eq!(there(), "kept\n");
        let own = std::fs::read_to_string(scratch.workspace.root.join("promise.txt")).unwrap();
        assert_eq!(own, "kept\n");
    }

    #[test]
    fn a_copy_left_broken_is_whole_again() {
        let (scratch, patch) = scratch();
        let tree = Tree::copy(&scratch.workspace, "breaks").unwrap();
        tree.apply(&patch).unwrap();
        std::fs::write(tree.root.join("left.txt"), "over").unwrap();
        let tree = Tree::copy(&scratch.workspace, "breaks").unwrap();
        assert_eq!(
            std::fs::read_to_string(tree.root.join("promise.txt")).unwrap(),
            "kept\n"
        );
        assert!(!tree.root.join("left.txt").exists());
    }

    #[test]
    fn an_unchanged_file_keeps_its_time() {
        let (scratch, _) = scratch();
        let tree = Tree::copy(&scratch.workspace, "breaks").unwrap();
        let time = || {
            std::fs::metadata(tree.root.join("promise.txt"))
                .unwrap()
                .modified()
                .unwrap()
        };
        let before = time();
        Tree::copy(&scratch.workspace, "breaks").unwrap();
        assert_eq!(time(), before);
    }
}
