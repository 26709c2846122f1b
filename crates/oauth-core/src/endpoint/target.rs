//! Where a request goes, and whether what is known of the server there speaks against it.

use url::Url;

use crate::binding::Bound;
use crate::discovery::Metadata;
use crate::endpoint::ServerEndpoints;
use crate::error::Error;
use crate::jwks::algorithm as named;
use crate::server::{EndpointKind, Endpoints, ServerFacts};
use crate::text::escape;

/// Where a request goes.
pub(super) struct Target {
    pub url: Url,
    /// The token endpoint, which assertions may name.
    pub token_url: Url,
    pub issuer: Option<String>,
    pub foreign: bool,
}

impl ServerEndpoints {
    /// Where a request goes: by a refresh token, or another.
    pub(super) async fn resolve(
        &self,
        kind: EndpointKind,
        is_refresh: bool,
    ) -> Result<Target, Error> {
        let mut target = self.resolve_endpoint(kind).await?;
        if let Some(url) = self.refresh_url.as_ref().filter(|_| is_refresh) {
            target.url = (**url).clone();
            target.token_url = (**url).clone();
            target.foreign = false; // it is configured
        }
        Ok(target)
    }

    async fn resolve_endpoint(&self, kind: EndpointKind) -> Result<Target, Error> {
        let is_shown_one = self.identity().is_some();
        // the alias goes before the endpoint that all others use (RFC 8705 5)
        let alias = self.server.mtls_endpoints.get(&kind);
        let alias = alias.filter(|_| is_shown_one);
        let configured = alias.or(self.server.other_endpoints.get(&kind));
        let Some(discovery) = &self.discovery else {
            let Endpoints::Configured { token_url } = &self.server.endpoints else {
                return Err(Error::config("token_url", "no endpoint is configured"));
            };
            let url = match kind {
                EndpointKind::Token => alias.unwrap_or(token_url),
                kind => configured.ok_or_else(|| self.unknown(kind))?,
            };
            return Ok(Target {
                url: url.clone(),
                token_url: token_url.clone(),
                issuer: self.server.issuer.clone(),
                foreign: false,
            });
        };
        let metadata = discovery.metadata(&self.env).await?;
        self.check_algorithm(&metadata)?;
        self.compare_method(&metadata);
        let issuer = self.server.issuer.clone();
        let (url, foreign) = match configured {
            Some(url) => (url, false),
            None => {
                let alias = match is_shown_one {
                    true => metadata.mtls_endpoint(kind)?,
                    false => None,
                };
                let published = match alias {
                    Some(alias) => Some(alias),
                    None => metadata.endpoint(kind)?,
                };
                let url = published.ok_or_else(|| self.unknown(kind))?;
                (url, metadata.is_foreign(url))
            }
        };
        Ok(Target {
            url: url.clone(),
            token_url: metadata.token_endpoint.clone(),
            issuer: issuer.or_else(|| metadata.issuer.clone()),
            foreign,
        })
    }

    /// An endpoint that is neither configured nor published is never guessed.
    fn unknown(&self, kind: EndpointKind) -> Error {
        let problem = match self.discovery {
            Some(_) => "the server's document names none, and none is configured",
            None => "none is configured",
        };
        let name = kind.name();
        Error::config(name, problem).remedy(format!(
            "configure `{name}` as the vendor documents it, if this server has one"
        ))
    }

    /// Where an endpoint is that a browser is sent to, or that is asked without the client's
    /// authentication; and whether a foreign server chose it.
    pub async fn locate(&self, kind: EndpointKind) -> Result<(Url, bool), Error> {
        if let Some(url) = self.server.other_endpoints.get(&kind) {
            return Ok((url.clone(), false));
        }
        let Some(discovery) = &self.discovery else {
            return Err(self.unknown(kind));
        };
        let metadata = discovery.metadata(&self.env).await?;
        let url = metadata.endpoint(kind)?.ok_or_else(|| self.unknown(kind))?;
        Ok((url.clone(), metadata.is_foreign(url)))
    }

    /// The server's issuer, configured or discovered.
    pub async fn issuer(&self) -> Result<Option<String>, Error> {
        Ok(self.resolve(EndpointKind::Token, false).await?.issuer)
    }

    /// What the server supports: as configured, else as published, else nothing beyond the RFCs.
    pub async fn facts(&self) -> Result<ServerFacts, Error> {
        match (&self.server.facts, &self.discovery) {
            (Some(facts), _) => Ok((**facts).clone()),
            (None, Some(discovery)) => Ok(discovery.metadata(&self.env).await?.facts.clone()),
            (None, None) => Ok(ServerFacts::default()),
        }
    }

    /// RFC 9449 5.1: a proof in an algorithm that the server does not list is not worth sending.
    pub async fn check_proofs(&self, bound: Option<&Bound>) -> Result<(), Error> {
        let Some(key) = bound.and_then(|bound| bound.key.as_deref()) else {
            return Ok(());
        };
        let algorithm = key.signer.algorithm();
        let Some(known) = self.facts().await?.dpop_signing_alg_values_supported else {
            return Ok(());
        };
        if known.iter().any(|name| named(name) == Some(algorithm)) {
            return Ok(());
        }
        let known = listed(&known);
        Err(Error::config(
            "dpop.algorithm",
            format!("the server's document says that it takes no proof in {algorithm}, but {known}"),
        )
        .remedy(
            "choose one of these and let the user log in again, or, where the server's document is wrong, \
             configure its facts",
        ))
    }

    /// What is configured goes before what is published (RFC 8414 2), but where they differ, that is the
    /// likeliest cause of an `invalid_client`.
    fn compare_method(&self, metadata: &Metadata) {
        let method = self.client.method_name();
        if let Some(known) = &metadata.auth_methods
            && !known.iter().any(|known| known == method)
        {
            let published = escape(&known.join(", "));
            tracing::warn!(
                method,
                published,
                "the server does not list this method of client authentication"
            );
        }
    }

    /// RFC 8414 2: an assertion in an algorithm that the server does not list is not worth sending.
    fn check_algorithm(&self, metadata: &Metadata) -> Result<(), Error> {
        let (Some(known), Some(algorithm)) = (
            &metadata.assertion_algorithms,
            self.client.assertion_algorithm(self.env.secrets())?,
        ) else {
            return Ok(());
        };
        if known.contains(&algorithm) {
            return Ok(());
        }
        let known = listed(known);
        Err(Error::config(
            "key.algorithm",
            format!("the server's document says that it takes no assertion in {algorithm}, but {known}"),
        )
        .remedy("use a key for one of these, or, where the server's document is wrong, configure `token_url`"))
    }
}

/// What a server says that it takes, in words.
fn listed(known: &[String]) -> String {
    match known.is_empty() {
        true => "in none at all".to_owned(),
        false => format!("in: {}", escape(&known.join(", "))),
    }
}
