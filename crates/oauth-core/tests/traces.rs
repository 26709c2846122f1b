//! What the log says of token requests, and what it never says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod support;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm, KeyConfig};
use oauth_core::clock::ManualClock;
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::server::{DiscoveryKind, ResourceServer};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_stage::{Answer, Authentication, Endpoint, RegisteredClient, Strict};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use crate::support::{CLIENT, SCOPES, Wanted, builder, clock, given, strict, strict_builder};

/// Everything that anything in this process has logged.
static TAPE: Mutex<String> = Mutex::new(String::new());

struct Recorder;

impl io::Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        TAPE.lock()
            .unwrap()
            .push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}\n", record.target(), record.args());
        TAPE.lock().unwrap().push_str(&line);
    }

    fn flush(&self) {}
}

/// Records the events of all crates from now on, at every level.
fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_writer(|| Recorder)
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log::set_logger(&Recorder).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

fn tape() -> String {
    TAPE.lock().unwrap().clone()
}

/// The events of the token requests to that server.
fn requests_to(server: &str) -> Vec<String> {
    let target = format!("target_system=\"{server}\"");
    tape()
        .lines()
        .filter(|line| line.contains(&target) && line.contains(": token request "))
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn assert_told(server: &str, grant: &str, outcomes: &[&str]) {
    let events = requests_to(server);
    assert_eq!(events.len(), outcomes.len(), "{events:#?}");
    for (position, (event, outcome)) in events.iter().zip(outcomes).enumerate() {
        for part in [
            format!("grant=\"{grant}\""),
            format!("attempt={}", position + 1),
            format!("outcome=\"{outcome}\""),
            "duration_ms=".to_owned(),
        ] {
            assert!(event.contains(&part), "{part} is not in: {event}");
        }
    }
}

#[tokio::test]
async fn every_attempt_is_an_event_that_says_what_came_of_it() {
    record();
    let clock = clock();
    let env = support::env(&clock);

    let stage = strict(&clock).await;
    Wanted::of(&env, &stage).token().await.unwrap();
    assert_told(&stage.token_url(), "client_credentials", &["ok"]);

    let stage = strict(&clock).await;
    stage.answer(Endpoint::Token, Answer::status(503));
    stage.lose_answer(Endpoint::Token);
    Wanted::of(&env, &stage).token().await.unwrap();
    assert_told(
        &stage.token_url(),
        "client_credentials",
        &["Interrupted", "ok"],
    );

    let stage = strict(&clock).await;
    let refusal = Answer::json(401, &json!({"error": "invalid_client"}));
    stage.answer_always(Endpoint::Token, Some(refusal));
    Wanted::of(&env, &stage).token().await.unwrap_err();
    assert_told(&stage.token_url(), "client_credentials", &["OAuth"]);

    let stage = strict(&clock).await;
    let seed = stage.issue_refresh_token(CLIENT, "read");
    Wanted::of(&env, &stage)
        .refreshing(&seed)
        .token()
        .await
        .unwrap();
    assert_told(&stage.token_url(), "refresh_token", &["ok"]);
}

#[tokio::test]
async fn a_lookup_is_an_event_that_says_what_came_of_it() {
    record();
    let clock = clock();
    let stage = strict(&clock).await;
    let metadata = Endpoint::AuthorizationServerMetadata;
    stage.answer(metadata, Answer::status(503));
    let env = support::env(&clock);
    let wanted = Wanted::discovered(&env, &stage.issuer(), DiscoveryKind::OAuth);
    wanted.token().await.unwrap();
    let target = format!("target_system=\"{}\"", stage.url());
    let tape = tape();
    let events: Vec<&str> = tape
        .lines()
        .filter(|line| line.contains(": discovery ") && line.contains(&target))
        .collect();
    assert_eq!(events.len(), 2, "{events:#?}");
    assert!(
        events[0].contains("attempt=1 outcome=\"Http\" duration_ms="),
        "{}",
        events[0]
    );
    assert!(
        events[1].contains("attempt=2 outcome=\"ok\" duration_ms="),
        "{}",
        events[1]
    );
    assert_told(&stage.issuer(), "client_credentials", &["ok"]);
}

/// A word of this run that stands nowhere by chance.
fn canary(name: &str) -> String {
    let mut bytes = [0; 12];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    format!("canary-{name}-{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// Every form in which a value goes over the wire, or is printed.
fn forms(secret: &str) -> Vec<String> {
    let encoded: String = byte_serialize(secret.as_bytes()).collect();
    let bytes = secret.as_bytes().escape_ascii().to_string();
    vec![
        secret.to_owned(),
        encoded,
        bytes,
        STANDARD.encode(secret),
        format!("{:?}", secret.as_bytes())
            .trim_matches(['[', ']'])
            .to_owned(),
    ]
}

/// A server over TLS, a client that proves who it is in this way, and what must not be told.
struct Case {
    stage: Strict,
    clock: Arc<ManualClock>,
    env: Env,
    client: ClientAuth,
    secrets: Vec<String>,
}

impl Case {
    async fn new(method: &str) -> Self {
        let clock = clock();
        let stage = strict_builder(&clock).tls().start().await.unwrap();
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let pem = key.to_pkcs8_pem().unwrap().expose().to_owned();
        let variable = pem.clone();
        let env = builder(&clock, |settings| {
            settings.ca_roots = vec![stage.ca_pem().unwrap().to_owned()];
        })
        .variables(move |_| Some(variable.clone().into()))
        .build()
        .unwrap();
        let secret = format!("{}/+=% é", canary("secret"));
        let audience = Audience::TokenEndpoint;
        let (client, known) = match method {
            "basic" => (
                ClientAuth::secret_basic(&env, CLIENT, given(&secret)),
                Authentication::SecretBasic(secret.clone()),
            ),
            "post" => (
                ClientAuth::secret_post(&env, CLIENT, given(&secret)),
                Authentication::SecretPost(secret.clone()),
            ),
            "hash" => (
                ClientAuth::secret_jwt(
                    &env,
                    CLIENT,
                    given(&secret),
                    HmacAlgorithm::HS256,
                    audience,
                ),
                Authentication::secret_jwt(secret.clone()),
            ),
            _ => {
                let config: KeyConfig = config::parse(json!({"source": "env:KEY"})).unwrap();
                (
                    ClientAuth::private_key_jwt(&env, CLIENT, &config, audience),
                    Authentication::private_key_jwt(json!({"keys": [key.public_jwk()]})),
                )
            }
        };
        stage
            .register(RegisteredClient::new(CLIENT, known).scopes(SCOPES))
            .unwrap();
        let pair = format!(
            "{}:{secret}",
            byte_serialize(CLIENT.as_bytes()).collect::<String>()
        );
        let mut secrets = forms(&secret);
        secrets.push(STANDARD.encode(pair));
        secrets.extend(
            pem.lines()
                .filter(|line| !line.starts_with('-'))
                .map(str::to_owned),
        );
        Self {
            stage,
            clock,
            env,
            client: client.unwrap(),
            secrets,
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted::of(&self.env, &self.stage).client(self.client.clone())
    }

    /// Calls the API with a token of its own; what comes of it is the caller's matter.
    async fn call(&self, source: RenewingToken) {
        let api = ResourceServer::new(&self.env, "api_url", &self.stage.api_url()).unwrap();
        let client = AuthorizedClient::new(&self.env, api, source);
        let _ = client.post("echo?x=y").json(&json!({"a": 1})).send().await;
        self.clock.advance(Duration::from_secs(4000));
    }

    /// What went over the wire and must not be told either.
    fn sent(&self) -> Vec<String> {
        let mut sent = Vec::new();
        for request in self.stage.log() {
            let assertion = request.parameter("client_assertion");
            // the signature alone: head and claims are in every log of a server
            sent.extend(assertion.and_then(|jws| jws.rsplit('.').next().map(str::to_owned)));
            sent.extend(request.parameter("refresh_token"));
            let answer = request.answer_json().unwrap_or_default();
            let tokens = ["access_token", "refresh_token"].map(|name| answer[name].clone());
            sent.extend(tokens.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        sent.iter().flat_map(|secret| forms(secret)).collect()
    }
}

/// Everything a server was sent, encoded and decoded.
fn echo(call: &oauth_stage::Call) -> String {
    let mut echo = String::from_utf8_lossy(call.body()).into_owned();
    for (name, value) in call.form() {
        echo.push_str(&format!(" {name}={value}"));
    }
    echo.push(' ');
    echo.push_str(call.header("authorization").unwrap_or_default());
    echo
}

/// Answers that send back what was sent.
const REFUSALS: [fn(&str) -> Answer; 9] = [
    |echo| {
        Answer::json(
            401,
            &json!({"error": "invalid_client", "error_description": echo}),
        )
    },
    |echo| Answer::json(400, &json!({"error": "invalid_request", "error_uri": echo})),
    |echo| Answer::json(400, &json!({"error": echo.get(..120)})),
    |echo| Answer::json(200, &json!({"error": "no", "error_description": echo})),
    |echo| Answer::json(200, &json!({"access_token": 7, "refresh_token": echo})),
    |echo| {
        Answer::json(
            200,
            &json!({"access_token": "canary-of-a-token-of-nobody", "token_type": "Bearer", echo: 1}),
        )
    },
    |echo| Answer::text(200, "text/html", echo.to_owned()),
    |echo| Answer::text(500, "text/html", echo.to_owned()),
    |echo| {
        let encoded: String = byte_serialize(echo.as_bytes()).collect();
        Answer::status(302).header("location", &format!("https://a.example/?{encoded}"))
    },
];

#[tokio::test]
async fn rotated_refresh_tokens_in_memory_alone_are_warned_of_once() {
    record();
    let clock = clock();
    let stage = strict_builder(&clock)
        .rotation(oauth_stage::Rotation::Rotate {
            grace: Duration::ZERO,
        })
        .start()
        .await
        .unwrap();
    let seed = stage.issue_refresh_token(CLIENT, "read");
    let source = Wanted::of(&support::env(&clock), &stage)
        .scopes("read")
        .refreshing(&seed);
    let count = || tape().matches("are kept in memory alone").count();
    let before = count();
    for _ in 0..3 {
        source.token().await.unwrap();
        clock.advance(Duration::from_secs(3600));
    }
    assert_eq!(count(), before + 1);
}

#[tokio::test]
async fn no_crate_tells_a_secret_at_any_level() {
    record();
    let purpose = [canary("by-tracing"), canary("by-log")];
    tracing::trace!(secret = %purpose[0], "on purpose");
    log::trace!(target: "purpose", "{}", purpose[1]);
    assert!(purpose.iter().all(|canary| tape().contains(canary)));

    let mut secrets = BTreeSet::new();
    for method in ["basic", "post", "hash", "key"] {
        let case = Case::new(method).await;
        case.call(case.wanted().build()).await;
        let seed = case.stage.issue_refresh_token(CLIENT, "read");
        case.call(case.wanted().refreshing(&seed)).await;
        assert_eq!(case.stage.count(Endpoint::Api), 2, "{method}");
        for request in case.stage.log() {
            assert_eq!(request.status(), Some(200), "{request}");
        }
        for refusal in REFUSALS {
            case.stage
                .on("/token", move |call| Some(refusal(&echo(call))));
            case.call(case.wanted().build()).await;
        }
        secrets.extend(case.secrets.iter().cloned());
        secrets.extend(case.sent());
    }

    let tape = tape();
    for crate_name in ["oauth_core", "h2::"] {
        assert!(
            tape.contains(crate_name),
            "{crate_name} tells nothing: is it recorded?"
        );
    }
    assert!(secrets.len() > 100);
    for secret in secrets {
        if tape.contains(&secret) {
            let line = tape.lines().find(|line| line.contains(&secret));
            panic!("{secret} is in: {line:?}");
        }
    }
}
