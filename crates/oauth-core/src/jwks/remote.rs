//! The keys that an issuer publishes (RFC 8414 2, `jwks_uri`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::document::{Kept, Wanted, fetch, lifetime};
use crate::env::Env;
use crate::error::{DiscoveryFault, Error, ErrorKind};
use crate::http::Pool;
use crate::http::url::shown;
use crate::jwks::set::KeySet;

/// The most bytes of a JWK set.
const LIMIT: usize = 1024 * 1024;
const CHECK: &str = "check that `jwks_uri` is the issuer's, and have its JWK set mended";

/// The keys of one issuer, fetched at the first need and again when they have grown old: as long as their
/// `max-age` says, from a minute to a day. Cheap to share among all who trust that issuer.
///
/// A token that names a key that is not among them leads to another look, at most once a minute; what is
/// fetched takes the place of the former keys, so that a withdrawn key is trusted no longer.
pub struct RemoteKeys {
    url: Url,
    pool: Pool,
    kept: Kept<KeySet>,
}

impl RemoteKeys {
    /// Of a `jwks_uri` that a configuration names; `field` is the setting's name, for errors. Nothing is fetched
    /// yet.
    ///
    /// # Errors
    /// It is not a URL that can be used, as [`Http::parse_url`](crate::http::Http::parse_url) says.
    pub fn configured(env: &Env, field: &str, jwks_uri: &str) -> Result<Self, Error> {
        let url = env.http().parse_url(field, jwks_uri)?;
        Ok(Self::at(url, Pool::Shared))
    }

    /// Of the `jwks_uri` that an issuer publishes in its metadata; `None`: it publishes none. Where the keys
    /// stand on another host than the issuer, it must have a public address.
    ///
    /// # Errors
    /// [`ErrorKind::Discovery`]: there is none, or it is not a URL that can be used.
    pub fn published(env: &Env, issuer: &Url, jwks_uri: Option<&str>) -> Result<Self, Error> {
        let unusable = |fault, problem: &str| {
            Error::new(
                ErrorKind::Discovery(fault),
                format!("`jwks_uri` of {}: {problem}", shown(issuer)),
            )
            .remedy("have the server's document mended, or configure `jwks_uri`")
        };
        let Some(text) = jwks_uri else {
            return Err(unusable(DiscoveryFault::Missing, "there is none"));
        };
        let url = crate::http::url::parse(text, env.http().settings().loopback_http)
            .map_err(|problem| unusable(DiscoveryFault::Url, &problem))?;
        let is_foreign = url.host() != issuer.host();
        Ok(Self::located(url, is_foreign))
    }

    /// At a URL that was checked, and that a foreign server chose or not.
    pub(crate) fn located(url: Url, is_foreign: bool) -> Self {
        Self::at(url, Pool::for_reading(is_foreign))
    }

    fn at(url: Url, pool: Pool) -> Self {
        Self {
            url,
            pool,
            kept: Kept::default(),
        }
    }

    /// The keys: from memory while they are fresh, else fetched, by one caller at a time. Where that fails
    /// in passing, the former keys go on being used, for a day at most.
    ///
    /// # Errors
    /// Those of a request; what was fetched is no JWK set; or the server has none at that URL.
    pub async fn keys(&self, env: &Env) -> Result<Arc<KeySet>, Error> {
        self.kept.get(env, |_| self.look(env)).await
    }

    /// The keys after another look, because `seen` lack the one that is wanted; at most one a minute.
    ///
    /// # Errors
    /// As [`RemoteKeys::keys`]. The former keys stay.
    pub async fn anew(&self, env: &Env, seen: &Arc<KeySet>) -> Result<Arc<KeySet>, Error> {
        self.kept.anew(env, seen, |_| self.look(env)).await
    }

    async fn look(&self, env: &Env) -> Result<(KeySet, Duration), Error> {
        let wanted = Wanted {
            what: "the JWK set",
            url: &self.url,
            pool: self.pool,
            accept: "application/jwk-set+json, application/json",
            limit: LIMIT,
            if_missing: "check that `jwks_uri` is the issuer's",
            if_broken: CHECK,
        };
        let answer = fetch(env, wanted).await?;
        let keys = KeySet::parse(&answer.body).map_err(|error| error.context(wanted.context()))?;
        Ok((keys, lifetime(&answer.headers)))
    }
}

/// Prints where they are.
impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys")
            .field("url", &shown(&self.url))
            .finish_non_exhaustive()
    }
}
