//! Which addresses are connected to for a host that a foreign server named.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ::url::{Host, Url};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::error::{DiscoveryFault, Error, ErrorKind};
use crate::http::settings::Proxy;
use crate::http::url;

/// A name that has no address which may be connected to.
#[derive(Debug)]
pub(super) struct NoPublicAddress;

impl fmt::Display for NoPublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name has no public address")
    }
}

impl StdError for NoPublicAddress {}

pub(super) fn refuse_private_literal(url: &Url) -> Result<(), Error> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(v4)) => v4.into(),
        Some(Host::Ipv6(v6)) => v6.into(),
        _ => return Ok(()),
    };
    if url::is_public(address) {
        Ok(())
    } else {
        Err(private_endpoint(&url::origin(url)))
    }
}

pub(super) fn private_endpoint(origin: &str) -> Error {
    Error::new(
        ErrorKind::Discovery(DiscoveryFault::Address),
        format!(
            "discovery names an endpoint at {origin}, on a private, loopback or link-local address"
        ),
    )
    .remedy("if that is right, configure `token_url`, or set `HttpSettings::private_endpoints`")
}

/// Looks names up and drops every address that a foreign server must not choose, so that the check
/// is on the address that is connected to.
pub(super) struct PublicOnly {
    /// Hosts that no foreign server chose, in lower case: the proxies.
    exempt: Vec<String>,
}

impl PublicOnly {
    pub(super) fn beside(proxy: &Proxy) -> Self {
        Self {
            exempt: proxy_hosts(proxy, |name| std::env::var(name).ok()),
        }
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let is_exempt = self
            .exempt
            .iter()
            .any(|host| host.eq_ignore_ascii_case(name.as_str()));
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| is_exempt || url::is_public(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(NoPublicAddress.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The hosts of the proxies that a request over TLS may go through.
fn proxy_hosts(proxy: &Proxy, variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let urls = match proxy {
        Proxy::None => Vec::new(),
        Proxy::Url(url) => vec![url.expose().to_owned()],
        Proxy::FromEnvironment => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
            .into_iter()
            .filter_map(variable)
            .collect(),
    };
    urls.iter().filter_map(|url| host_of(url)).collect()
}

/// The host of a proxy's URL, whose scheme may be left out.
fn host_of(proxy: &str) -> Option<String> {
    let proxy = proxy.trim();
    let url = if proxy.contains("://") {
        Url::parse(proxy)
    } else {
        Url::parse(&format!("http://{proxy}"))
    };
    url.ok()?.host_str().map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_hosts_of_the_proxies_in_use_are_known() {
        let environment = |name: &str| match name {
            "HTTPS_PROXY" => Some("Proxy.Internal:3128".to_owned()),
            "all_proxy" => Some("http://user:pass@other.internal".to_owned()),
            "ALL_PROXY" => Some(String::new()),
            _ => None,
        };
        let given = Proxy::Url(Secret::new("http://user:pass@given.internal:1"));
        for (proxy, hosts) in [
            (
                Proxy::FromEnvironment,
                &["proxy.internal", "other.internal"][..],
            ),
            (given, &["given.internal"]),
            (Proxy::None, &[]),
        ] {
            assert_eq!(proxy_hosts(&proxy, environment), hosts, "{proxy:?}");
        }
    }

    #[tokio::test]
    async fn r134_a_private_name_resolves_only_for_a_proxy() {
        for (exempt, resolves) in [(vec![], false), (vec!["localhost".to_owned()], true)] {
            let name = "LocalHost".parse().unwrap();
            let found = PublicOnly { exempt }.resolve(name).await;
            assert_eq!(found.is_ok(), resolves);
        }
    }
}
