//! A server that others wrote, as a child of this process.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{self, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The running server. It ends when this is dropped, or when this process does: its stdin closes then.
pub(crate) struct Child {
    name: &'static str,
    process: process::Child,
}

/// One that does not listen yet.
pub(crate) struct Starting {
    child: Child,
    issuers: Receiver<String>,
}

/// What the server says when it listens.
#[derive(Deserialize)]
struct Ready {
    issuer: String,
}

/// It takes seconds. What takes longer than this hangs, or the machine does.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a program is started: with no proxy, and no options that happen to be set here.
pub(crate) fn command(program: &Path) -> Command {
    // what it takes to find programs
    let kept = ["PATH", "HOME", "SystemRoot"].into_iter();
    let kept = kept.filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut command = Command::new(program);
    command.env_clear().envs(kept);
    command
}

impl Child {
    /// Starts it and tells it on its stdin, in one line, what this run wants. `name` is for people.
    ///
    /// # Errors
    /// It cannot be started, or ended before it had read the line.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        setup: &impl Serialize,
    ) -> io::Result<Starting> {
        let mut line = serde_json::to_vec(setup)?;
        line.push(b'\n');
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let process = spawned.map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        // from here on an early return stops it, by `Drop`
        let mut child = Self { name, process };
        let stdout = child.process.stdout.take();
        let stdout = stdout.ok_or_else(|| io::Error::other(format!("{name} has no stdout")))?;
        let issuers = announced(stdout);
        if let Some(stdin) = &mut child.process.stdin {
            stdin.write_all(&line)?;
        }
        Ok(Starting { child, issuers })
    }

    /// Ends it, and returns when it has ended.
    ///
    /// # Errors
    /// It ended with an error, or had ended before.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        let name = self.name;
        if let Some(status) = self.process.try_wait()? {
            return Err(io::Error::other(format!("{name} had ended: {status}")));
        }
        drop(self.process.stdin.take());
        let status = self.process.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("{name}: {status}"))),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // it has ended already, or has nothing to lose
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Starting {
    /// Waits until it listens. The server, and its issuer.
    ///
    /// # Errors
    /// It ended before, and its stderr has said why; or it takes too long.
    pub(crate) fn listening(self) -> io::Result<(Child, String)> {
        let name = self.child.name;
        let issuer = self.issuers.recv_timeout(PATIENCE).map_err(|error| {
            io::Error::other(match error {
                mpsc::RecvTimeoutError::Disconnected => format!("{name} ended before it listened"),
                mpsc::RecvTimeoutError::Timeout => {
                    format!("{name} did not come up within a minute")
                }
            })
        })?;
        Ok((self.child, issuer))
    }
}

/// The issuer, from the line that says so. What else it prints is read too, so that a full pipe never
/// stops it.
fn announced(stdout: ChildStdout) -> Receiver<String> {
    let (found, issuers) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Ok(ready) = serde_json::from_str::<Ready>(&line) {
                let _ = found.send(ready.issuer); // nobody waits any more after the first
            }
        }
    });
    issuers
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn started(script: &str) -> io::Result<(Child, String)> {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        Child::start("a server", &mut shell, &"setup")?.listening()
    }

    #[test]
    fn a_server_says_its_issuer_once_it_was_told_and_ends_with_its_stdin() {
        let script = r#"read line; [ "$line" = '"setup"' ] || exit 1
            echo booting; echo '{"issuer": "https://a.example"}'; cat; exit 0"#;
        let (server, issuer) = started(script).unwrap();
        assert_eq!(issuer, "https://a.example");
        server.stop().unwrap();
    }

    #[test]
    fn one_that_ends_before_it_listens_is_named() {
        let error = started("read line; exit 1").map(drop).unwrap_err();
        assert_eq!(error.to_string(), "a server ended before it listened");
    }

    #[test]
    fn one_that_ends_with_an_error_did_not_stop_well() {
        let script = r#"read line; echo '{"issuer": "x"}'; cat; exit 3"#;
        let (server, _) = started(script).unwrap();
        let error = server.stop().unwrap_err().to_string();
        assert!(error.starts_with("a server: exit status: 3"), "{error}");
    }
}
