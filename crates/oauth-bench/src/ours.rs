//! Our core, as a user calls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use oauth_core::client_auth::{Audience, ClientAuth, KeyConfig};
use oauth_core::clock::{Clock, SystemClock};
use oauth_core::grant::ClientCredentials;
use oauth_core::server::{AuthorizationServer, ResourceServer};
use oauth_core::{AuthorizedClient, Env, HttpSettings, RenewingToken, Secret, SecretRef, Token};
use serde_json::{Value, json};

use crate::call::Call;
use crate::subject::{Fault, Subject};

/// A client of an API with a token that is renewed.
#[derive(Debug)]
pub struct Ours {
    client: AuthorizedClient,
    clock: Arc<JumpingClock>,
}

/// What all our clients share.
#[derive(Debug)]
pub struct Shared {
    env: Env,
    clock: Arc<JumpingClock>,
    server: AuthorizationServer,
    api: ResourceServer,
    proof: Proof,
}

#[derive(Debug)]
enum Proof {
    Secret(SecretRef),
    Key(KeyConfig),
}

impl Shared {
    fn client(&self, tenant: Option<u64>) -> Result<ClientAuth, Fault> {
        let id = match tenant {
            Some(tenant) => format!("tenant-{tenant}"),
            None => "client".to_owned(),
        };
        Ok(match &self.proof {
            Proof::Secret(secret) => ClientAuth::secret_basic(&self.env, id, secret.clone())?,
            Proof::Key(key) => {
                ClientAuth::private_key_jwt(&self.env, id, key, Audience::TokenEndpoint)?
            }
        })
    }
}

impl Subject for Ours {
    type Shared = Shared;
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

    fn share(call: &Call) -> Result<Shared, Fault> {
        let clock = Arc::new(JumpingClock::default());
        let env = Env::builder(HttpSettings::loopback())
            .clock(clock.clone())
            .build()?;
        let proof = match call.algorithm() {
            None => Proof::Secret(SecretRef::given(Secret::new("s3cret"))),
            Some(algorithm) => {
                let file = call.key(algorithm)?;
                let source = format!("file:{}", file.display());
                let key = json!({"source": source, "algorithm": algorithm});
                Proof::Key(serde_json::from_value(key)?)
            }
        };
        Ok(Shared {
            server: AuthorizationServer::configured(&env, "token_url", &call.url("token"))?,
            api: ResourceServer::new(&env, "api_url", &call.url(""))?,
            env,
            clock,
            proof,
        })
    }

    async fn connect(shared: &Shared, tenant: Option<u64>) -> Result<Self, Fault> {
        let client = shared.client(tenant)?;
        let source = RenewingToken::client_credentials(
            &shared.env,
            shared.server.clone(),
            client,
            ClientCredentials::default(),
        )?;
        Ok(Self {
            client: AuthorizedClient::new(&shared.env, shared.api.clone(), source),
            clock: shared.clock.clone(),
        })
    }

    async fn token(&self) -> Result<Arc<Token>, Fault> {
        Ok(self.client.token().await?)
    }

    /// A whole renewal, the reading and leasing and writing of the record included: what a caller waits
    /// for whose token is at its end.
    async fn fetch(&self) -> Result<(), Fault> {
        self.clock.jump(Duration::from_secs(24 * 3600));
        self.client.token().await?;
        Ok(())
    }

    async fn call(&self) -> Result<u16, Fault> {
        let answer = self.client.get("api").send().await?;
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
