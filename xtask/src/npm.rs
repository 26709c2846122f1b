//! Packages by npm, as a lock file names them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::failure::Failure;
use crate::fetch::fetched;
use crate::node::Node;
use crate::terminal::say;

/// Installs the packages of `folder`, which holds a package.json and its lock file, unless they are
/// there; no package's script is run. `what` is told to the person who waits.
pub fn install(folder: &Path, node: &Node, what: &str) -> Result<(), Failure> {
    if is_installed(folder) {
        return Ok(());
    }
    say(&format!("installing {what}\n"));
    let mut npm = node.npm();
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder);
    fetched(npm, format!("{what} could not be installed"))
}

/// Whether what npm says it installed, when it had, is what the lock file names. Of the optional packages,
/// such as a build for another machine, some are there.
fn is_installed(folder: &Path) -> bool {
    let packages = |file: &str| {
        let text = std::fs::read_to_string(folder.join(file)).ok()?;
        let mut lock: Lock = serde_json::from_str(&text).ok()?;
        lock.packages.remove(""); // the folder itself, which npm leaves out there
        Some(lock.packages)
    };
    let wanted = packages("package-lock.json").zip(packages("node_modules/.package-lock.json"));
    let Some((wanted, there)) = wanted else {
        return false;
    };
    let is_there = |(name, package): (&String, &Package)| match there.get(name) {
        Some(there) => there == package,
        None => package.optional,
    };
    !there.is_empty()
        && wanted.iter().all(is_there)
        && there.keys().all(|name| wanted.contains_key(name))
}

/// As much of a lock file as tells two apart.
#[derive(Deserialize)]
struct Lock {
    packages: BTreeMap<String, Package>,
}

#[derive(Deserialize, PartialEq, Eq)]
struct Package {
    version: Option<String>,
    integrity: Option<String>,
    #[serde(default)]
    optional: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, file: &str, packages: &str) {
        let lock = format!(r#"{{"packages": {{"": {{"name": "{file}"}}{packages}}}}}"#);
        std::fs::write(folder.join(file), lock).unwrap();
    }

    const WANTED: &str = "package-lock.json";
    const THERE: &str = "node_modules/.package-lock.json";
    const ONE: &str = r#", "node_modules/a": {"version": "1.0.0", "integrity": "sha512-one"}"#;
    const TWO: &str = r#", "node_modules/a": {"version": "1.0.0", "integrity": "sha512-two"}"#;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("node_modules")).unwrap();
        folder
    }

    #[test]
    fn what_was_installed_is_held_against_the_lock() {
        let folder = folder();
        let folder = folder.path();
        assert!(!is_installed(folder));
        written(folder, WANTED, ONE);
        assert!(!is_installed(folder));
        written(folder, THERE, "");
        assert!(!is_installed(folder), "nothing is there");
        written(folder, THERE, ONE);
        assert!(is_installed(folder));
        written(folder, WANTED, TWO);
        assert!(!is_installed(folder));
        std::fs::write(folder.join(THERE), "{").unwrap();
        assert!(!is_installed(folder));
    }

    #[test]
    fn an_optional_package_may_be_missing_and_not_all_of_them() {
        let folder = folder();
        let folder = folder.path();
        let optional = |name: &str| {
            format!(r#", "node_modules/{name}": {{"version": "1.0.0", "optional": true}}"#)
        };
        let (linux, darwin) = (optional("linux"), optional("darwin"));
        written(folder, WANTED, &format!("{linux}{darwin}"));
        written(folder, THERE, &linux);
        assert!(is_installed(folder));
        written(folder, THERE, "");
        assert!(!is_installed(folder));
        written(folder, WANTED, &format!("{ONE}{linux}"));
        written(folder, THERE, &linux);
        assert!(!is_installed(folder), "a package that is not optional");
    }
}
