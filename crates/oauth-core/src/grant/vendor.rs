//! Grants that a vendor has made up (RFC 6749 4.5).

use crate::error::Error;
use crate::parameters::PROTOCOL_PARAMETERS;
use crate::secret::Secret;
use crate::text::escape;
use crate::token::Scopes;

/// A grant of a vendor's own (RFC 6749 4.5), as the vendor documents it. No value is ever printed.
#[derive(Clone, Debug)]
pub struct VendorGrant {
    pub(crate) grant_type: String,
    pub(crate) parameters: Vec<(String, Secret)>,
    pub(crate) scopes: Scopes,
    pub(crate) is_repeatable: bool,
}

/// The grants that have types of their own, and those that there are not (RFC 9700 2.1.2, 2.4).
const NOT_A_VENDORS: [&str; 9] = [
    "authorization_code",
    "client_credentials",
    "refresh_token",
    "implicit",
    "password",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
];

impl VendorGrant {
    /// A grant by its `grant_type`: a name, or a URI such as an URN.
    ///
    /// # Errors
    /// It is empty, holds what no name of a grant has (RFC 6749 A.10), is that of a grant with a type of its
    /// own, or is the implicit or the password grant, which are not offered (RFC 9700 2.1.2, 2.4).
    pub fn new(grant_type: &str) -> Result<Self, Error> {
        let refused = |problem: &str| {
            let shown = escape(grant_type);
            Err(Error::config("grant_type", format!("`{shown}` {problem}")))
        };
        if grant_type.is_empty() || !grant_type.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refused("is no name of a grant (RFC 6749 A.10)");
        }
        if matches!(grant_type, "implicit" | "password") {
            return refused(
                "is not offered: it hands the user's secrets to the client (RFC 9700 2.1.2, 2.4)",
            );
        }
        if NOT_A_VENDORS.contains(&grant_type) {
            return refused("is no vendor's: use the grant of that name");
        }
        Ok(Self {
            grant_type: grant_type.to_owned(),
            parameters: Vec::new(),
            scopes: Scopes::none(),
            is_repeatable: false,
        })
    }

    /// Adds a parameter; an empty value is left out (RFC 6749 3.2).
    ///
    /// # Errors
    /// It is one that the protocol sets, or is there already.
    pub fn with_parameter(mut self, name: &str, value: Secret) -> Result<Self, Error> {
        let is_own = ["grant_type", "scope"].contains(&name) || PROTOCOL_PARAMETERS.contains(&name);
        let is_there = self.parameters.iter().any(|(known, _)| known == name);
        if name.is_empty() || is_own || is_there {
            let shown = escape(name);
            let problem = format!("`{shown}` is empty, set by the protocol, or there already");
            return Err(Error::config("grant.parameters", problem));
        }
        self.parameters.push((name.to_owned(), value));
        Ok(self)
    }

    /// The scopes asked for.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Declares that the request spends nothing: it may be sent again where its answer is lost.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.is_repeatable = true;
        self
    }
}
