//! Documents that a server publishes: fetched, kept while they are fresh, by one caller at a time.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderValue, Method};
use tokio::sync::Mutex;
use url::Url;

use crate::env::Env;
use crate::error::{DiscoveryFault, Error, ErrorKind, ProtocolFault, Recovery};
use crate::http::url::{origin, shown};
use crate::http::{Answer, Failure, Pool};
use crate::retry::{Attempts, ReplayClass, Verdict, retry_after};

/// A document is taken for at least that long, and at most for [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How long a document is taken that does not say.
const USUAL: Duration = Duration::from_secs(3600);
/// How long nobody looks again after a failure: no longer than a server that returns may be missed.
const AFTER_FAILURE: Duration = Duration::from_secs(4);
/// How long nobody looks before time again, whatever came of it.
const AFTER_ANOTHER_LOOK: Duration = Duration::from_secs(60);

/// What is fetched, and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// In one or two words, for logs and errors.
    pub what: &'static str,
    pub url: &'a Url,
    pub pool: Pool,
    /// The media types that are asked for.
    pub accept: &'static str,
    /// The most bytes of it.
    pub limit: usize,
    /// What to do where the server has no such document.
    pub if_missing: &'static str,
    /// What to do about an answer that is no document.
    pub if_broken: &'static str,
}

impl Wanted<'_> {
    /// What was being done, for errors.
    pub fn context(&self) -> String {
        format!("{} at {}", self.what, shown(self.url))
    }
}

/// Fetches a document, in as many attempts as anything that changes nothing.
///
/// # Errors
/// Those of a request; and any other status than 200.
pub(crate) async fn fetch(env: &Env, wanted: Wanted<'_>) -> Result<Answer, Error> {
    let settings = env.http().settings();
    let mut attempts = Attempts::new(
        ReplayClass::Safe,
        env.clock().ticks(),
        settings.overall_timeout,
    );
    loop {
        let attempt = attempts.begin();
        let started = env.clock().ticks();
        let outcome = fetch_once(env, wanted).await;
        let millis = env.clock().ticks().saturating_sub(started).as_millis();
        let (kind, target) = (
            outcome
                .as_ref()
                .err()
                .map_or("ok", |f| f.error.kind().name()),
            origin(wanted.url),
        );
        tracing::debug!(
            target_system = target,
            attempt,
            outcome = kind,
            duration_ms = millis,
            "{}",
            wanted.what
        );
        match outcome {
            Ok(answer) => return Ok(answer),
            Err(failure) => match attempts.judge(&failure, env.clock().ticks()) {
                Verdict::Again(pause) => env.clock().sleep(pause).await,
                Verdict::Stop(error) => return Err(error.context(wanted.context())),
            },
        }
    }
}

async fn fetch_once(env: &Env, wanted: Wanted<'_>) -> Result<Answer, Failure> {
    let mut request = reqwest::Request::new(Method::GET, wanted.url.clone());
    let accept = HeaderValue::from_static(wanted.accept);
    request.headers_mut().insert(http::header::ACCEPT, accept);
    let settings = env.http().settings();
    let limit = wanted.limit.min(settings.body_limit);
    let answer = env
        .http()
        .exchange(request, wanted.pool, settings.request_timeout, limit)
        .await
        .map_err(|failure| no_document(failure, wanted.if_broken))?;
    let status = answer.status.as_u16();
    if status == 200 {
        return Ok(answer);
    }
    let (kind, recovery) = match status {
        408 | 429 | 500..=599 => {
            let after = retry_after(&answer.headers, env.clock().now());
            (ErrorKind::Http, Recovery::Retry { after })
        }
        _ => (
            ErrorKind::Discovery(DiscoveryFault::Missing),
            Recovery::FixConfig,
        ),
    };
    Err(Failure::answered(
        Error::new(kind, format!("the server answered with status {status}"))
            .remedy(wanted.if_missing)
            .with_recovery(recovery)
            .with_status(status),
    ))
}

/// An answer that breaks HTTP or the cap: whoever gave it is hardly the server that was meant.
fn no_document(failure: Failure, remedy: &str) -> Failure {
    match failure.error.kind() {
        // it names its own remedy
        ErrorKind::Protocol(ProtocolFault::RedirectRefused) => failure,
        ErrorKind::Protocol(_) => Failure {
            error: failure
                .error
                .remedy(remedy)
                .with_recovery(Recovery::FixConfig),
            ..failure
        },
        _ => failure,
    }
}

/// How long a document is taken: its `max-age` (RFC 9111 5.2.2.1), from a minute to a day.
pub(crate) fn lifetime(headers: &HeaderMap) -> Duration {
    headers
        .get_all(http::header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| {
            directive
                .trim()
                .strip_prefix("max-age=")?
                .trim_matches('"')
                .parse()
                .ok()
        })
        .map_or(USUAL, Duration::from_secs)
        .clamp(SHORTEST, LONGEST)
}

/// What a document says, kept while it is fresh.
///
/// Where a new look fails in passing, what is known goes on being used, for a day at most. A new document
/// takes the place of the former; nothing of that is left.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    known: ArcSwapOption<Known<T>>,
    /// Held by whoever looks.
    turn: Mutex<Turn>,
}

#[derive(Debug)]
struct Known<T> {
    value: Arc<T>,
    /// Until when it is taken without a new look, by ticks.
    fresh_until: Duration,
    /// Until when it is taken although new looks fail in passing, by ticks.
    stale_until: Duration,
}

#[derive(Debug, Default)]
struct Turn {
    /// The last failure, which is everybody's answer until then.
    failed: Option<(Error, Duration)>,
    /// The last look before time: until when there is no other, and how it failed.
    another_look: Option<(Duration, Option<Error>)>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            known: ArcSwapOption::empty(),
            turn: Mutex::default(),
        }
    }
}

impl<T> Kept<T> {
    /// What is known while it is fresh, else what `look` brings, which is given what was known before.
    pub async fn get<L, F>(&self, env: &Env, look: L) -> Result<Arc<T>, Error>
    where
        L: FnOnce(Option<Arc<T>>) -> F,
        F: Future<Output = Result<(T, Duration), Error>>,
    {
        if let Some(value) = self.fresh(env) {
            return Ok(value);
        }
        let mut turn = self.turn.lock().await;
        if let Some(value) = self.fresh(env) {
            return Ok(value); // another caller looked while we waited
        }
        if let Some((error, until)) = &turn.failed
            && env.clock().ticks() < *until
        {
            return Err(error.clone()); // the crowd shares one failure
        }
        match look(self.value()).await {
            Ok((value, lifetime)) => {
                turn.failed = None;
                Ok(self.take(value, lifetime, env))
            }
            Err(error) => self.fall_back(&mut turn, error, env),
        }
    }

    /// Looks again although what was `seen` is fresh, at most once a minute. What others found meanwhile
    /// counts, and within the minute what came of the last look.
    pub async fn anew<L, F>(&self, env: &Env, seen: &Arc<T>, look: L) -> Result<Arc<T>, Error>
    where
        L: FnOnce(Option<Arc<T>>) -> F,
        F: Future<Output = Result<(T, Duration), Error>>,
    {
        let mut turn = self.turn.lock().await;
        if let Some(value) = self.value()
            && !Arc::ptr_eq(&value, seen)
        {
            return Ok(value); // another caller looked while we waited
        }
        let ticks = env.clock().ticks();
        if let Some((until, failure)) = &turn.another_look
            && ticks < *until
        {
            return failure.clone().map_or_else(|| Ok(seen.clone()), Err);
        }
        let outcome = look(self.value()).await;
        let until = env.clock().ticks().saturating_add(AFTER_ANOTHER_LOOK);
        turn.another_look = Some((until, outcome.as_ref().err().cloned()));
        let (value, lifetime) = outcome?;
        turn.failed = None;
        Ok(self.take(value, lifetime, env))
    }

    fn value(&self) -> Option<Arc<T>> {
        self.known.load().as_ref().map(|known| known.value.clone())
    }

    fn fresh(&self, env: &Env) -> Option<Arc<T>> {
        let known = self.known.load();
        let known = known.as_ref()?;
        (env.clock().ticks() < known.fresh_until).then(|| known.value.clone())
    }

    fn take(&self, value: T, lifetime: Duration, env: &Env) -> Arc<T> {
        let ticks = env.clock().ticks();
        let value = Arc::new(value);
        self.known.store(Some(Arc::new(Known {
            value: value.clone(),
            fresh_until: ticks.saturating_add(lifetime),
            stale_until: ticks.saturating_add(LONGEST),
        })));
        value
    }

    /// The former document where the failure may pass and the document is no older than a day.
    fn fall_back(&self, turn: &mut Turn, error: Error, env: &Env) -> Result<Arc<T>, Error> {
        let ticks = env.clock().ticks();
        if let (Some(known), Recovery::Retry { .. }) =
            (self.known.load().as_deref(), error.recovery())
            && ticks < known.stale_until
        {
            tracing::warn!(%error, "the former document is used for another minute");
            self.known.store(Some(Arc::new(Known {
                value: known.value.clone(),
                fresh_until: ticks.saturating_add(SHORTEST),
                stale_until: known.stale_until,
            })));
            return Ok(known.value.clone());
        }
        let pause = AFTER_FAILURE.max(error.retry_after().unwrap_or_default());
        turn.failed = Some((error.clone(), ticks.saturating_add(pause)));
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r139_a_document_is_kept_as_long_as_it_says_from_a_minute_to_a_day() {
        let kept = |value: &'static str| {
            lifetime(&HeaderMap::from_iter([(
                http::header::CACHE_CONTROL,
                value.parse().unwrap(),
            )]))
            .as_secs()
        };
        assert_eq!(kept("public, max-age=600"), 600);
        assert_eq!(kept("max-age=1"), 60);
        assert_eq!(kept("max-age=99999999"), 86_400);
        assert_eq!(kept("no-store"), 3600);
    }
}
