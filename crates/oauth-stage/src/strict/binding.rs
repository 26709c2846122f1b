//! What tokens are bound to.

use std::collections::{HashMap, HashSet};

use crate::strict::endpoint::Endpoint;

/// What tokens are bound to, and which nonces are wanted.
#[derive(Default)]
pub(crate) struct Bindings {
    tokens: HashMap<String, Binding>,
    /// By the place that wants them; `None`: any proof will do there.
    token_nonce: Option<String>,
    api_nonce: Option<String>,
    pub(crate) jtis: HashSet<String>,
    /// Whether the API takes bound tokens only.
    pub(crate) is_required: bool,
}

/// What a token is of no use without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The thumbprint of the key of proofs (RFC 9449 6).
    pub(crate) jkt: Option<String>,
    /// That of the certificate (RFC 8705 3.1).
    pub(crate) x5t: Option<String>,
}

impl Bindings {
    pub(crate) fn of(&self, token: &str) -> Binding {
        self.tokens.get(token).cloned().unwrap_or_default()
    }

    pub(crate) fn bind(&mut self, token: &str, binding: Binding) {
        self.tokens.insert(token.to_owned(), binding);
    }

    pub(crate) fn nonce(&self, place: Endpoint) -> Option<&str> {
        match place {
            Endpoint::Token => self.token_nonce.as_deref(),
            Endpoint::Api => self.api_nonce.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn want_nonce(&mut self, place: Endpoint, nonce: Option<String>) {
        match place {
            Endpoint::Api => self.api_nonce = nonce,
            _ => self.token_nonce = nonce,
        }
    }
}

/// Why a proof is not taken.
#[derive(Clone, Debug)]
pub(crate) enum Unproven {
    /// It breaks a rule.
    Broken(String),
    /// It has not the nonce that is wanted.
    Nonce,
}
