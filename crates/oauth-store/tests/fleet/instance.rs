//! A PostgreSQL of a trial's own, which it may stop and start.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A server with a database of its own; it ends with this value.
pub struct Instance {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    account: Option<u32>,
}

impl Instance {
    /// Makes the database and starts the server.
    pub fn start() -> Result<Self, String> {
        let variable = "OAUTH_TEST_POSTGRES_BIN";
        let programs = std::env::var_os(variable).ok_or_else(|| {
            format!("{variable} is not set: run `cargo xtask test store`, which finds it")
        })?;
        let text = |error: std::io::Error| error.to_string();
        let folder = TempDir::new().map_err(text)?;
        // PostgreSQL does not run as root
        let is_root = std::fs::metadata(folder.path()).map_err(text)?.uid() == 0;
        let account = is_root.then(nobody).flatten();
        if let Some(account) = account {
            std::os::unix::fs::chown(folder.path(), Some(account), None).map_err(text)?;
        }
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .map_err(text)?
            .port();
        let instance = Self {
            programs: programs.into(),
            folder,
            port,
            account,
        };
        instance.run(
            "initdb",
            &[
                "--username=oauth",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
        )?;
        instance.come_up()?;
        Ok(instance)
    }

    pub fn url(&self) -> String {
        format!("postgres://oauth@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts the server and waits until it takes connections.
    pub fn come_up(&self) -> Result<(), String> {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories=''",
            self.port
        );
        let log = self.folder.path().join("log");
        let log = format!("--log={}", log.display());
        self.run(
            "pg_ctl",
            &["start", "--wait", &log, &format!("--options={options}")],
        )
    }

    /// Ends the server as a crash does: every connection is cut, the log is read at the next start.
    pub fn go_down(&self) -> Result<(), String> {
        self.run("pg_ctl", &["stop", "--wait", "--mode=immediate"])
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .arg(format!(
                "--pgdata={}",
                self.folder.path().join("data").display()
            ))
            .env("LC_ALL", "C")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(account) = self.account {
            command.uid(account);
        }
        let status = command
            .status()
            .map_err(|error| format!("{program}: {error}"))?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{program} {arguments:?}: {status}")),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.go_down(); // it may be down
    }
}

/// The user who owns nothing.
fn nobody() -> Option<u32> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let mut nobody = fields.filter(|fields| fields.first() == Some(&"nobody"));
    nobody.next()?.get(2)?.parse().ok()
}
