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
        ("OAUTH_LIVE_RUN", emptied(&folder.join("run"))?),
    ])
}

/// The folder for the keys of a run, without what a run that was killed has left there.
fn emptied(folder: &Path) -> Result<PathBuf, Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).context(folder.display())?;
    }
    std::fs::create_dir_all(folder).context(folder.display())?;
    Ok(folder.to_owned())
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
        fetched(npm, "oidc-provider could not be installed")?;
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
fn fetched(command: Command, fault: impl Display) -> Result<(), Failure> {
    let by_hand = typed(&command);
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

/// The command as a person would type it, from wherever they are.
fn typed(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
    let folder = command.get_current_dir().map(Path::to_string_lossy);
    let there = folder.map(|folder| format!("cd {} && ", quoted(&folder)));
    format!("{}{}", there.unwrap_or_default(), words.join(" "))
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
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
            let by_hand = format!("; run `{}`", typed(&command));
            let Err(Failure::Failed(text)) = fetched(command, "it is missing") else {
                panic!("fetched")
            };
            assert!(text.starts_with(&format!("it is missing {why}")), "{text}");
            assert!(text.ends_with(&by_hand), "{text}");
        }
    }

    #[test]
    fn a_command_is_told_as_it_is_typed() {
        let mut command = Command::new("a b/npm");
        command
            .args(["ci", "--target=x", "it's"])
            .current_dir("/x/y z");
        assert_eq!(
            typed(&command),
            r"cd '/x/y z' && 'a b/npm' ci --target=x 'it'\''s'"
        );
        assert_eq!(typed(Command::new("npm").arg("ci")), "npm ci");
    }

    #[test]
    fn what_a_killed_run_has_left_is_gone_at_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        std::fs::create_dir(&run).unwrap();
        std::fs::write(run.join("key"), "").unwrap();
        assert_eq!(
            std::fs::read_dir(emptied(&run).unwrap()).unwrap().count(),
            0
        );
    }
}
