//! Facts about the server that issues tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use crate::dpop::Dpop;
use crate::env::Env;
use crate::error::Error;
use crate::http::TlsIdentity;
use crate::server::departures::Departures;
use crate::server::dialect::Dialect;
use crate::server::endpoint_kind::EndpointKind;
use crate::server::facts::ServerFacts;

/// The server that issues tokens (RFC 6749 1.1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthorizationServer {
    /// Its issuer identifier (RFC 8414 2), where it is known beforehand.
    pub issuer: Option<String>,
    /// Where its endpoints are.
    pub endpoints: Endpoints,
    /// The endpoints that are configured beside that; they go before what is published.
    pub other_endpoints: BTreeMap<EndpointKind, Url>,
    /// Likewise those for clients with a certificate (RFC 8705 5).
    pub mtls_endpoints: BTreeMap<EndpointKind, Url>,
    /// What it supports, where that is configured; it goes before what is published.
    pub facts: Option<Arc<ServerFacts>>,
    /// Whether users may log in on another device (RFC 8628).
    pub device_grant: bool,
    /// How it departs from the RFCs.
    pub departures: Arc<Departures>,
    /// How it speaks where that cannot say it.
    pub dialect: Option<Arc<dyn Dialect>>,
    /// Its tokens are bound to a key (RFC 9449).
    pub dpop: Option<Arc<Dpop>>,
    /// What it is shown over TLS, also where the client proves who it is by other means (RFC 8705 3).
    pub identity: Option<Arc<TlsIdentity>>,
    /// Whether somebody else's document names it: then it is spoken to at public addresses alone.
    pub(crate) is_foreign: bool,
}

/// A dialect is the same as itself alone.
impl PartialEq for AuthorizationServer {
    fn eq(&self, other: &Self) -> bool {
        let is_same_dialect = match (&self.dialect, &other.dialect) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        is_same_dialect
            && self.issuer == other.issuer
            && self.endpoints == other.endpoints
            && self.other_endpoints == other.other_endpoints
            && self.mtls_endpoints == other.mtls_endpoints
            && self.facts == other.facts
            && self.device_grant == other.device_grant
            && self.is_foreign == other.is_foreign
            && self.departures == other.departures
            && self.dpop == other.dpop
            && self.identity == other.identity
    }
}

/// Where the endpoints of a server are.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Endpoints {
    /// Configured; nothing is looked up.
    Configured {
        /// The token endpoint (RFC 6749 3.2).
        token_url: Url,
    },
    /// Looked up at the first token.
    Discovered {
        /// The issuer, or the base of the API for SMART.
        base: Url,
        /// Which document to read.
        kind: DiscoveryKind,
    },
}

/// Which document describes a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiscoveryKind {
    /// `/.well-known/oauth-authorization-server`, before the issuer's path (RFC 8414 3.1).
    OAuth,
    /// `/.well-known/openid-configuration`, behind the issuer's path (OpenID Connect Discovery 1.0, 4).
    OpenId,
    /// `/.well-known/smart-configuration`, behind the FHIR base URL (SMART App Launch 2.2, conformance).
    Smart,
}

impl AuthorizationServer {
    /// A server whose token endpoint is configured. `field` is the setting's name, for errors.
    ///
    /// # Errors
    /// The URL is not one that may be used (see [`Http::parse_url`](crate::http::Http::parse_url)).
    pub fn configured(env: &Env, field: &str, token_url: &str) -> Result<Self, Error> {
        let token_url = env.http().parse_url(field, token_url)?;
        Ok(Self::at(None, Endpoints::Configured { token_url }))
    }

    /// A server whose endpoints are looked up at the first token. `base` is its issuer, or the base of
    /// the API for SMART.
    ///
    /// # Errors
    /// The URL is not one that may be used, or an issuer has a query (RFC 8414 2).
    pub fn discovered(
        env: &Env,
        field: &str,
        base: &str,
        kind: DiscoveryKind,
    ) -> Result<Self, Error> {
        let url = env.http().parse_url(field, base)?;
        if url.query().is_some() {
            return Err(Error::config(
                field,
                "this URL has a query (`?…`), which no issuer has (RFC 8414 2)",
            )
            .remedy("take it out"));
        }
        // the issuer is compared letter by letter: as it was written, not as a URL prints it
        let issuer = (kind != DiscoveryKind::Smart).then(|| base.to_owned());
        Ok(Self::at(issuer, Endpoints::Discovered { base: url, kind }))
    }

    fn at(issuer: Option<String>, endpoints: Endpoints) -> Self {
        Self {
            issuer,
            endpoints,
            other_endpoints: BTreeMap::new(),
            mtls_endpoints: BTreeMap::new(),
            facts: None,
            device_grant: false,
            departures: Arc::default(),
            dialect: None,
            dpop: None,
            identity: None,
            is_foreign: false,
        }
    }

    /// Has its tokens bound to a key, and each request prove that it has the key.
    #[must_use]
    pub fn with_dpop(mut self, dpop: impl Into<Arc<Dpop>>) -> Self {
        self.dpop = Some(dpop.into());
        self
    }

    /// Shows it a certificate, so that it binds its tokens to that (RFC 8705 3), also where the client
    /// proves who it is by other means; the API is shown the same.
    #[must_use]
    pub fn with_identity(mut self, identity: impl Into<Arc<TlsIdentity>>) -> Self {
        self.identity = Some(identity.into());
        self
    }

    /// Configures another endpoint than the token endpoint; what is published of it no longer counts.
    ///
    /// ```
    /// # fn main() -> Result<(), oauth_core::Error> {
    /// # use oauth_core::{Env, HttpSettings};
    /// use oauth_core::server::{AuthorizationServer, EndpointKind};
    ///
    /// # let env = Env::new(HttpSettings::default())?;
    /// let server = AuthorizationServer::configured(&env, "token_url", "https://auth.example/token")?
    ///     .with_endpoint(&env, EndpointKind::Revocation, "https://auth.example/revoke")?;
    /// # drop(server); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The URL is not one that may be used (see [`Http::parse_url`](crate::http::Http::parse_url)), or it
    /// is that of the token endpoint, which [`AuthorizationServer::configured`] takes.
    pub fn with_endpoint(
        mut self,
        env: &Env,
        kind: EndpointKind,
        url: &str,
    ) -> Result<Self, Error> {
        if kind == EndpointKind::Token {
            let problem = "the token endpoint has a setting of its own";
            return Err(Error::config(kind.name(), problem).remedy("configure `token_url`"));
        }
        let url = env.http().parse_url(kind.name(), url)?;
        self.other_endpoints.insert(kind, url);
        Ok(self)
    }

    /// [`with_endpoint`](Self::with_endpoint) for each of them, as a configuration nests them.
    ///
    /// # Errors
    /// As for one.
    pub fn with_endpoints(
        mut self,
        env: &Env,
        urls: &BTreeMap<EndpointKind, String>,
    ) -> Result<Self, Error> {
        for (kind, url) in urls {
            self = self.with_endpoint(env, *kind, url)?;
        }
        Ok(self)
    }

    /// Configures an endpoint for clients with a certificate (RFC 8705 5).
    ///
    /// # Errors
    /// The URL is not one that may be used.
    pub fn with_mtls_endpoint(
        mut self,
        env: &Env,
        kind: EndpointKind,
        url: &str,
    ) -> Result<Self, Error> {
        let field = format!("mtls_endpoint_aliases.{}", kind.name());
        let url = env.http().parse_url(&field, url)?;
        self.mtls_endpoints.insert(kind, url);
        Ok(self)
    }

    /// Declares that users may log in on another device. A user can be talked into entering a stranger's
    /// code, and then the stranger's device is logged in (RFC 8628 5.4): off unless it is declared.
    #[must_use]
    pub fn with_device_grant(mut self) -> Self {
        self.device_grant = true;
        self
    }

    /// Configures what it supports; what is published of that no longer counts.
    #[must_use]
    pub fn with_facts(mut self, facts: ServerFacts) -> Self {
        self.facts = Some(Arc::new(facts));
        self
    }

    /// Declares how it departs from the RFCs.
    ///
    /// # Errors
    /// A departure cannot be what it says.
    pub fn departing(mut self, departures: impl Into<Arc<Departures>>) -> Result<Self, Error> {
        let departures = departures.into();
        departures.check()?;
        self.departures = departures;
        Ok(self)
    }

    /// Declares how it speaks where departures cannot say it. Connections that shall share tokens share
    /// the dialect too: one `Arc`.
    #[must_use]
    pub fn speaking(mut self, dialect: Arc<dyn Dialect>) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Names the issuer of a server whose token endpoint is configured, for assertions whose audience
    /// it is.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The [`authority`](Self::authority) as it may be shown: a token endpoint's query is left out.
    pub fn name(&self) -> &str {
        let authority = self.authority();
        authority
            .split_once('?')
            .map_or(authority, |(name, _)| name)
    }

    /// What tells this server from others: the issuer, else the token endpoint, else the base of
    /// discovery.
    pub fn authority(&self) -> &str {
        match (&self.issuer, &self.endpoints) {
            (Some(issuer), _) => issuer,
            (None, Endpoints::Configured { token_url }) => token_url.as_str(),
            (None, Endpoints::Discovered { base, .. }) => base.as_str(),
        }
    }
}
