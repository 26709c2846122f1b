//! What a client proves itself with, made when it is asked for.

use std::fmt::Display;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};
use oauth_stage::{Authentication, RegisteredClient};
use serde_json::{Value, json};

use crate::stage::world::World;

/// A client: its name, its secret, and what it has been given.
pub(crate) struct Identity {
    id: String,
    secret: String,
    /// Tells the files of several clients apart.
    number: usize,
    has_rsa_key: bool,
    scope: Mutex<String>,
    key: OnceLock<String>,
    refresh_token: OnceLock<String>,
    access_token: OnceLock<String>,
    config: OnceLock<Value>,
}

impl Identity {
    pub fn new(id: &str, secret: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            has_rsa_key: false,
            scope: Mutex::default(),
            key: OnceLock::new(),
            refresh_token: OnceLock::new(),
            access_token: OnceLock::new(),
            config: OnceLock::new(),
        }
    }

    pub fn with_rsa_key(self) -> Self {
        Self {
            has_rsa_key: true,
            ..self
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn config(&self, write: impl FnOnce() -> Value) -> Value {
        self.config.get_or_init(write).clone()
    }

    pub fn basic_secret(&self, world: &World, scopes: &[&str]) -> String {
        self.register(
            world,
            Authentication::SecretBasic(self.secret.clone()),
            scopes,
        );
        self.plant(world, "secret", &self.secret)
    }

    pub fn post_secret(&self, world: &World, scopes: &[&str]) -> String {
        self.register(
            world,
            Authentication::SecretPost(self.secret.clone()),
            scopes,
        );
        self.plant(world, "secret", &self.secret)
    }

    pub fn jwt_secret(&self, world: &World, scopes: &[&str]) -> String {
        self.register(
            world,
            Authentication::secret_jwt(self.secret.clone()),
            scopes,
        );
        self.plant(world, "secret", &self.secret)
    }

    pub fn public(&self, world: &World, scopes: &[&str]) {
        self.register(world, Authentication::None, scopes);
    }

    pub fn private_key(&self, world: &World, scopes: &[&str]) -> Value {
        let algorithm = if self.has_rsa_key {
            Algorithm::RS384
        } else {
            Algorithm::ES384
        };
        let pem = self.key.get_or_init(|| {
            if self.has_rsa_key {
                rsa_key()
            } else {
                new_key(algorithm)
            }
        });
        let options = KeyOptions {
            algorithm: Some(algorithm),
            ..KeyOptions::default()
        };
        let key = sure(
            "the key that was made",
            SigningKey::load(pem.as_bytes(), &options),
        );
        let jwks = json!({"keys": [key.public_jwk()]});
        self.register(world, Authentication::private_key_jwt(jwks), scopes);
        json!({"source": self.plant(world, "key", pem), "algorithm": algorithm.name()})
    }

    pub fn refresh_token(&self, world: &World, scopes: &[&str]) -> String {
        let issue = || {
            world
                .server
                .issue_refresh_token(&self.id, &scopes.join(" "))
        };
        let token = self.refresh_token.get_or_init(issue);
        self.remember_scope(scopes);
        self.plant(world, "refresh", token)
    }

    pub fn access_token(&self, world: &World, scopes: &[&str]) -> String {
        let issue = || world.server.issue_access_token(&self.id, &scopes.join(" "));
        let token = self.access_token.get_or_init(issue);
        self.remember_scope(scopes);
        self.plant(world, "access", token)
    }

    pub fn seed(&self) -> String {
        self.refresh_token.get().cloned().unwrap_or_default()
    }

    pub fn change_access_token(&self, world: &World) -> String {
        let token = self.another_access_token(world);
        self.plant(world, "access", &token);
        token
    }

    pub fn replace_key_file(&self, world: &World, content: &str) {
        self.plant(world, "key", content);
    }

    pub fn another_refresh_token(&self, world: &World) -> String {
        let token = world.server.issue_refresh_token(&self.id, &self.scope());
        self.plant(world, "another refresh", &token);
        token
    }

    pub fn another_access_token(&self, world: &World) -> String {
        let token = world.server.issue_access_token(&self.id, &self.scope());
        self.plant(world, "another access", &token);
        token
    }

    fn scope(&self) -> String {
        self.scope
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn remember_scope(&self, scopes: &[&str]) {
        *self.scope.lock().unwrap_or_else(PoisonError::into_inner) = scopes.join(" ");
    }

    fn register(&self, world: &World, authentication: Authentication, scopes: &[&str]) {
        let client = RegisteredClient::new(&self.id, authentication).scopes(scopes.iter().copied());
        self.remember_scope(scopes);
        sure(
            "registering a client at the stage",
            world.server.register(client),
        );
    }

    fn plant(&self, world: &World, what: &str, secret: &str) -> String {
        sure(
            "writing a secret",
            world.plant(&format!("client {} {what}", self.number), secret),
        )
    }
}

/// An RSA key takes long to make: one for all trials of a process.
pub(crate) fn rsa_key() -> String {
    static KEY: OnceLock<String> = OnceLock::new();
    let make = || {
        pem(&sure(
            "making an RSA key",
            SigningKey::generate_rsa(Algorithm::RS384, 2048),
        ))
    };
    KEY.get_or_init(make).clone()
}

fn new_key(algorithm: Algorithm) -> String {
    pem(&sure("making a key", SigningKey::generate(algorithm)))
}

fn pem(key: &SigningKey) -> String {
    sure("writing a key", key.to_pkcs8_pem())
        .expose()
        .to_owned()
}

/// A text that nothing else holds, of 128 random bits and letters that no encoding changes.
pub(crate) fn random(prefix: &str) -> String {
    let draw = || RandomState::new().hash_one(prefix);
    format!("{prefix}{:016x}{:016x}", draw(), draw())
}

/// # Panics
/// The stage cannot be set: the trial has failed before it began.
#[track_caller]
#[expect(
    clippy::panic,
    reason = "a subject's config has no way to fail, and the trial reports it"
)]
fn sure<T, E: Display>(what: &str, result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error}"))
}
