//! Whom the server believes besides itself: issuers of JWTs, and an identity provider.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::strict::jwk::Jwk;

#[derive(Default)]
pub(crate) struct Trusted {
    /// The keys of each issuer, by `kid`.
    pub(crate) issuers: HashMap<String, HashMap<String, Jwk>>,
    /// What the identity provider said, by its text: nobody else can have made it.
    pub(crate) saml: HashMap<String, Saml>,
}

/// An assertion of the identity provider's.
pub(crate) struct Saml {
    pub(crate) audience: String,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) is_spent: bool,
}
