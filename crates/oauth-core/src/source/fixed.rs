//! A token somebody else made: a bot token, an API key.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::env::Env;
use crate::error::{Error, ErrorKind, Recovery};
use crate::secret::{Secret, SecretRef};
use crate::source::token_source::TokenSource;
use crate::token::{Scopes, Token, TokenParts, bearer};

/// A token somebody else made. Where it stands in a file or a variable it is read at each use, so
/// that putting a new one there is all it takes.
pub struct FixedToken {
    env: Env,
    field: &'static str,
    reference: SecretRef,
    /// What the reference last held.
    last: ArcSwapOption<Token>,
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
        };
        fixed.read()?;
        Ok(fixed)
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
        let problem = format!("{}: the API refuses this token", self.field);
        Err(Error::new(ErrorKind::Refused, problem)
            .remedy(format!("put a new token at {:?}", self.reference))
            .with_recovery(Recovery::FixConfig))
    }
}

/// A token that is known by its value alone.
fn bare(field: &str, secret: Secret) -> Result<Token, Error> {
    let header = bearer(&secret).ok_or_else(|| {
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
        let read = self.read();
        std::future::ready(read).boxed()
    }

    fn replace<'a>(&'a self, refused: &'a Token) -> BoxFuture<'a, Result<Arc<Token>, Error>> {
        std::future::ready(self.take_another(refused)).boxed()
    }
}
