//! The parameters of a request to an authorization server.

use std::fmt;

use crate::error::Error;
use crate::secret::Secret;
use crate::server::Departures;
use crate::text::escape;

/// The parameters of one request, each name once but those that may repeat.
#[derive(Default)]
pub(crate) struct Parameters {
    pairs: Vec<(String, Secret)>,
    /// Values that are declared of the server: no secrets, but nobody's to read either.
    declared: Vec<Secret>,
}

/// Parameters that authenticate the client.
pub(crate) const PROTOCOL_PARAMETERS: [&str; 4] = [
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// Parameters that may stand more than once (RFC 8707 2, RFC 8693 2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

impl Parameters {
    /// None yet, of a request to a server that departs so.
    pub fn new(departures: &Departures) -> Self {
        let request = &departures.request;
        let declared = request.parameters.values().chain(request.headers.values());
        Self {
            pairs: Vec::new(),
            declared: declared.map(Secret::new).collect(),
        }
    }

    /// Adds one; an empty value is left out (RFC 6749 3.2).
    ///
    /// # Errors
    /// It is there already (RFC 6749 3.2: not more than once).
    pub fn push(&mut self, name: &str, value: impl Into<String>) -> Result<(), Error> {
        self.push_secret(name, Secret::new(value))
    }

    pub fn push_secret(&mut self, name: &str, value: Secret) -> Result<(), Error> {
        if value.expose().is_empty() {
            return Ok(());
        }
        if !REPEATABLE.contains(&name) && self.pairs.iter().any(|(known, _)| known == name) {
            let problem = format!(
                "the parameter `{}` would be sent twice (RFC 6749 3.2)",
                escape(name)
            );
            return Err(
                Error::config("departures.request.parameters", problem).remedy("take it out")
            );
        }
        self.pairs.push((name.to_owned(), value));
        Ok(())
    }

    /// Each, in its order, under the RFCs' names.
    pub fn pairs(&self) -> impl Iterator<Item = &(String, Secret)> {
        self.pairs.iter()
    }

    /// As [`push_secret`](Self::push_secret), for a value that is nobody's to read under whatever name.
    pub fn push_hidden(&mut self, name: &str, value: Secret) -> Result<(), Error> {
        self.declared.push(value.clone());
        self.push_secret(name, value)
    }

    pub fn push_each(&mut self, name: &str, values: &[String]) -> Result<(), Error> {
        values.iter().try_for_each(|value| self.push(name, value))
    }

    /// The body (RFC 6749 Appendix B).
    #[cfg(test)]
    pub fn encode(&self) -> zeroize::Zeroizing<String> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.pairs {
            form.append_pair(name, value.expose());
        }
        zeroize::Zeroizing::new(form.finish())
    }

    /// The values to strike out of what comes back: of the parameters that are secret, and of the
    /// parameters and headers that are declared.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        const SECRET: [&str; 14] = [
            "actor_token",
            "assertion",
            "client_assertion",
            "client_secret",
            "code",
            "code_verifier",
            "device_code",
            "id_token_hint",
            "nonce",
            "refresh_token",
            "request",
            "state",
            "subject_token",
            "token",
        ];
        self.pairs
            .iter()
            .filter(|(name, _)| SECRET.contains(&name.as_str()))
            .map(|(_, value)| value)
            .chain(&self.declared)
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.pairs.iter().map(|(name, _)| name))
            .finish()
    }
}
