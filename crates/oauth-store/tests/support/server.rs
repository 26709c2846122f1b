//! A PostgreSQL of one test's own, which it can stop and read: made by the programs that
//! `OAUTH_TEST_POSTGRES_BIN` names.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{ordinary, variable};

/// A server that runs. It ends, and its folder goes, with this value.
pub struct Server {
    /// Where a store connects, as a user without a password.
    pub url: String,
    folder: TempDir,
    programs: PathBuf,
    /// Whom it runs as, where we are root.
    user: Option<u32>,
}

/// How often another port is tried.
const PORTS: usize = 5;

impl Server {
    /// Makes one; `settings` are added to its own.
    pub fn start(settings: &str) -> Self {
        Self::prepared(|_| settings.to_owned())
    }

    /// As above; the settings may name files that are put into its folder.
    pub fn prepared(settings: impl FnOnce(&Path) -> String) -> Self {
        let programs = PathBuf::from(variable("OAUTH_TEST_POSTGRES_BIN").unwrap());
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self {
            url: String::new(),
            user: ordinary::other_user(folder.path()),
            folder,
            programs,
        };
        let settings = settings(server.folder.path());
        for entry in std::fs::read_dir(server.folder.path()).unwrap() {
            server.give(&entry.unwrap().path());
        }
        server.give(server.folder.path());
        let data = server.data();
        let mut init = server.program("initdb");
        init.args(["--auth=trust", "--username=tester", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync", "--pgdata"])
            .arg(&data);
        succeed(init);
        for _ in 0..PORTS {
            let port = free_port();
            let text = format!(
                "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
                 fsync = off\n{settings}\n"
            );
            std::fs::write(data.join("postgresql.auto.conf"), text).unwrap();
            server.url = format!("postgres://tester@127.0.0.1:{port}/postgres");
            if server.control("start").status().unwrap().success() {
                return server;
            }
        }
        panic!("{}", server.log());
    }

    /// Starts it where it was stopped.
    pub fn run(&self) {
        succeed(self.control("start"));
    }

    /// Stops it; whoever is connected is not.
    pub fn stop(&self) {
        succeed(self.control("stop"));
    }

    /// Ends it as a crash does: every connection is cut, and the log is read at the next start.
    pub fn crash(&self) {
        succeed(self.killer());
    }

    /// Stops and starts it.
    pub fn restart(&self) {
        succeed(self.control("restart"));
    }

    /// What it has written.
    pub fn log(&self) -> String {
        let log = std::fs::read(self.folder.path().join("log"));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    /// Where its data are.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// `pg_ctl`, which waits until it is done.
    fn control(&self, what: &str) -> Command {
        let mut control = self.program("pg_ctl");
        control
            .args([what, "--wait", "--silent", "--timeout=120", "--pgdata"])
            .arg(self.data());
        if what != "start" {
            control.arg("--mode=fast");
        }
        if what != "stop" {
            control.arg("--log").arg(self.folder.path().join("log"));
        }
        control
    }

    fn killer(&self) -> Command {
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "--wait", "--silent", "--mode=immediate", "--pgdata"])
            .arg(self.data());
        stop
    }

    fn program(&self, name: &str) -> Command {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(self.programs.join(name));
        command
            .env("LC_ALL", "C")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    fn give(&self, path: &Path) {
        if let Some(user) = self.user {
            ordinary::give(path, user);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.killer().status(); // it may be down
    }
}

fn succeed(mut command: Command) {
    let status = command.status();
    let status = status.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
