//! Our core, as a user calls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use http::Method;
use oauth_core::client_auth::{Audience, ClientAuth, KeyConfig};
use oauth_core::clock::{Clock, SystemClock};
use oauth_core::grant::ClientCredentials;
use oauth_core::record::RecordStore;
use oauth_core::server::{AuthorizationServer, ResourceServer};
use oauth_core::{AuthorizedClient, Env, HttpSettings, RenewingToken, Secret, SecretRef, Token};
use reqwest::{Request, Url};
use serde_json::{Value, json};

use crate::call::Call;
use crate::subject::{Fault, Subject};

/// A client of an API with a token that is renewed.
#[derive(Debug)]
pub struct Ours {
    client: AuthorizedClient,
    bench: Arc<Bench>,
}

/// What the workloads need beside the library.
#[derive(Debug)]
struct Bench {
    /// What is called: every driver has it parsed.
    api: Url,
    clock: Arc<JumpingClock>,
}

/// What all our clients share.
#[derive(Debug)]
pub struct Parts {
    env: Env,
    server: AuthorizationServer,
    api: ResourceServer,
    bench: Arc<Bench>,
    proof: Proof,
}

#[derive(Debug)]
enum Proof {
    Secret(SecretRef),
    Key(KeyConfig),
}

impl Parts {
    /// For a server at that URL, with that store of tokens or none but this process's memory.
    ///
    /// # Errors
    /// The URL is none.
    pub fn of(url: &str, store: Option<Arc<dyn RecordStore>>) -> Result<Self, Fault> {
        let clock = Arc::new(JumpingClock::default());
        let mut settings = HttpSettings::loopback();
        settings.user_agent.clear(); // every driver sends the same bytes
        let mut env = Env::builder(settings).clock(clock.clone());
        if let Some(store) = store {
            env = env.store(store);
        }
        let env = env.build()?;
        Ok(Self {
            server: AuthorizationServer::configured(&env, "token_url", &format!("{url}/token"))?,
            api: ResourceServer::new(&env, "api_url", url)?,
            bench: Arc::new(Bench {
                api: format!("{url}/api").parse()?,
                clock,
            }),
            env,
            proof: Proof::Secret(SecretRef::given(Secret::new("s3cret"))),
        })
    }

    /// Where a client's tokens come from.
    ///
    /// # Errors
    /// Its key cannot be read.
    pub fn source(&self, id: &str) -> Result<RenewingToken, Fault> {
        let client = match &self.proof {
            Proof::Secret(secret) => ClientAuth::secret_basic(&self.env, id, secret.clone())?,
            Proof::Key(key) => {
                ClientAuth::private_key_jwt(&self.env, id, key, Audience::TokenEndpoint)?
            }
        };
        let (server, grant) = (self.server.clone(), ClientCredentials::default());
        Ok(RenewingToken::client_credentials(
            &self.env, server, client, grant,
        )?)
    }

    /// A client of the API.
    ///
    /// # Errors
    /// As [`Parts::source`].
    pub fn client(&self, id: &str) -> Result<AuthorizedClient, Fault> {
        let source = self.source(id)?;
        Ok(AuthorizedClient::new(&self.env, self.api.clone(), source))
    }
}

impl Ours {
    /// A client by that id.
    ///
    /// # Errors
    /// As [`Parts::source`].
    pub fn of(parts: &Parts, id: &str) -> Result<Self, Fault> {
        Ok(Self {
            client: parts.client(id)?,
            bench: parts.bench.clone(),
        })
    }
}

impl Subject for Ours {
    type Shared = Parts;
    type Token = Arc<Token>;

    fn meta() -> Value {
        json!({
            "name": "oauth-core",
            "version": concat!(env!("CARGO_PKG_VERSION"), " (reqwest 0.13, aws-lc-rs)"),
            // at most half the lifetime, whatever it is
            "margin_s": 0,
            "skip": {},
        })
    }

    fn share(call: &Call) -> Result<Parts, Fault> {
        let parts = Parts::of(call.base(), None)?;
        let Some(algorithm) = call.algorithm() else {
            return Ok(parts);
        };
        let source = format!("file:{}", call.key(algorithm)?.display());
        let key = json!({"source": source, "algorithm": algorithm});
        Ok(Parts {
            proof: Proof::Key(serde_json::from_value(key)?),
            ..parts
        })
    }

    async fn connect(parts: &Parts, tenant: Option<u64>) -> Result<Self, Fault> {
        match tenant {
            Some(tenant) => Self::of(parts, &format!("tenant-{tenant}")),
            None => Self::of(parts, "client"),
        }
    }

    async fn token(&self) -> Result<Arc<Token>, Fault> {
        Ok(self.client.token().await?)
    }

    /// A whole renewal, the reading and leasing and writing of the record included: what a caller waits
    /// for whose token is at its end.
    async fn fetch(&self) -> Result<(), Fault> {
        self.bench.clock.jump(Duration::from_secs(24 * 3600));
        self.client.token().await?;
        Ok(())
    }

    async fn call(&self) -> Result<u16, Fault> {
        let request = Request::new(Method::GET, self.bench.api.clone());
        let answer = self.client.execute(request).await?;
        let status = answer.status().as_u16();
        answer.bytes().await?;
        Ok(status)
    }
}

/// The system's clock, whose ticks can be made to jump, so that a token is at its end.
#[derive(Debug, Default)]
struct JumpingClock {
    ahead_secs: AtomicU64,
}

impl JumpingClock {
    fn jump(&self, span: Duration) {
        self.ahead_secs.fetch_add(span.as_secs(), Ordering::Relaxed);
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }

    #[inline]
    fn ticks(&self) -> Duration {
        let ahead = self.ahead_secs.load(Ordering::Relaxed);
        SystemClock.ticks() + Duration::from_secs(ahead)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(span)
    }

    fn reach(&self, tick: Duration) -> BoxFuture<'static, ()> {
        let ahead = self.ahead_secs.load(Ordering::Relaxed);
        SystemClock.reach(tick.saturating_sub(Duration::from_secs(ahead)))
    }
}
