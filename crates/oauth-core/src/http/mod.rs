//! The only room that builds HTTP clients: deadlines, the cap on the decoded body, redirects
//! refused, and errors without URLs.

mod body;
pub(crate) mod clients;
mod date;
mod fault;
mod guard;
mod identity;
mod settings;
pub(crate) mod url;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use ::url::Url;
use http::{HeaderMap, HeaderValue, StatusCode};

pub use crate::http::body::read_limited;
pub(crate) use crate::http::date::date_of;
pub(crate) use crate::http::fault::{Failure, Sent, of_request as failure_of_request};
pub use crate::http::identity::{IdentityConfig, TlsIdentity};
pub use crate::http::settings::{HttpSettings, Proxy};

use crate::error::{Error, ErrorKind, ProtocolFault, Recovery};
use crate::http::clients::{Clients, Fingerprint};
use crate::http::guard::{PublicOnly, refuse_private_literal};

/// The HTTP clients of an [`Env`](crate::env::Env).
///
/// Authorization servers are spoken to without redirects, cookies, hidden retries or content codings;
/// APIs without redirects, cookies or hidden retries, but with gzip.
pub struct Http {
    settings: HttpSettings,
    /// They show no certificate.
    plain: Clients,
    /// Those that show one, as long as anybody holds them.
    showing: Mutex<HashMap<Fingerprint, Weak<Clients>>>,
}

/// Which connections a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// A kept one, if there is one.
    Shared,
    /// A new one: a kept one may be closed under the request, and then nobody knows whether it was
    /// processed.
    Fresh,
    /// A new one, to a public address only: the host was named by a foreign server.
    Guarded,
}

impl Pool {
    /// For what is only read, from a host that a foreign server named or not.
    pub fn for_reading(is_foreign: bool) -> Self {
        match is_foreign {
            true => Self::Guarded,
            false => Self::Shared,
        }
    }
}

/// A whole answer of an authorization server.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: zeroize::Zeroizing<Vec<u8>>,
}

impl Http {
    /// Builds the clients.
    ///
    /// # Errors
    /// A root certificate or the proxy's URL cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Self, Error> {
        Ok(Self {
            plain: clients(&settings, None)?,
            settings,
            showing: Mutex::default(),
        })
    }

    /// The clients that show a certificate: the same for all connections.
    fn showing(&self, fingerprint: Fingerprint, shown: Shown) -> Result<Arc<Clients>, Error> {
        let mut showing = self.showing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clients) = showing.get(&fingerprint).and_then(Weak::upgrade) {
            return Ok(clients);
        }
        let made = Arc::new(clients(&self.settings, Some(shown))?);
        showing.retain(|_, held| held.strong_count() > 0);
        showing.insert(fingerprint, Arc::downgrade(&made));
        Ok(made)
    }

    /// The settings it was made from.
    pub fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// The client for requests that bear no token, such as a download from a presigned URL. It
    /// follows no redirect.
    pub fn api(&self) -> &reqwest::Client {
        &self.plain.api
    }

    /// As [`Http::api`], showing that certificate.
    pub(crate) fn api_of<'a>(&'a self, clients: Option<&'a Clients>) -> &'a reqwest::Client {
        &clients.unwrap_or(&self.plain).api
    }

    /// As [`Http::api_of`], over a new connection.
    pub(crate) fn fresh_api_of<'a>(
        &'a self,
        clients: Option<&'a Clients>,
    ) -> Result<&'a reqwest::Client, Failure> {
        let clients = clients.unwrap_or(&self.plain);
        lazily(&clients.fresh_api, || {
            let client = api_client(&self.settings, clients.shown.as_ref())?;
            build(client.pool_max_idle_per_host(0))
        })
    }

    /// Parses the URL of a server that a configuration names.
    ///
    /// # Errors
    /// It is not `https` (or `http` to a literal loopback address, where that is allowed), or it
    /// holds a user name or a fragment. The message names `field`.
    pub fn parse_url(&self, field: &str, text: &str) -> Result<Url, Error> {
        url::parse(text, self.settings.loopback_http)
            .map_err(|problem| Error::config(field, problem))
    }

    /// Sends a request to an authorization server and reads the whole answer, of at most `limit` bytes.
    pub(crate) async fn exchange(
        &self,
        request: reqwest::Request,
        pool: Pool,
        timeout: Duration,
        limit: usize,
    ) -> Result<Answer, Failure> {
        self.exchange_over(None, request, pool, timeout, limit)
            .await
    }

    /// As [`Http::exchange`], showing that certificate.
    pub(crate) async fn exchange_over(
        &self,
        clients: Option<&Clients>,
        mut request: reqwest::Request,
        pool: Pool,
        timeout: Duration,
        limit: usize,
    ) -> Result<Answer, Failure> {
        *request.timeout_mut() = Some(timeout);
        let to = url::origin(request.url());
        let client = self.client_for(clients, pool, request.url())?;
        let response = client
            .execute(request)
            .await
            .map_err(|error| fault::of_request(error, &to, &self.settings, timeout))?;
        let status = response.status();
        let headers = response.headers().clone();
        if status.is_redirection() {
            let from = url::shown(response.url());
            let refused = redirect_refused(status, &headers, response.url(), &from);
            if let Some(error) = refused {
                return Err(Failure::answered(error));
            }
        }
        let of_status = |error: Error| error.with_status(status.as_u16());
        refuse_framing(&headers, &to)
            .and_then(|()| refuse_coding(&headers, &to))
            .map_err(|error| Failure::answered(of_status(error)))?;
        // an answer that is awaited beyond the usual deadline is awaited to the end
        let pause = if timeout > self.settings.request_timeout {
            timeout
        } else {
            self.settings.read_timeout
        };
        let patience = body::Patience {
            pause: Some(pause),
            whole: Some(timeout),
        };
        let body = body::read(response, limit, &to, patience)
            .await
            .map_err(|failure| Failure {
                error: of_status(failure.error),
                ..failure
            })?;
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    fn client_for<'a>(
        &'a self,
        clients: Option<&'a Clients>,
        pool: Pool,
        url: &Url,
    ) -> Result<&'a reqwest::Client, Failure> {
        let clients = clients.unwrap_or(&self.plain);
        let unpooled = || {
            let client = client(&self.settings, clients.shown.as_ref())?.no_gzip();
            Ok(client.pool_max_idle_per_host(0))
        };
        match pool {
            Pool::Shared => Ok(&clients.pooled),
            Pool::Guarded if !self.settings.private_endpoints => {
                refuse_private_literal(url).map_err(Failure::unsent)?;
                lazily(&clients.guarded, || {
                    let resolver = PublicOnly::beside(&self.settings.proxy);
                    build(unpooled()?.dns_resolver(Arc::new(resolver)))
                })
            }
            Pool::Fresh | Pool::Guarded => lazily(&clients.fresh, || build(unpooled()?)),
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn lazily(
    cell: &OnceLock<reqwest::Client>,
    make: impl FnOnce() -> Result<reqwest::Client, Error>,
) -> Result<&reqwest::Client, Failure> {
    if let Some(client) = cell.get() {
        return Ok(client);
    }
    let made = make().map_err(Failure::unsent)?;
    Ok(cell.get_or_init(|| made))
}

/// A certificate with its key, and its thumbprint.
type Shown = (reqwest::Identity, Box<str>);

fn clients(settings: &HttpSettings, shown: Option<Shown>) -> Result<Clients, Error> {
    Ok(Clients {
        pooled: build(client(settings, shown.as_ref())?.no_gzip())?,
        fresh: OnceLock::new(),
        guarded: OnceLock::new(),
        api: build(api_client(settings, shown.as_ref())?)?,
        fresh_api: OnceLock::new(),
        shown,
    })
}

fn api_client(
    settings: &HttpSettings,
    shown: Option<&Shown>,
) -> Result<reqwest::ClientBuilder, Error> {
    let client = client(settings, shown)?;
    Ok(client.gzip(true).timeout(settings.api_timeout))
}

/// What all clients have in common. No `read_timeout` of reqwest: it would count before the head of
/// an answer too, and cut a request whose own deadline is longer.
fn client(settings: &HttpSettings, shown: Option<&Shown>) -> Result<reqwest::ClientBuilder, Error> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .https_only(!settings.loopback_http)
        .connect_timeout(settings.connect_timeout);
    if !settings.user_agent.is_empty() {
        builder = builder.user_agent(user_agent(settings)?);
    }
    builder = match &settings.proxy {
        Proxy::FromEnvironment => builder,
        Proxy::None => builder.no_proxy(),
        Proxy::Url(url) => builder.proxy(reqwest::Proxy::all(url.expose()).map_err(|_| {
            Error::config("proxy", "this is not the URL of a proxy")
                .remedy("write `http://host:port`")
        })?),
    };
    if let Some((identity, _)) = shown {
        builder = builder.identity(identity.clone());
    }
    let mut roots = Vec::new();
    for pem in &settings.ca_roots {
        let read = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
        if read.is_empty() {
            return Err(
                Error::config("ca_roots", "this holds no certificate in PEM form")
                    .remedy("give the text of a `-----BEGIN CERTIFICATE-----` file"),
            );
        }
        roots.extend(read);
    }
    Ok(if settings.only_ca_roots {
        builder.tls_certs_only(roots)
    } else if roots.is_empty() {
        builder
    } else {
        builder.tls_certs_merge(roots)
    })
}

/// The header of every request; one that is static is copied at no cost.
fn user_agent(settings: &HttpSettings) -> Result<HeaderValue, Error> {
    if settings.user_agent == settings::USER_AGENT {
        return Ok(HeaderValue::from_static(settings::USER_AGENT));
    }
    HeaderValue::from_str(&settings.user_agent)
        .map_err(|_| Error::config("user_agent", "this is no value of a header"))
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, Error> {
    builder.build().map_err(|error| {
        Error::config(
            "http",
            format!("no client can be made: {}", fault::causes(&error)),
        )
        .remedy("check the root certificates, the proxy, and that a client's certificate is that of its key")
    })
}

/// The error that an answer is which HTTP clients would follow elsewhere; it shows no path and no
/// query of the target, and of where it comes from what is given.
pub(crate) fn redirect_refused(
    status: StatusCode,
    headers: &HeaderMap,
    from: &Url,
    shown: &str,
) -> Option<Error> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let target = match headers.get(http::header::LOCATION) {
        None => "nowhere".into(),
        Some(location) => location
            .to_str()
            .ok()
            .and_then(|location| from.join(location).ok())
            .map_or_else(|| "an unreadable address".into(), |url| url::origin(&url)),
    };
    let problem = format!(
        "{} answered {} with a redirect to {target}, which is not followed: it would take the credentials along",
        shown,
        status.as_u16()
    );
    Some(
        Error::new(ErrorKind::Protocol(ProtocolFault::RedirectRefused), problem)
            .remedy("if the server has moved, configure its new URL")
            .with_recovery(Recovery::FixConfig)
            .with_status(status.as_u16()),
    )
}

/// A length beside chunks is how one answer is smuggled into another; whoever sent it is not to be
/// understood (RFC 9112 6.1).
fn refuse_framing(headers: &HeaderMap, from: &str) -> Result<(), Error> {
    if headers.contains_key(http::header::TRANSFER_ENCODING)
        && headers.contains_key(http::header::CONTENT_LENGTH)
    {
        return Err(Error::new(
            ErrorKind::Protocol(ProtocolFault::BadEncoding),
            format!("{from} answered with both `Transfer-Encoding` and `Content-Length`"),
        ));
    }
    Ok(())
}

/// No content coding was asked for, so none is taken (RFC 9110 8.4): what is not decoded cannot grow.
fn refuse_coding(headers: &HeaderMap, from: &str) -> Result<(), Error> {
    let foreign = headers
        .get_all(http::header::CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if foreign {
        return Err(Error::new(
            ErrorKind::Protocol(ProtocolFault::BadEncoding),
            format!("{from} answered with a `Content-Encoding` that was not asked for"),
        ));
    }
    Ok(())
}
