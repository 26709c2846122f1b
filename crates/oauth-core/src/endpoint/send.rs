//! One attempt at a request.

use std::borrow::Cow;
use std::time::Duration;

use chrono::TimeDelta;
use http::HeaderMap;

use crate::binding::Bound;
use crate::client_auth::apply::Attempt;
use crate::dpop::Dpop;
use crate::dpop::proof::{DPOP, Statement, USE_NONCE};
use crate::endpoint::ServerEndpoints;
use crate::endpoint::request::{Answered, EndpointRequest};
use crate::endpoint::target::Target;
use crate::endpoint::wire::{Made, encode, rewrite};
use crate::error::{Error, ErrorKind};
use crate::http::url::origin;
use crate::http::{Failure, Pool};
use crate::retry::{ReplayClass, retry_after};
use crate::secret::Secret;
use crate::server::{BodyFormat, EndpointKind};
use crate::token::TokenType;
use crate::traffic::Reading;

/// What an attempt tells beside its outcome.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Whether it came so far as to be sent.
    pub is_sent: bool,
    /// How far ahead of this machine's clock what it signed was.
    pub signed_ahead: TimeDelta,
    /// What the answer says of the server's clock.
    pub reading: Option<Reading>,
    /// Whether it brought another nonce for proofs than the one that was sent.
    pub is_nonce_new: bool,
}

impl ServerEndpoints {
    /// One attempt, and one more where the server wants a nonce in the proof (RFC 9449 8): it has
    /// processed nothing then.
    pub(super) async fn attempt<R: EndpointRequest>(
        &self,
        request: &R,
        target: &Target,
        number: u32,
        not_after: Duration,
        told: &mut Told,
    ) -> Result<R::Answer, Failure> {
        let first = self
            .attempt_once(request, target, number, not_after, told)
            .await;
        match first {
            Err(failure) if told.is_nonce_new && wants_nonce(&failure.error) => {
                *told = Told::default();
                self.attempt_once(request, target, number, not_after, told)
                    .await
            }
            outcome => outcome,
        }
    }

    /// Authentication and proof are made anew, so that no `jti` is sent twice.
    async fn attempt_once<R: EndpointRequest>(
        &self,
        request: &R,
        target: &Target,
        number: u32,
        not_after: Duration,
        told: &mut Told,
    ) -> Result<R::Answer, Failure> {
        let class = request.replay_class();
        let departures = &self.server.departures;
        let asked_at = self.env.clock().now();
        let asked_tick = self.env.clock().ticks();
        let mut headers = HeaderMap::new();
        told.signed_ahead = self.ahead();
        let attempt = Attempt {
            now: asked_at
                .checked_add_signed(told.signed_ahead)
                .unwrap_or(asked_at),
            token_url: &target.token_url,
            issuer: target.issuer.as_deref(),
            departures,
            secrets: self.env.secrets(),
            patience: self.env.http().settings().request_timeout,
        };
        let mut parameters = request
            .parameters(&attempt)
            .await
            .map_err(Failure::unsent)?;
        let applied = self
            .client
            .apply(&attempt, &mut parameters, &mut headers)
            .await
            .map_err(Failure::unsent)?;
        let mut secrets: Vec<Secret> = parameters
            .secrets()
            .cloned()
            .chain(applied.secrets.iter().cloned())
            .collect();
        let bound = request.bound();
        let clients = match bound {
            Some(bound) => bound.clients.clone(),
            None => self.clients().map_err(Failure::unsent)?,
        };
        let is_token_request = request.endpoint() == EndpointKind::Token;
        let declared = match is_token_request {
            true => departures.request.of(request.is_refresh()),
            false => Cow::Owned(departures.request.elsewhere()),
        };
        let made = Made {
            url: &target.url,
            parameters: &parameters,
            headers,
            declared: &declared,
            format: match is_token_request {
                true => departures.response.format,
                false => BodyFormat::Json,
            },
            at: attempt.now,
        };
        let mut made = made.request().map_err(Failure::unsent)?;
        let dialect = self.server.dialect.as_deref().filter(|_| is_token_request);
        if let Some(dialect) = dialect {
            secrets.extend(rewrite(dialect, &mut made).map_err(Failure::unsent)?);
        }
        let mut built = encode(made, declared.encoding);
        let key = bound.and_then(|bound| bound.key.as_deref());
        let nonce = key.and_then(|_| self.env.nonces().of(&target.url));
        if let Some(key) = key {
            let statement = Statement {
                method: built.method(),
                url: built.url(),
                now: attempt.now,
                access_token: None,
                nonce: nonce.clone(),
                patience: attempt.patience,
            };
            let proof = key.prove(&statement).await.map_err(Failure::unsent)?;
            secrets.extend(proof.to_str().ok().map(Secret::new));
            built.headers_mut().insert(DPOP, proof);
        }
        if self.env.clock().ticks() > not_after {
            let problem = "the right to renew ran out before the request could be sent (was this process stopped?)";
            return Err(Failure::unsent(Error::new(ErrorKind::Timeout, problem)));
        }
        let settings = self.env.http().settings();
        let timeout = match class {
            ReplayClass::Safe => settings.request_timeout,
            // its callers have long been told of the timeout; what it brings is still kept
            _ => settings
                .request_timeout
                .saturating_add(settings.late_answer),
        };
        told.is_sent = true;
        let sent_tick = self.env.clock().ticks();
        let answer = self
            .env
            .http()
            .exchange_over(
                clients.as_deref(),
                built,
                pool(class, target, number),
                timeout,
                settings.body_limit,
            )
            .await?;
        told.reading = self.read_clock(&answer.headers, sent_tick);
        if key.is_some() {
            let brought = self.env.nonces().learn(&target.url, &answer.headers);
            told.is_nonce_new = brought.is_some() && brought != nonce;
        }
        let from = origin(&target.url);
        let answered = Answered {
            answer: &answer,
            asked_at,
            asked_tick,
            what: R::WHAT,
            from: &from,
            authentication: &applied,
            secrets: &secrets,
            token_types: self.token_types(bound),
            departures,
            dialect: self.server.dialect.as_deref(),
            now: attempt.now,
            retry_after: retry_after(&answer.headers, self.env.clock().now()),
        };
        request.read(&answered).map_err(Failure::answered)
    }

    /// The types of token that can be borne.
    fn token_types(&self, bound: Option<&Bound>) -> &'static [TokenType] {
        let dpop = self.server.dpop.as_deref();
        match bound.is_some_and(|bound| bound.key.is_some()) {
            false => &[TokenType::Bearer],
            true if dpop.is_some_and(Dpop::is_bearer_accepted) => {
                &[TokenType::Dpop, TokenType::Bearer]
            }
            true => &[TokenType::Dpop],
        }
    }

    /// What an answer that has just come says of the server's clock; it is learnt where that is wanted.
    fn read_clock(&self, headers: &HeaderMap, sent_tick: Duration) -> Option<Reading> {
        let (now, ticks) = (self.env.clock().now(), self.env.clock().ticks());
        let reading = Reading::of(headers, now, ticks.saturating_sub(sent_tick))?;
        if self.env.http().settings().learn_clock_skew {
            self.traffic.skew.learn(reading, now, ticks);
        }
        Some(reading)
    }
}

fn wants_nonce(error: &Error) -> bool {
    error.oauth().is_some_and(|oauth| oauth.code == USE_NONCE)
}

fn pool(class: ReplayClass, target: &Target, number: u32) -> Pool {
    match (target.foreign, class, number) {
        (true, ..) => Pool::Guarded,
        (false, ReplayClass::Safe, 1) => Pool::Shared,
        // a repeat leaves the connection that failed, as 421 asks for (RFC 9110 15.5.20)
        _ => Pool::Fresh,
    }
}
