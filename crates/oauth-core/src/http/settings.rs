//! How this process reaches servers.

use std::time::Duration;

use crate::secret::Secret;

/// What requests say of who sends them, unless the program says otherwise.
pub(super) const USER_AGENT: &str = concat!("oauth-core/", env!("CARGO_PKG_VERSION"));

/// How this process reaches servers: proxy, roots of trust, deadlines. Set by the program, never by
/// a user's configuration of one connection.
///
/// ```
/// use std::time::Duration;
/// use oauth_core::http::HttpSettings;
///
/// let mut settings = HttpSettings::default();
/// settings.connect_timeout = Duration::from_secs(5);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpSettings {
    /// The proxy. Default: what `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    pub proxy: Proxy,
    /// More roots of trust, each a PEM text of one or more certificates.
    pub ca_roots: Vec<String>,
    /// Trust `ca_roots` alone, and not the operating system's roots.
    pub only_ca_roots: bool,
    /// For name lookup, TCP and TLS together. Default 10 s.
    pub connect_timeout: Duration,
    /// The longest pause inside the body of a token or discovery answer. Until its head has come,
    /// `request_timeout` alone holds; so it does to the end where the answer to a request that must
    /// not be repeated is awaited. It is not for APIs, which may think for long. Default 15 s.
    pub read_timeout: Duration,
    /// One token or discovery request, from its start to the last byte. Default 30 s.
    ///
    /// A server that floods a connection of HTTP/2 with `PING` keeps whoever reads it busy, and neither h2 nor
    /// hyper limits that: a runtime with one thread then notices this deadline seconds late. Give
    /// programs that talk to servers they do not trust a runtime with several threads.
    pub request_timeout: Duration,
    /// One attempt at an API request likewise, the reading of its body included; a request's own
    /// timeout goes before it, and no other deadline cuts it once it is connected. Default 5 min.
    pub api_timeout: Duration,
    /// All attempts at one token and the pauses between them. Default 60 s.
    pub overall_timeout: Duration,
    /// How long beyond `request_timeout` the answer to a request that must not be repeated is still
    /// awaited, after its callers were told of the timeout. Default 30 s.
    pub late_answer: Duration,
    /// What the lease of a token's record is longer than all the deadlines of a renewal together
    /// (`overall_timeout`, `request_timeout`, `late_answer`): for clocks that run apart and writes that
    /// take their time. So long at the most, with them, another process waits for one that has died.
    /// Default 30 s.
    pub lease_margin: Duration,
    /// The most bytes of an answer of an authorization server, counted after decoding. Default 1 MiB.
    pub body_limit: usize,
    /// Allow `http` to a literal loopback address. For tests. Default no.
    pub loopback_http: bool,
    /// Allow endpoints that discovery names on hosts other than the configured one to stand on
    /// private, loopback or link-local addresses. Behind a proxy it is the proxy that looks names up,
    /// so there only addresses that stand in the URL itself are checked: let the proxy refuse the
    /// others. Default no.
    pub private_endpoints: bool,
    /// Learn from the `Date` of its answers how far an authorization server's clock is from this
    /// machine's, and sign for it by its own: `iat`, `nbf` and `exp` of assertions. What differs by
    /// less than 2 s is no difference, what differs by more than 10 min is not believed; neither
    /// changes how long a token is used. Default yes.
    pub learn_clock_skew: bool,
    /// The `User-Agent` of every request (RFC 9110 10.1.5), by which who runs a server can tell who calls.
    /// Empty: none is sent, which some APIs refuse. Default this library and its version.
    pub user_agent: String,
}

impl HttpSettings {
    /// For tests and demos against servers on this machine: `http` to literal loopback addresses is
    /// allowed, and no proxy is used.
    pub fn loopback() -> Self {
        Self {
            proxy: Proxy::None,
            loopback_http: true,
            ..Self::default()
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            proxy: Proxy::FromEnvironment,
            ca_roots: Vec::new(),
            only_ca_roots: false,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(300),
            overall_timeout: Duration::from_secs(60),
            late_answer: Duration::from_secs(30),
            lease_margin: Duration::from_secs(30),
            body_limit: 1024 * 1024,
            loopback_http: false,
            private_endpoints: false,
            learn_clock_skew: true,
            user_agent: USER_AGENT.into(),
        }
    }
}

/// Which proxy requests go through. Its credentials go to the proxy only.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Proxy {
    /// What the environment says.
    #[default]
    FromEnvironment,
    /// None, whatever the environment says.
    None,
    /// This URL, which may hold a user name and password.
    Url(Secret),
}
