//! What comes of a user who was sent to the authorization server: a code, then tokens.

use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;
use url::Url;

use crate::authorize::answered::REMEMBERED;
use crate::authorize::{
    AuthorizationCode, AuthorizationRequest, Callback, LoopbackListener, PendingAuthorization,
    fresh, unbound,
};
use crate::client_auth::HmacAlgorithm;
use crate::env::Env;
use crate::error::{BindingFault, Error, ErrorKind, ProtocolFault, Recovery};
use crate::grant::Grant;
use crate::id_token::{self, DEFAULT_ALGORITHMS, Expected, IdToken};
use crate::jarm;
use crate::jwks::{RemoteKeys, algorithm};
use crate::jwt::{self, LEEWAY, SignedBy, TokenType, Verified};
use crate::oauth_client::{OAuthClient, TokenResponse};
use crate::secret::Secret;
use crate::server::{AuthorizationServer, EndpointKind};
use crate::signing_key::Algorithm;

/// What a code was redeemed for. It is the user's whose session began it, and nobody else's (RFC 9700 4.7).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Redeemed {
    /// The tokens.
    pub tokens: TokenResponse,
    /// Who logged in, checked, where `openid` was asked for (OpenID Connect Core 3.1.3.7).
    pub id_token: Option<IdToken>,
}

impl OAuthClient {
    /// Judges what came to the redirect URI, as [`PendingAuthorization::callback`] does, also where it is
    /// signed (JARM); and takes no answer twice, as far as this [`Env`] can see, and none more than an hour after
    /// the user was sent away.
    ///
    /// # Errors
    /// As [`PendingAuthorization::callback`]; [`ErrorKind::Jwt`] and [`ErrorKind::Jwks`]: the signed answer is
    /// refused, or there is no key to check it with.
    pub async fn callback(
        &self,
        pending: PendingAuthorization,
        session: &Secret,
        came: Callback,
    ) -> Result<AuthorizationCode, Error> {
        self.check_mine(pending.authority(), pending.client_id())?;
        let age = self.env().clock().now() - pending.begun_at();
        if age.to_std().is_ok_and(|age| age >= REMEMBERED) {
            let problem =
                "this login was begun more than an hour ago, and its answer is no longer taken";
            return Err(Error::new(ErrorKind::LoggedOut, problem)
                .remedy("let the user begin the login again"));
        }
        let state = pending.state().clone();
        let judged = match pending.response_mode().is_signed() {
            false => pending.callback(session, came),
            true => self.signed(pending, session, came).await,
        };
        let is_answer = match &judged {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::OAuth,
        };
        let ticks = self.env().clock().ticks();
        if is_answer && !self.env().answered().is_first(&state, ticks) {
            let problem = "it was answered before, and an answer counts once";
            return Err(
                unbound(BindingFault::State, problem).remedy("let the user begin the login again")
            );
        }
        judged
    }

    async fn signed(
        &self,
        pending: PendingAuthorization,
        session: &Secret,
        came: Callback,
    ) -> Result<AuthorizationCode, Error> {
        let response = pending.response(session, came)?;
        let issuer = pending.issuer().ok_or_else(no_issuer)?;
        let keys = self.keys().await?;
        let wanted = TokenType::Jwt;
        let verified = jwt::verify_remote(
            self.env(),
            response.expose(),
            &keys,
            &Algorithm::ALL,
            wanted,
        )
        .await?;
        let now = self.env().clock().now();
        let pairs = jarm::parameters(&verified, issuer, &self.client().id, now, LEEWAY)?;
        pending.settle_signed(pairs)
    }

    /// Redeems a code (RFC 6749 4.1.3): one request, to the server that the user was sent to. It is not
    /// repeated where the server may have processed it. The ID token is checked, with keys that are looked up
    /// before; where it is refused, the tokens are dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Binding`]: the code is another server's or client's; nothing was sent. The server refuses:
    /// where the code is spent or has expired, [`Recovery::LogInAgain`]. [`ErrorKind::Ambiguous`]: the answer
    /// was lost, and the code is spent; log in again. [`ErrorKind::Jwt`]: the ID token is not the one that was
    /// asked for.
    pub async fn redeem(&self, code: AuthorizationCode) -> Result<Redeemed, Error> {
        self.check_mine(code.authority(), code.client_id())?;
        let (grant, login) = code.into_grant();
        let bound = self.endpoints().binding_of(login.proof_key.as_ref())?;
        let checks = match &login.nonce {
            None => None,
            Some(nonce) => Some((nonce, self.checks().await.map_err(gone)?)),
        };
        let grant = Grant::AuthorizationCode(grant);
        let tokens = self.ask_bound(&grant, false, bound).await.map_err(spent)?;
        let id_token = match checks {
            None => None,
            Some((nonce, checks)) => {
                let mut expected = Expected::new(&checks.issuer, &self.client().id);
                expected.nonce = Some(nonce);
                expected.code = Some(&login.code);
                expected.access_token = Some(&tokens.access_token);
                let acr_values: Vec<&str> = login.acr_values.iter().map(String::as_str).collect();
                expected.acr_values = &acr_values;
                expected.max_age = login.max_age.and_then(|age| TimeDelta::from_std(age).ok());
                let id_token = self.id_token(&tokens, &checks, &expected).await;
                id_token.map_err(gone)?
            }
        };
        Ok(Redeemed { tokens, id_token })
    }

    /// What an ID token is checked with: looked up before the code is spent, so that no tokens are lost where
    /// it cannot be had.
    async fn checks(&self) -> Result<Checks, Error> {
        let issuer = self.endpoints().issuer().await?.ok_or_else(no_issuer)?;
        if let Some(algorithm) = self.server().departures.authorization.id_token_hmac {
            let secret = self.secret_of_id_tokens()?;
            let by = By::Secret { secret, algorithm };
            return Ok(Checks { issuer, by });
        }
        let facts = self.endpoints().facts().await?;
        let published = facts.id_token_signing_alg_values_supported;
        let published = published.unwrap_or_default();
        let mut algorithms: Vec<Algorithm> = published
            .iter()
            .filter_map(|name| algorithm(name))
            .collect();
        if algorithms.is_empty() {
            algorithms = DEFAULT_ALGORITHMS.to_vec();
        }
        let keys = self.keys().await?;
        keys.keys(self.env()).await?;
        let by = By::Keys { algorithms, keys };
        Ok(Checks { issuer, by })
    }

    /// Logs the user of this machine in: begins an authorization whose answer comes to that listener, has
    /// `open` show the URL, waits for the answer and redeems the code.
    ///
    /// ```no_run
    /// use oauth_core::authorize::{AuthorizationRequest, LoopbackListener, LoopbackSettings};
    /// use oauth_core::oauth_client::OAuthClient;
    ///
    /// # async fn run(client: OAuthClient) -> Result<(), oauth_core::Error> {
    /// let listener = LoopbackListener::bind(LoopbackSettings::default()).await?;
    /// let request = AuthorizationRequest::new(listener.redirect_uri());
    /// let redeemed = client.log_in(listener, &request, |url| println!("open {url}")).await?;
    /// # drop(redeemed); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`authorization`](Self::authorization), [`LoopbackListener::wait`], [`callback`](Self::callback) and
    /// [`redeem`](Self::redeem).
    pub async fn log_in(
        &self,
        listener: LoopbackListener,
        request: &AuthorizationRequest,
        open: impl FnOnce(&Url),
    ) -> Result<Redeemed, Error> {
        let session = fresh()?; // this call's own
        let (url, pending) = self.authorization(request, &session).await?;
        open(&url);
        let judge = |pending, came| async {
            let code = self.callback(pending, &session, came).await?;
            self.redeem(code).await
        };
        listener.wait(pending, judge).await
    }

    /// An answer, and a code, count at the server that the user was sent to (RFC 9700 4.4.2).
    fn check_mine(&self, authority: &str, client_id: &str) -> Result<(), Error> {
        if authority == self.server().authority() && client_id == self.client().id {
            return Ok(());
        }
        let problem = "the user was sent to another server, or by another client";
        Err(unbound(BindingFault::Context, problem))
    }

    async fn id_token(
        &self,
        tokens: &TokenResponse,
        checks: &Checks,
        expected: &Expected<'_>,
    ) -> Result<Option<IdToken>, Error> {
        let Some(id_token) = &tokens.id_token else {
            if !tokens.scopes.contains("openid") {
                return Ok(None); // it was not granted
            }
            let problem = "`id_token` is missing from the token answer, although `openid` was granted (OpenID \
                 Connect Core 3.1.3.3)";
            let fault = ErrorKind::Protocol(ProtocolFault::MissingField);
            return Err(Error::new(fault, problem)
                .remedy("if nobody needs to know who logged in, do not ask for `openid`"));
        };
        let verified = self.verified(id_token, &checks.by).await?;
        id_token::validate(&verified, expected, self.env().clock().now()).map(Some)
    }

    async fn verified(&self, id_token: &Secret, by: &By) -> Result<Verified, Error> {
        match by {
            By::Keys { algorithms, keys } => {
                let token = id_token.expose();
                jwt::verify_remote(self.env(), token, keys, algorithms, TokenType::Jwt).await
            }
            By::Secret { secret, algorithm } => {
                let by = SignedBy::Secret {
                    secret,
                    algorithm: *algorithm,
                };
                jwt::verify(id_token.expose(), by, TokenType::Jwt)
            }
        }
    }

    /// The client's own secret, where ID tokens are declared to be signed with it.
    fn secret_of_id_tokens(&self) -> Result<Secret, Error> {
        let secret = self.client().shared_secret().ok_or_else(|| {
            let problem =
                "ID tokens are declared to be signed with the client's secret, and it has none";
            Error::config("departures.authorization.id_token_hmac", problem)
                .remedy("take it out, or let the client authenticate with its secret")
        })?;
        secret
            .read(self.env().secrets())
            .map_err(|fault| Error::config("client_secret", fault).with_kind(ErrorKind::Credential))
    }

    /// The keys that the server publishes.
    async fn keys(&self) -> Result<Arc<RemoteKeys>, Error> {
        let (url, is_foreign) = self.endpoints().locate(EndpointKind::Jwks).await?;
        let mut keys = self.logins.keys.lock().await;
        if let Some((known, keys)) = &*keys
            && *known == url
        {
            return Ok(keys.clone());
        }
        let made = Arc::new(RemoteKeys::located(url.clone(), is_foreign));
        *keys = Some((url, made.clone()));
        Ok(made)
    }
}

fn no_issuer() -> Error {
    let problem =
        "what the server signs names its issuer, and that is neither configured nor discovered";
    Error::config("issuer", problem).remedy("set `issuer`")
}

/// What an ID token is checked with.
struct Checks {
    issuer: String,
    by: By,
}

/// Who signs ID tokens.
enum By {
    /// The server, with keys that it publishes.
    Keys {
        algorithms: Vec<Algorithm>,
        keys: Arc<RemoteKeys>,
    },
    /// The server, with the client's own secret.
    Secret {
        secret: Secret,
        algorithm: HmacAlgorithm,
    },
}

/// A code that was refused brings nothing any more.
fn spent(error: Error) -> Error {
    match error.oauth().map(|oauth| oauth.code.as_str()) {
        Some("invalid_grant") => error.with_recovery(Recovery::LogInAgain).remedy(
            "the code is spent, has expired, or is not of this client and redirect URI: let the user log in again",
        ),
        _ => gone(error),
    }
}

/// The code went into the call: what passes by itself is tried again with another one.
fn gone(error: Error) -> Error {
    match error.recovery() {
        Recovery::Retry { .. } => error
            .with_recovery(Recovery::LogInAgain)
            .remedy("let the user log in again when it has passed"),
        _ => error,
    }
}

/// What all clients at one server share about logins.
#[derive(Default)]
pub(super) struct Logins {
    keys: tokio::sync::Mutex<Option<(Url, Arc<RemoteKeys>)>>,
}

impl Logins {
    pub fn of(env: &Env, server: &AuthorizationServer) -> Arc<Self> {
        env.shared(&format!("logins {}", server.authority()), Self::default)
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logins")
    }
}
