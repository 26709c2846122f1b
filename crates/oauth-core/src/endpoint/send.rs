//! One attempt at a request.

use std::borrow::Cow;
use std::time::Duration;

use chrono::TimeDelta;
use http::HeaderMap;

use crate::client_auth::apply::Attempt;
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
}

impl ServerEndpoints {
    /// One attempt: authentication is made anew, so that no `jti` is sent twice.
    pub(super) async fn attempt<R: EndpointRequest>(
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
        if self.env.clock().ticks() > not_after {
            let problem = "the right to renew ran out before the request could be sent (was this process stopped?)";
            return Err(Failure::unsent(Error::new(ErrorKind::Timeout, problem)));
        }
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
        let built = encode(made, declared.encoding);
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
            .exchange(
                built,
                pool(class, target, number),
                timeout,
                settings.body_limit,
            )
            .await?;
        told.reading = self.read_clock(&answer.headers, sent_tick);
        let from = origin(&target.url);
        let answered = Answered {
            answer: &answer,
            asked_at,
            asked_tick,
            what: R::WHAT,
            from: &from,
            authentication: &applied,
            secrets: &secrets,
            departures,
            dialect: self.server.dialect.as_deref(),
            now: attempt.now,
            retry_after: retry_after(&answer.headers, self.env.clock().now()),
        };
        request.read(&answered).map_err(Failure::answered)
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

fn pool(class: ReplayClass, target: &Target, number: u32) -> Pool {
    match (target.foreign, class, number) {
        (true, ..) => Pool::Guarded,
        (false, ReplayClass::Safe, 1) => Pool::Shared,
        // a repeat leaves the connection that failed, as 421 asks for (RFC 9110 15.5.20)
        _ => Pool::Fresh,
    }
}
