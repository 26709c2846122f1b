//! A program run with its output caught and an end to our patience.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::failure::{Context, Failure};

/// How a program ended.
pub struct Ended {
    /// `None`: it did not end in time and was stopped.
    pub status: Option<ExitStatus>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// `exit status: 101`, `signal: 6 (SIGABRT)`, or that it did not end.
    pub fn how(&self) -> String {
        match self.status {
            Some(status) => status.to_string(),
            None => "did not end in time and was stopped".to_owned(),
        }
    }

    /// The last lines of what it printed, for a person who wants to know why.
    pub fn tail(&self) -> String {
        let text = format!("{}{}", self.stdout, self.stderr);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// Runs a program to its end, or for as long as `limit`.
pub fn run(mut command: Command, limit: Duration) -> Result<Ended, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context(&name)?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().context(&name)? {
            break Some(status);
        }
        if began.elapsed() > limit {
            child.kill().context(&name)?;
            child.wait().context(&name)?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Ok(Ended {
        status,
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
    })
}

/// Reads a pipe beside us, so that a full one never stops the program.
fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes); // what came before an error is still worth showing
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn catches_both_outputs_and_the_status() {
        let ended = run(shell("echo a; echo b >&2; exit 3"), Duration::from_secs(60)).unwrap();
        assert_eq!(ended.status.unwrap().code(), Some(3));
        assert_eq!(
            (ended.stdout.as_str(), ended.stderr.as_str()),
            ("a\n", "b\n")
        );
        assert!(!ended.success());
    }

    #[test]
    fn stops_what_does_not_end() {
        let ended = run(shell("exec cat /dev/zero > /dev/null"), Duration::ZERO).unwrap();
        assert!(ended.status.is_none() && !ended.success());
        assert!(ended.how().contains("did not end"));
    }
}
