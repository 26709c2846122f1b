//! oidc-provider, as a child of this process.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::child::{self, Child};

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
    /// What whoever registers a client must have (RFC 7591 3).
    pub(crate) initial_access_token: &'a str,
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

/// The running server. It ends when this is dropped, or when this process does.
pub(crate) struct Provider {
    child: Child,
    issuer: String,
}

impl Provider {
    /// Starts it and waits until it listens. `ca_file` holds the authority that it trusts where it
    /// fetches a `jwks_uri`.
    ///
    /// # Errors
    /// Node cannot be started, or the server ended; its stderr has said why.
    pub(crate) fn start(place: &Place, ca_file: &Path, setup: &Setup<'_>) -> io::Result<Self> {
        let mut command = child::command(&place.node);
        command
            .arg("server.mjs")
            .current_dir(&place.folder)
            .env("NODE_EXTRA_CA_CERTS", ca_file);
        let (child, issuer) = Child::start("oidc-provider", &mut command, setup)?.listening()?;
        Ok(Self { child, issuer })
    }

    /// The issuer, which is the origin too.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Ends it, and returns when it has ended.
    ///
    /// # Errors
    /// It ended with an error, or had ended before.
    pub(crate) fn stop(self) -> io::Result<()> {
        self.child.stop()
    }
}
