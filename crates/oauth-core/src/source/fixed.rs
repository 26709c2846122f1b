//! A token somebody else made: a bot token, an API key.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::env::Env;
use crate::error::{Error, ErrorKind, Recovery};
use crate::secret::{Secret, SecretRef};
use crate::source::status::{ConnectionState, ConnectionStatus, StatusChanges, Watched};
use crate::source::token_source::TokenSource;
use crate::token::{Facts, Scopes, Token, TokenParts, TokenType, header};

/// A token somebody else made. Where it stands in a file or a variable it is read at each use, so
/// that putting a new one there is all it takes.
pub struct FixedToken {
    env: Env,
    field: &'static str,
    reference: SecretRef,
    /// What the reference last held.
    last: ArcSwapOption<Token>,
    health: Mutex<Health>,
}

#[derive(Debug)]
struct Health {
    failed: Option<Error>,
    /// The token that the API refused last.
    refused: Option<Secret>,
    watched: Watched,
}

impl FixedToken {
    /// A token at that place. `field` is the setting's name, for errors.
    ///
    /// # Errors
    /// It cannot be read, or cannot stand in a header.
    pub fn new(env: &Env, field: &'static str, reference: SecretRef) -> Result<Self, Error> {
        let fixed = Self {
            env: env.clone(),
            field,
            reference,
            last: ArcSwapOption::empty(),
            health: Mutex::new(Health {
                failed: None,
                refused: None,
                watched: Watched::new(env.clock().now()),
            }),
        };
        fixed.read()?;
        Ok(fixed)
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how it went. A token that the API has refused stays so until another one stands there.
    fn noted(&self, outcome: Result<Arc<Token>, Error>) -> Result<Arc<Token>, Error> {
        let mut health = self.health();
        if let Ok(token) = &outcome
            && health.refused.as_ref() == Some(token.access_token())
        {
            return outcome;
        }
        let state = match &outcome {
            Ok(_) => ConnectionState::Healthy,
            Err(error) => ConnectionState::failed(error, false),
        };
        health.failed = outcome.as_ref().err().cloned();
        health
            .watched
            .note(state, outcome.as_ref().err(), self.env.clock().now());
        outcome
    }

    /// What stands there now.
    fn read(&self) -> Result<Arc<Token>, Error> {
        let secret = self
            .reference
            .read(self.env.secrets())
            .map_err(|fault| Error::config(self.field, fault))?;
        if let Some(last) = self.last.load_full()
            && last.access_token() == &secret
        {
            return Ok(last);
        }
        let token = Arc::new(bare(self.field, secret)?);
        self.last.store(Some(token.clone()));
        Ok(token)
    }

    fn take_another(&self, refused: &Token) -> Result<Arc<Token>, Error> {
        let token = self.read()?;
        if token.access_token() != refused.access_token() {
            return Ok(token); // somebody has put a new one there
        }
        self.health().refused = Some(token.access_token().clone());
        let problem = format!("{}: the API refuses this token", self.field);
        Err(Error::new(ErrorKind::Refused, problem)
            .remedy(format!("put a new token at {:?}", self.reference))
            .with_recovery(Recovery::FixConfig))
    }
}

/// A token that is known by its value alone.
fn bare(field: &str, secret: Secret) -> Result<Token, Error> {
    let header = header(TokenType::Bearer, &secret).ok_or_else(|| {
        let problem = "this token holds a space, a control character or something beyond ASCII (RFC 6750 2.1)";
        Error::config(field, problem).remedy("give the bare token, without `Bearer ` before it")
    })?;
    Ok(Token::new(TokenParts {
        access_token: secret,
        header,
        expires_at: None::<DateTime<Utc>>,
        scopes: Scopes::none(),
        missing: Scopes::none(),
        deviations: Vec::new(),
        facts: Facts::default(),
        bound: None,
    }))
}

/// Prints where the token is.
impl fmt::Debug for FixedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedToken")
            .field(self.field, &self.reference)
            .finish_non_exhaustive()
    }
}

impl TokenSource for FixedToken {
    fn cached(&self) -> Option<Arc<Token>> {
        self.reference
            .is_constant()
            .then(|| self.last.load_full())
            .flatten()
    }

    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, Error>> {
        let outcome = self.noted(self.read());
        std::future::ready(outcome).boxed()
    }

    fn replace<'a>(&'a self, refused: &'a Token) -> BoxFuture<'a, Result<Arc<Token>, Error>> {
        let outcome = self.noted(self.take_another(refused));
        std::future::ready(outcome).boxed()
    }

    fn status(&self) -> ConnectionStatus {
        let health = self.health();
        health.watched.status(health.failed.as_ref())
    }

    fn subscribe(&self) -> StatusChanges {
        let mut health = self.health();
        let failed = health.failed.clone();
        health.watched.subscribe(failed.as_ref())
    }
}
