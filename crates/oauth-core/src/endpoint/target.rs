//! Where a token request goes, and whether what is known of the server there speaks against it.

use url::Url;

use crate::discovery::Metadata;
use crate::endpoint::TokenEndpoint;
use crate::error::Error;
use crate::server::Endpoints;

/// Where a request goes.
pub(super) struct Target {
    pub url: Url,
    pub issuer: Option<String>,
    pub foreign: bool,
}

impl TokenEndpoint {
    pub(super) async fn resolve(&self) -> Result<Target, Error> {
        let Some(discovery) = &self.discovery else {
            let Endpoints::Configured { token_url } = &self.server.endpoints else {
                return Err(Error::config("token_url", "no endpoint is configured"));
            };
            let issuer = self.server.issuer.clone();
            return Ok(Target {
                url: token_url.clone(),
                issuer,
                foreign: false,
            });
        };
        let metadata = discovery.metadata(&self.env).await?;
        self.check_algorithm(&metadata)?;
        self.compare_method(&metadata);
        let issuer = self
            .server
            .issuer
            .clone()
            .or_else(|| metadata.issuer.clone());
        Ok(Target {
            url: metadata.token_endpoint.clone(),
            issuer,
            foreign: metadata.foreign,
        })
    }

    /// What is configured goes before what is published (RFC 8414 2), but where they differ, that is the
    /// likeliest cause of an `invalid_client`.
    fn compare_method(&self, metadata: &Metadata) {
        let method = self.client.method_name();
        if let Some(known) = &metadata.auth_methods
            && !known.iter().any(|known| known == method)
        {
            let published = crate::text::escape(&known.join(", "));
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
        let known = match known.is_empty() {
            true => "in none at all".to_owned(),
            false => format!("in: {}", crate::text::escape(&known.join(", "))),
        };
        Err(Error::config(
            "key.algorithm",
            format!("the server's document says that it takes no assertion in {algorithm}, but {known}"),
        )
        .remedy("use a key for one of these, or, where the server's document is wrong, configure `token_url`"))
    }
}
