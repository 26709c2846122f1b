//! Playing one exchange: a real client, a server that misbehaves, and what is looked at afterwards.

use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm, KeyConfig};
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::server::{AuthorizationServer, ResourceServer};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_stage::{
    Answer, Authentication, Endpoint, Exchange as Seen, RegisteredClient, Socket, Step, Strict,
};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use url::form_urlencoded::byte_serialize;

use crate::canaries::Canaries;
use crate::exchange::{Ask, Exchange, Method, PATIENT, Presents, Reply, Server, Told};
use crate::support::{self, CLIENT, SCOPES, Wanted, given, strict_builder};

/// Where the servers live: on threads of their own, so that what they hold does not count.
pub static SERVERS: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
});

/// Trials with a deadline that is met have the machine to themselves.
pub static QUIET: RwLock<()> = RwLock::new(());

/// A key for all clients: making one takes long.
static KEY: LazyLock<(SigningKey, String)> = LazyLock::new(|| {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let pem = key.to_pkcs8_pem().unwrap().expose().to_owned();
    (key, pem)
});

const METHODS: [Method; 4] = [Method::Basic, Method::Post, Method::Hash, Method::Key];

/// A runtime for a client.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

struct Scene {
    exchange: Exchange,
    method: Method,
    canaries: Canaries,
    stage: Strict,
    socket: Option<Socket>,
    elsewhere: Socket,
    seed: String,
    clock: Arc<oauth_core::clock::ManualClock>,
}

/// Plays it, as the trial of that number among all.
pub fn play(exchange: &Exchange, number: usize) {
    let alone = exchange.deadline < PATIENT;
    let (_shared, _alone) = match alone {
        true => (
            None,
            Some(QUIET.write().unwrap_or_else(PoisonError::into_inner)),
        ),
        false => (
            Some(QUIET.read().unwrap_or_else(PoisonError::into_inner)),
            None,
        ),
    };
    let method = exchange.method.unwrap_or(METHODS[number % METHODS.len()]);
    let mut scene = Scene::set(exchange.clone(), method);
    let env = scene.env();
    let runtime = runtime();
    let began = Instant::now();
    let mut outcome = None;
    let mut source = None;
    let held = allocation_counter::measure(|| {
        runtime.block_on(async {
            let made = scene.source(&env);
            let asked =
                tokio::time::timeout(Duration::from_secs(30), scene.ask(&env, made.clone()));
            outcome = Some(asked.await.expect("it never ends"));
            source = Some(made);
        });
    });
    let passed = began.elapsed();
    let outcome = outcome.unwrap();
    let kind = outcome.as_ref().err().map(|error| error.kind().name());
    assert_eq!(kind, exchange.kind, "{outcome:?}");
    assert_eq!(scene.requests(), exchange.requests, "requests: {outcome:?}");
    let times = u32::try_from(exchange.requests.max(1)).unwrap();
    let bound = exchange.deadline * times + Duration::from_millis(100);
    assert!(passed <= bound, "it took {passed:?}, more than {bound:?}");
    assert!(held.bytes_max < exchange.memory, "it held {held:?}");
    assert_eq!(scene.elsewhere.connections(), 0, "it went elsewhere");
    if let Some(error) = outcome.as_ref().err() {
        let line = error.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.chars().count() < 2048, "{line}");
    }
    if let Some(which) = exchange.presents {
        runtime.block_on(scene.presents(which, &source.unwrap()));
    }
    scene.add_what_was_sent();
    scene.canaries.are_nowhere(outcome.as_ref().err());
    if let Some(then) = exchange.then {
        then(&Told {
            outcome,
            clock: scene.clock.clone(),
            stage: scene.stage.clone(),
        });
    }
    // a renewal that goes on belongs to this runtime
    drop(runtime);
}

impl Scene {
    fn set(exchange: Exchange, method: Method) -> Self {
        let mut canaries = Canaries::new();
        let clock = support::clock();
        let known = match method {
            Method::Basic => Authentication::SecretBasic(canaries.secret.clone()),
            Method::Post => Authentication::SecretPost(canaries.secret.clone()),
            Method::Hash => Authentication::secret_jwt(canaries.secret.clone()),
            Method::Key => {
                let (key, pem) = &*KEY;
                canaries.add_pem(pem);
                Authentication::private_key_jwt(json!({"keys": [key.public_jwk()]}))
            }
        };
        if method == Method::Basic {
            let id: String = byte_serialize(CLIENT.as_bytes()).collect();
            let secret: String = byte_serialize(canaries.secret.as_bytes()).collect();
            canaries.add(&STANDARD.encode(format!("{id}:{secret}")));
        }
        let client = RegisteredClient::new(CLIENT, known).scopes(SCOPES);
        let mut builder = strict_builder(&clock).client(client);
        if exchange.tls {
            builder = builder.tls();
        }
        let stage = SERVERS.block_on(builder.start()).unwrap();
        let seed = stage.issue_refresh_token(CLIENT, "read");
        canaries.add(&seed);
        let elsewhere = Socket::script(vec![Step::UntilPeerCloses]);
        let mut scene = Self {
            socket: None,
            elsewhere: SERVERS.block_on(elsewhere).unwrap(),
            exchange,
            method,
            canaries,
            stage,
            seed,
            clock,
        };
        scene.set_the_server();
        scene
    }

    fn set_the_server(&mut self) {
        let place = match self.exchange.ask {
            Ask::Credentials | Ask::Refresh(_) => Endpoint::Token,
            Ask::Discovery(oauth_core::server::DiscoveryKind::OAuth) => {
                Endpoint::AuthorizationServerMetadata
            }
            Ask::Discovery(_) => Endpoint::OpenIdConfiguration,
            Ask::Call => Endpoint::Api,
        };
        match &self.exchange.server {
            Server::Always(reply) => {
                let answer = self.answer(reply);
                self.stage.answer_always(place, Some(answer));
            }
            Server::Once(replies) => {
                for reply in replies {
                    self.stage.answer(place, self.answer(reply));
                }
            }
            Server::Script(scripts) => {
                let mut builder = Socket::builder();
                for script in scripts {
                    let steps = script.iter().map(|step| match step {
                        Step::Bytes(bytes) => Step::Bytes(self.filled(bytes)),
                        step => step.clone(),
                    });
                    builder = builder.connection(steps.collect());
                }
                if self.exchange.tls {
                    builder = builder.tls();
                }
                if let Some(protocol) = self.exchange.speaks {
                    builder = builder.protocol(protocol);
                }
                self.socket = Some(SERVERS.block_on(builder.start()).unwrap());
            }
            Server::Shows(certificate) => {
                let builder = Socket::builder()
                    .certificate(*certificate)
                    .connection(vec![Step::UntilPeerCloses]);
                self.socket = Some(SERVERS.block_on(builder.start()).unwrap());
            }
        }
    }

    fn answer(&self, reply: &Reply) -> Answer {
        let mut answer = Answer::status(reply.status).body(self.filled(&reply.body));
        for (name, value) in &reply.headers {
            let value = String::from_utf8(self.filled(value.as_bytes())).unwrap();
            answer = answer.header(name, &value);
        }
        answer
    }

    fn filled(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return bytes.to_vec();
        };
        if !text.contains('$') {
            return bytes.to_vec();
        }
        let mut text = text.to_owned();
        for (hole, value) in [
            ("$access", self.canaries.access.as_str()),
            ("$refresh", &self.canaries.refresh),
            ("$hidden", &self.canaries.hidden),
            ("$secret", &self.canaries.secret),
            ("$sent", &self.seed),
            ("$issuer", &self.stage.issuer()),
            ("$token", &self.stage.token_url()),
            ("$elsewhere", self.elsewhere.url()),
        ] {
            text = text.replace(hole, value);
        }
        if let Some((_, body)) = text.split_once("\r\n\r\n") {
            let length = body.len().to_string();
            text = text.replace("$length", &length);
        }
        text.into_bytes()
    }

    fn env(&self) -> Env {
        let exchange = &self.exchange;
        let pem = KEY.1.clone();
        let roots = self
            .socket
            .as_ref()
            .map_or(self.stage.ca_pem(), |socket| socket.ca_pem());
        support::builder(&self.clock, |settings| {
            settings.connect_timeout = exchange.deadline;
            settings.read_timeout = exchange.deadline;
            settings.request_timeout = exchange.deadline;
            settings.late_answer = Duration::from_millis(1);
            settings.ca_roots = roots.map(str::to_owned).into_iter().collect();
            settings.only_ca_roots = roots.is_some();
            (exchange.settings)(settings);
        })
        .variables(move |_| Some(pem.clone().into()))
        .build()
        .unwrap()
    }

    fn client(&self, env: &Env) -> ClientAuth {
        let secret = given(&self.canaries.secret);
        let audience = Audience::TokenEndpoint;
        match self.method {
            Method::Basic => ClientAuth::secret_basic(env, CLIENT, secret),
            Method::Post => ClientAuth::secret_post(env, CLIENT, secret),
            Method::Hash => {
                ClientAuth::secret_jwt(env, CLIENT, secret, HmacAlgorithm::HS256, audience)
            }
            Method::Key => {
                let config: KeyConfig = config::parse(json!({"source": "env:KEY"})).unwrap();
                ClientAuth::private_key_jwt(env, CLIENT, &config, audience)
            }
        }
        .unwrap()
    }

    fn source(&self, env: &Env) -> RenewingToken {
        let origin = self.socket.as_ref().map(|socket| {
            let secure = socket.url().replace("http://", "https://");
            match self.exchange.pretends_tls {
                true => secure,
                false => socket.url().to_owned(),
            }
        });
        let server = match self.exchange.ask {
            Ask::Discovery(kind) => {
                let issuer = origin.unwrap_or_else(|| self.stage.issuer());
                AuthorizationServer::discovered(env, "issuer", &issuer, kind)
            }
            Ask::Credentials | Ask::Refresh(_) => {
                let url = origin.map_or_else(
                    || self.stage.token_url(),
                    |origin| format!("{origin}/token?tenant={}", self.canaries.hidden),
                );
                AuthorizationServer::configured(env, "token_url", &url)
            }
            Ask::Call => AuthorizationServer::configured(env, "token_url", &self.stage.token_url()),
        };
        let wanted = Wanted::from(env, server.unwrap())
            .client(self.client(env))
            .scopes("read")
            .departing(self.exchange.departures);
        match self.exchange.ask {
            Ask::Refresh(policy) => wanted
                .departing(|departures| departures.lifetime.rotation = policy)
                .refreshing(&self.seed),
            _ => wanted.build(),
        }
    }

    async fn ask(
        &self,
        env: &Env,
        source: RenewingToken,
    ) -> Result<Option<Arc<oauth_core::token::Token>>, oauth_core::error::Error> {
        if self.exchange.ask != Ask::Call {
            return source.token().await.map(Some);
        }
        let origin = match &self.socket {
            Some(socket) => format!("{}/", socket.url()),
            None => self.stage.api_url(),
        };
        let api = ResourceServer::new(env, "api_url", &origin)?;
        let client = AuthorizedClient::new(env, api, source);
        client.get("x").send().await.map(|_| None)
    }

    fn requests(&self) -> usize {
        match &self.socket {
            Some(socket) => socket.requests().len(),
            None => self.stage.count(Endpoint::Any),
        }
    }

    /// What the renewal after this one presents.
    async fn presents(&self, which: Presents, source: &RenewingToken) {
        self.stage.answer_always(Endpoint::Token, None);
        self.clock.advance(Duration::from_secs(24 * 3600));
        let _ = source.token().await; // what was canned is no refresh token of the stage
        let log = self.stage.log();
        let presented = log.last().unwrap().parameter("refresh_token").unwrap();
        let expected = match which {
            Presents::Old => &self.seed,
            Presents::New => &self.canaries.refresh,
        };
        assert_eq!(log.len(), self.exchange.requests + 1);
        assert_eq!(&presented, expected, "{which:?}");
    }

    /// Assertions and tokens that went over the wire.
    fn add_what_was_sent(&mut self) {
        let mut sent = Vec::new();
        for request in self.stage.log() {
            sent.extend(signature(&request));
            let answer = request.answer_json().unwrap_or_default();
            for name in ["access_token", "refresh_token"] {
                sent.extend(answer[name].as_str().map(str::to_owned));
            }
        }
        for request in self.socket.iter().flat_map(Socket::requests) {
            let text = String::from_utf8_lossy(&request).into_owned();
            let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            let form = url::form_urlencoded::parse(body.as_bytes());
            let jws = form.filter(|(name, _)| name == "client_assertion");
            sent.extend(jws.filter_map(|(_, jws)| last_part(&jws)));
        }
        for secret in sent.iter().filter(|secret| secret.len() < 4096) {
            self.canaries.add(secret);
        }
    }
}

/// The signature alone: head and claims of an assertion are in every log of a server.
fn signature(request: &Seen) -> Option<String> {
    last_part(&request.parameter("client_assertion")?)
}

fn last_part(jws: &str) -> Option<String> {
    jws.rsplit('.').next().map(str::to_owned)
}
