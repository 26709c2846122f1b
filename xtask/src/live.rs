//! What `e2e --live` runs against: a node, and oidc-provider installed for it. What is missing is fetched
//! from the public registries, into the target folder; nothing of the machine is changed.

mod node;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::child;
use crate::failure::{Context, Failure};
use crate::live::node::Node;
use crate::terminal::say;
use crate::workspace::Workspace;

/// What the test program is told in its environment.
pub fn environment(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    let folder = workspace.target.join("live");
    std::fs::create_dir_all(&folder).context(folder.display())?;
    let node = node::find(&folder)?;
    let server = install(workspace, &folder, &node)?;
    Ok(vec![
        ("OAUTH_LIVE_NODE", node.program),
        ("OAUTH_LIVE_SERVER", server),
    ])
}

/// What is kept of the server in git.
const FILES: [&str; 3] = ["package.json", "package-lock.json", "server.mjs"];

/// Copies the server's files and installs its packages, as the lock file names them; no package's script
/// is run. The folder it is in.
fn install(workspace: &Workspace, folder: &Path, node: &Node) -> Result<PathBuf, Failure> {
    let source = workspace.root.join("crates/oauth-live/server");
    let server = folder.join("server");
    std::fs::create_dir_all(&server).context(server.display())?;
    for file in FILES {
        let from = source.join(file);
        std::fs::copy(&from, server.join(file)).context(from.display())?;
    }
    if !is_installed(&server) {
        say("installing oidc-provider\n");
        let mut npm = node.npm();
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&server);
        let by_hand = format!("cd {} && npm ci --ignore-scripts", server.display());
        fetched(npm, "oidc-provider could not be installed", &by_hand)?;
    }
    Ok(server)
}

/// Whether what npm says it installed, when it had, is what the lock file names.
fn is_installed(server: &Path) -> bool {
    let packages = |file: &str| {
        let text = std::fs::read_to_string(server.join(file)).ok()?;
        let mut lock: Lock = serde_json::from_str(&text).ok()?;
        lock.packages.remove(""); // the server itself, which npm leaves out there
        Some(lock.packages)
    };
    let wanted = packages("package-lock.json");
    wanted.is_some() && wanted == packages("node_modules/.package-lock.json")
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
}

/// What takes longer than this waits for a network that is not there.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs a command that fetches something; one line says what to run by hand where it fails.
fn fetched(command: Command, fault: impl Display, by_hand: &str) -> Result<(), Failure> {
    let reason = match child::run(command, LIMIT) {
        Ok(ended) if ended.success() => return Ok(()),
        Ok(ended) => blamed(&ended.stderr).unwrap_or_else(|| ended.how()),
        Err(Failure::Failed(reason) | Failure::Usage(reason)) => reason,
        Err(Failure::Told(code)) => format!("exit status {code}"),
    };
    Err(Failure::failed(format!(
        "{fault} ({reason}); run `{by_hand}`"
    )))
}

/// The line that says what went wrong.
fn blamed(stderr: &str) -> Option<String> {
    let mut lines = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let is_error = |line: &&str| {
        let line = line.to_lowercase();
        line.contains("error") && !line.contains("warn")
    };
    let line = lines.clone().find(is_error).or_else(|| lines.next_back());
    line.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_installed_is_held_against_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let server = folder.path();
        let write = |file: &str, integrity: &str| {
            let lock = format!(
                r#"{{"packages": {{
                    "": {{"name": "{file}"}},
                    "node_modules/a": {{"version": "1.0.0", "integrity": "{integrity}"}}
                }}}}"#
            );
            std::fs::write(server.join(file), lock).unwrap();
        };
        let installed = "node_modules/.package-lock.json";
        std::fs::create_dir(server.join("node_modules")).unwrap();
        assert!(!is_installed(server));
        write("package-lock.json", "sha512-one");
        assert!(!is_installed(server));
        write(installed, "sha512-one");
        assert!(is_installed(server));
        write("package-lock.json", "sha512-two");
        assert!(!is_installed(server));
        std::fs::write(server.join(installed), "{").unwrap();
        assert!(!is_installed(server));
    }

    #[test]
    fn a_failure_is_one_line_with_the_command_to_run() {
        let script = "printf 'WARNING: an error\\nERROR: no network\\nsee the log\\n' >&2; exit 1";
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let why = [
            (command, "(ERROR: no network)"),
            (
                Command::new("no-such-program-of-ours"),
                "(no-such-program-of-ours: ",
            ),
        ];
        for (command, why) in why {
            let Err(Failure::Failed(text)) = fetched(command, "it is missing", "get it") else {
                panic!("fetched")
            };
            assert!(text.starts_with(&format!("it is missing {why}")), "{text}");
            assert!(text.ends_with("; run `get it`") && text.lines().count() == 1);
        }
    }
}
