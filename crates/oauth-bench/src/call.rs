//! How a driver is called.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::fault::Fault;

/// What a driver was called with: where the server is, and the workload's arguments.
#[derive(Debug, Default)]
pub struct Call {
    base: String,
    arguments: HashMap<String, String>,
}

impl Call {
    /// Of a server at that URL.
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            arguments: HashMap::new(),
        }
    }

    /// Takes `NAME=VALUE` words.
    ///
    /// # Errors
    /// A word is not of that form.
    pub fn with(mut self, words: impl IntoIterator<Item = String>) -> Result<Self, Fault> {
        for word in words {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| format!("`{word}` is not of the form NAME=VALUE"))?;
            self.arguments.insert(name.to_owned(), value.to_owned());
        }
        Ok(self)
    }

    /// The server, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A path at the server.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// A number, or what it is where it was not given.
    ///
    /// # Errors
    /// It is none.
    pub fn number(&self, name: &str, otherwise: u64) -> Result<u64, Fault> {
        match self.arguments.get(name) {
            None => Ok(otherwise),
            Some(text) => Ok(text
                .parse()
                .map_err(|_| format!("`{name}` is a number, not `{text}`"))?),
        }
    }

    /// The algorithm assertions are signed with; `None`: the client has a secret.
    pub fn algorithm(&self) -> Option<&str> {
        self.arguments.get("alg").map(String::as_str)
    }

    /// The private key for an algorithm, in the folder that `BENCH_KEYS` names.
    ///
    /// # Errors
    /// There is no key for it.
    pub fn key(&self, algorithm: &str) -> Result<PathBuf, Fault> {
        let file = match algorithm.get(..2) {
            Some("RS" | "PS") => "rsa.pem",
            Some("ES") if algorithm == "ES384" => "ec.pem",
            _ => return Err(format!("there is no key for `{algorithm}`").into()),
        };
        let folder = std::env::var_os("BENCH_KEYS").unwrap_or_else(|| "keys".into());
        Ok(std::path::absolute(folder)?.join(file))
    }
}
