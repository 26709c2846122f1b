//! HTTP clients that show one certificate, or none.

use std::fmt;
use std::sync::OnceLock;

/// What a certificate and its key are, without keeping them.
pub(super) type Fingerprint = [u8; 32];

/// The HTTP clients that show one certificate, or none: each has its own pool of connections.
pub(crate) struct Clients {
    /// The certificate with its key, and its `x5t#S256` (RFC 8705 3.1).
    pub(super) shown: Option<(reqwest::Identity, Box<str>)>,
    pub(super) pooled: reqwest::Client,
    pub(super) fresh: OnceLock<reqwest::Client>,
    pub(super) guarded: OnceLock<reqwest::Client>,
    pub(super) api: reqwest::Client,
    pub(super) fresh_api: OnceLock<reqwest::Client>,
}

impl Clients {
    /// The `x5t#S256` of the certificate they show (RFC 8705 3.1).
    pub fn thumbprint(&self) -> Option<&str> {
        self.shown.as_ref().map(|(_, thumbprint)| &**thumbprint)
    }
}

/// Prints the thumbprint alone.
impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("thumbprint", &self.thumbprint())
            .finish_non_exhaustive()
    }
}
