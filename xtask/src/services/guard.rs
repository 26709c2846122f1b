//! A server that ends with us, however we end.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::services::account::Account;

/// A server to be started.
pub struct Start {
    pub account: Account,
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(&'static str, OsString)>,
    /// Ends it at once, such as `QUIT`.
    pub signal: &'static str,
    /// Where it works; removed when it has ended.
    pub folder: Option<PathBuf>,
    /// What it says on stderr when it takes connections.
    pub ready: &'static str,
}

/// A server that runs; stopped with this value. Where this process is killed, or the terminal's Ctrl-C
/// ends it, the shell between the two sees its standard input end and stops the server.
pub struct Guard {
    shell: Child,
}

/// Keeps nothing of stderr open itself, so that its end is the server's. A signal from the terminal makes
/// `read` return: what then has to be done is the same.
const SCRIPT: &str = r#"
signal=$1 folder=$2
shift 2
trap : INT HUP TERM
"$@" </dev/null &
server=$!
exec 2>/dev/null
read -r _
kill -s "$signal" "$server"
wait "$server"
[ -z "$folder" ] || rm -rf "$folder"
"#;

/// A server that is not ready by then hangs.
const LIMIT: Duration = Duration::from_secs(60);

impl Guard {
    /// Starts it and waits until it takes connections.
    ///
    /// # Errors
    /// It ended before, or took too long: the last that it said.
    pub fn start(start: Start) -> Result<Self, String> {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "guard", start.signal])
            .arg(start.folder.unwrap_or_default())
            .arg(&start.program)
            .args(start.arguments)
            .envs(start.environment)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        start.account.lend(&mut shell);
        let program = start.program.display();
        let mut shell = shell.spawn().map_err(|error| format!("sh: {error}"))?;
        let stderr = shell.stderr.take();
        let guard = Self { shell };
        match stderr.map(|stderr| wait(stderr, start.ready)) {
            Some(Ok(())) => Ok(guard),
            Some(Err(said)) => Err(format!("{program} did not start: {said}")),
            None => Err(format!("{program} has no stderr")),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take()); // which is the sign to stop
        let _ = self.shell.wait();
    }
}

/// Waits for the line, and goes on reading beside us after it, so that a full pipe never stops the server.
fn wait(stderr: ChildStderr, ready: &'static str) -> Result<(), String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let _ = sender.send(String::from_utf8_lossy(&line).into_owned()); // nobody listens any more
        }
    });
    let until = Instant::now() + LIMIT;
    let mut said = String::new();
    loop {
        match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) if line.contains(ready) => return Ok(()),
            Ok(line) => said = format!("{said}{}; ", line.trim()),
            Err(RecvTimeoutError::Disconnected) => return Err(format!("{said}it ended")),
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("{said}it took longer than {} s", LIMIT.as_secs()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, folder: Option<PathBuf>) -> Result<Guard, String> {
        Guard::start(Start {
            account: Account::Ours,
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("SAID", "ready now".into())],
            signal: "KILL",
            folder,
            ready: "ready",
        })
    }

    #[test]
    fn a_server_is_waited_for_and_ends_with_its_guard_and_its_folder() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("run");
        std::fs::create_dir(&folder).unwrap();
        let script = "echo one >&2; echo $SAID >&2; exec cat /dev/zero > /dev/null";
        let guard = shell(script, Some(folder.clone())).unwrap();
        assert!(folder.exists());
        drop(guard); // returns only if the server ends
        assert!(!folder.exists());
    }

    #[test]
    fn one_that_ends_at_once_has_said_why() {
        let Err(said) = shell("echo no port >&2; exit 1", None) else {
            panic!("started")
        };
        assert_eq!(said, "sh did not start: no port; it ended");
    }
}
