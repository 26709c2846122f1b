//! oidc-provider, as a child of this process.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where node is, the folder in which oidc-provider was installed, and the one for what a run keeps.
pub(crate) struct Place {
    node: PathBuf,
    folder: PathBuf,
    run: PathBuf,
}

impl Place {
    /// As `cargo xtask e2e --live` says in the environment.
    ///
    /// # Errors
    /// It does not say: somebody else started this program.
    pub(crate) fn from_environment() -> io::Result<Self> {
        let variable = |name| std::env::var_os(name).ok_or_else(not_started_by_xtask);
        Ok(Self {
            node: variable("OAUTH_LIVE_NODE")?.into(),
            folder: variable("OAUTH_LIVE_SERVER")?.into(),
            run: variable("OAUTH_LIVE_RUN")?.into(),
        })
    }

    /// Where the keys of this run go: emptied before the next one, should this one be killed.
    pub(crate) fn run(&self) -> &Path {
        &self.run
    }
}

fn not_started_by_xtask() -> io::Error {
    io::Error::other("there is no server to run against; run `cargo xtask e2e --live`")
}

/// What the server is told on its stdin.
#[derive(Serialize)]
pub(crate) struct Setup<'a> {
    /// What it shows over TLS, in PEM.
    pub(crate) certificate: &'a str,
    /// The key of the certificate, in PEM.
    pub(crate) key: &'a str,
    /// Every client (RFC 7591 2).
    pub(crate) clients: Vec<Value>,
    /// Every scope that can be had.
    pub(crate) scopes: &'a [&'a str],
    /// What it signs its cookies with.
    pub(crate) cookie_secret: &'a str,
    /// The client that may introspect all tokens and revoke them.
    pub(crate) resource_server: &'a str,
    /// The authority of the certificates that clients show, in PEM.
    pub(crate) client_ca: &'a str,
    /// The APIs that tokens may be asked for (RFC 8707).
    pub(crate) resources: &'a [Resource],
    /// The clients of which the token endpoint wants a nonce (RFC 9449 8).
    pub(crate) nonce_clients: Vec<&'a str>,
}

/// An API that tokens may be asked for (RFC 8707).
#[derive(Serialize)]
pub(crate) struct Resource {
    /// Its identifier, which becomes the audience.
    pub(crate) id: String,
    /// What may be had there (RFC 6749 3.3).
    pub(crate) scope: String,
    /// Whether its tokens are JWTs (RFC 9068), of which introspection says nothing.
    pub(crate) is_jwt: bool,
}

/// What the server says when it listens.
#[derive(Deserialize)]
struct Ready {
    issuer: String,
}

/// The running server. It ends when this is dropped, or when this process does.
pub(crate) struct Provider {
    child: Child,
    issuer: String,
}

/// It takes a second. What takes longer than this hangs, or the machine does.
const PATIENCE: Duration = Duration::from_secs(60);

impl Provider {
    /// Starts it and waits until it listens. `ca_file` holds the authority that it trusts where it
    /// fetches a `jwks_uri`.
    ///
    /// # Errors
    /// Node cannot be started, or the server ended; its stderr has said why.
    pub(crate) fn start(place: &Place, ca_file: &Path, setup: &Setup<'_>) -> io::Result<Self> {
        let mut child = Command::new(&place.node)
            .arg("server.mjs")
            .current_dir(&place.folder)
            .env_clear() // no proxy, no options of node's that happen to be set here
            .envs(kept())
            .env("NODE_EXTRA_CA_CERTS", ca_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::other(format!("{}: {error}", place.node.display())))?;
        let stdout = child.stdout.take();
        // from here on an early return stops the child, by `Drop`
        let mut provider = Self {
            child,
            issuer: String::new(),
        };
        let mut line = serde_json::to_vec(setup)?;
        line.push(b'\n');
        if let Some(stdin) = &mut provider.child.stdin {
            stdin.write_all(&line)?;
        }
        provider.issuer = announced(stdout)?;
        Ok(provider)
    }

    /// The issuer, which is the origin too.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Ends it, and returns when it has ended.
    ///
    /// # Errors
    /// It ended with an error, or had ended before.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            return Err(io::Error::other(format!("the server had ended: {status}")));
        }
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("the server: {status}"))),
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // it has ended already, or has nothing to lose
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What it takes to find a program and to start it.
fn kept() -> impl Iterator<Item = (OsString, OsString)> {
    ["PATH", "HOME", "SystemRoot"]
        .into_iter()
        .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
}

/// The issuer, from the line that says so. What else it prints is read too, so that a full pipe never
/// stops it.
fn announced(stdout: Option<ChildStdout>) -> io::Result<String> {
    let stdout = stdout.ok_or_else(|| io::Error::other("node has no stdout"))?;
    let (found, finding) = mpsc::channel();
    std::thread::spawn(move || {
        let ready = |line: &String| serde_json::from_str::<Ready>(line).ok();
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(ready) = ready(&line) {
                let _ = found.send(ready.issuer); // nobody waits any more after the first
            }
        }
    });
    finding.recv_timeout(PATIENCE).map_err(|error| {
        io::Error::other(match error {
            mpsc::RecvTimeoutError::Disconnected => "oidc-provider ended before it listened",
            mpsc::RecvTimeoutError::Timeout => "oidc-provider did not come up within a minute",
        })
    })
}
