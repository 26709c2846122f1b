//! How a [`Strict`] comes up.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::certificate::{Authority, Certificate};
use crate::strict::Strict;
use crate::strict::client::RegisteredClient;
use crate::strict::endpoint::Urls;
use crate::strict::handlers::Handlers;
use crate::strict::ledger::Rotation;
use crate::strict::server::{self, Service};
use crate::strict::settings::{AudiencePolicy, Settings};
use crate::strict::state::{Clock, State};

/// What a [`Strict`] is made from; every part has a default.
#[must_use = "nothing listens before `start`"]
pub struct Builder {
    clock: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    clients: Vec<RegisteredClient>,
    settings: Settings,
    issuer_path: String,
    port: u16,
    tls: Option<Tls>,
    keeps_log: bool,
}

#[derive(Default)]
struct Tls {
    certificate: Certificate,
    authority: Option<Authority>,
    asks_for_certificates: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            clock: Arc::new(Utc::now),
            clients: Vec::new(),
            settings: Settings {
                token_lifetime: Duration::from_secs(300),
                rotation: Rotation::default(),
                audience: AudiencePolicy::default(),
                scopes_supported: Vec::new(),
                refuse_access_tokens: false,
                sends_iss: true,
                requires_pushed: false,
                has_devices: false,
                has_registration: false,
                initial_access_token: None,
            },
            issuer_path: String::new(),
            port: 0,
            tls: None,
            keeps_log: true,
        }
    }
}

impl Builder {
    /// https, with a certificate by an authority made for the run; without it, http.
    pub fn tls(mut self) -> Self {
        self.tls.get_or_insert_default();
        self
    }

    /// https, with a certificate that may be a bad one.
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.tls.get_or_insert_default().certificate = certificate;
        self
    }

    /// https, with a certificate by an authority that other servers have too.
    pub fn authority(mut self, authority: &Authority) -> Self {
        self.tls.get_or_insert_default().authority = Some(authority.clone());
        self
    }

    /// https, and clients are asked for a certificate (RFC 8705): one by the server's authority where they are
    /// registered so, or any. They may show none.
    pub fn client_certificates(mut self) -> Self {
        self.tls.get_or_insert_default().asks_for_certificates = true;
        self
    }

    /// The time by which the server judges; the system's unless given.
    pub fn clock(mut self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Registers a client; one of the same id is replaced.
    pub fn client(mut self, client: RegisteredClient) -> Self {
        self.clients.push(client);
        self
    }

    /// How long an access token lives (`expires_in`); 300 s unless given.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.token_lifetime = lifetime;
        self
    }

    /// What becomes of a refresh token that is used.
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.settings.rotation = rotation;
        self
    }

    /// What the `aud` of a client assertion has to be; the token endpoint's URL unless given.
    pub fn audience(mut self, policy: AudiencePolicy) -> Self {
        self.settings.audience = policy;
        self
    }

    /// `scopes_supported` in the metadata.
    pub fn scopes_supported<S: Into<String>>(
        mut self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        self.settings.scopes_supported = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// No `iss` in the answers of the authorization endpoint, and no promise of it (RFC 9207).
    pub fn without_iss(mut self) -> Self {
        self.settings.sends_iss = false;
        self
    }

    /// Takes no other authorization requests than pushed ones (RFC 9126 5).
    pub fn require_pushed_requests(mut self) -> Self {
        self.settings.requires_pushed = true;
        self
    }

    /// Takes logins on another device (RFC 8628): [`Strict::decide`] is the user.
    pub fn devices(mut self) -> Self {
        self.settings.has_devices = true;
        self
    }

    /// Clients register themselves (RFC 7591) and manage that (RFC 7592), with an initial access token where there
    /// is one.
    pub fn registration(mut self, initial_access_token: Option<&str>) -> Self {
        self.settings.has_registration = true;
        self.settings.initial_access_token = initial_access_token.map(str::to_owned);
        self
    }

    /// The issuer's path, `/tenant` for example: its endpoints are below it, and its metadata where
    /// RFC 8414 3.1 and OpenID Connect Discovery 4 put them. The API stays where it is.
    pub fn issuer_path(mut self, path: impl Into<String>) -> Self {
        self.issuer_path = path.into();
        self
    }

    /// The port to listen on; a free one unless given.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Keeps no request that it saw, so that it can serve for hours: [`Strict::log`] stays empty, and
    /// nothing there is counted or waited for.
    pub fn without_log(mut self) -> Self {
        self.keeps_log = false;
        self
    }

    /// Listens on 127.0.0.1. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// `InvalidInput` for an issuer's path, a key or an algorithm that cannot be; else those of the system.
    pub async fn start(self) -> io::Result<Strict> {
        let path = &self.issuer_path;
        if !path.is_empty() && (!path.starts_with('/') || path.ends_with('/')) {
            return Err(invalid(
                "the issuer's path begins with a slash and ends without".to_owned(),
            ));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        let port = listener.local_addr()?.port();
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let urls = Urls {
            origin: format!("{scheme}://127.0.0.1:{port}"),
            issuer_path: self.issuer_path,
        };
        let (ca_pem, acceptor, judge) = match self.tls {
            None => (None, None, None),
            Some(Tls {
                certificate,
                authority,
                asks_for_certificates,
            }) => {
                let authority = authority.map_or_else(Authority::new, Ok)?;
                let config = authority.server_config(
                    certificate,
                    &["h2", "http/1.1"],
                    asks_for_certificates,
                )?;
                let judge = match asks_for_certificates {
                    true => Some(authority.client_verifier()?),
                    false => None,
                };
                (
                    Some(authority.pem()),
                    Some(TlsAcceptor::from(config)),
                    judge,
                )
            }
        };
        let clock = Clock {
            base: self.clock,
            offset: Mutex::new(TimeDelta::zero()),
        };
        let state = Arc::new(State::new(
            urls,
            clock,
            self.settings,
            self.keeps_log,
            judge,
        ));
        for client in self.clients {
            state.register(client).map_err(invalid)?;
        }
        let handlers = Arc::new(Handlers::default());
        let ended = watch::Sender::new(false);
        let service = Service {
            state: Arc::clone(&state),
            handlers: Arc::clone(&handlers),
            ended: ended.subscribe(),
        };
        let task = tokio::spawn(server::serve(listener, acceptor, service));
        Ok(Strict::new(state, handlers, ca_pem, task, ended))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("clients", &self.clients)
            .field("settings", &self.settings)
            .field("issuer_path", &self.issuer_path)
            .finish_non_exhaustive()
    }
}

fn invalid(fault: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, fault)
}
