//! What the server knows and has counted.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};

use crate::server::Behaviour;

/// Everything but the sockets.
#[derive(Debug)]
pub(super) struct State {
    start: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    behaviour: Behaviour,
    /// Rises when all tokens are revoked.
    generation: u32,
    issued: u64,
    /// Hashes of the assertions that were seen.
    assertions: HashSet<u64>,
    /// Requests that are in the token endpoint.
    within: u64,
    counted: Counted,
}

#[derive(Debug, Default)]
struct Counted {
    token_hits: u64,
    token_bad: u64,
    api_hits: u64,
    api_401: u64,
    most_within: u64,
    connections: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            inner: Mutex::default(),
        }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub fn connected(&self) {
        self.lock().counted.connections += 1;
    }

    pub fn behaviour(&self) -> Behaviour {
        self.lock().behaviour
    }

    pub fn revoke_all(&self) {
        self.lock().generation += 1;
    }

    /// Takes `NAME=VALUE&...`; what is not named is as at the start, and the counts begin anew.
    pub fn configure(&self, query: &str) -> Result<(), String> {
        let mut behaviour = Behaviour::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let number: u64 = value
                .parse()
                .map_err(|_| format!("`{name}` is a number, not `{value}`"))?;
            match name {
                "latency_ms" => behaviour.latency = Duration::from_millis(number),
                "expires_in" => behaviour.expires_in = Duration::from_secs(number),
                "status" => {
                    behaviour.status = u16::try_from(number)
                        .ok()
                        .and_then(|status| StatusCode::from_u16(status).ok())
                        .ok_or_else(|| format!("{number} is no status"))?;
                }
                _ => return Err(format!("there is no setting `{name}`")),
            }
        }
        let mut inner = self.lock();
        inner.behaviour = behaviour;
        inner.assertions.clear();
        inner.counted = Counted::default();
        Ok(())
    }

    pub fn counted(&self) -> Value {
        let inner = self.lock();
        let counted = &inner.counted;
        json!({
            "token_hits": counted.token_hits,
            "token_bad": counted.token_bad,
            "api_hits": counted.api_hits,
            "api_401": counted.api_401,
            "max_concurrent_token": counted.most_within,
            "conns": counted.connections,
        })
    }

    /// Counts a token request until what it answers is dropped.
    pub fn asked(&self) -> Within<'_> {
        let mut inner = self.lock();
        inner.counted.token_hits += 1;
        inner.within += 1;
        inner.counted.most_within = inner.counted.most_within.max(inner.within);
        Within(self)
    }

    /// Whether a form holds an assertion that did not come before.
    pub fn is_new_assertion(&self, form: &[u8]) -> bool {
        const NAME: &[u8] = b"client_assertion=";
        let assertion = form
            .split(|byte| *byte == b'&')
            .find_map(|pair| pair.strip_prefix(NAME));
        let mut inner = self.lock();
        // the floor's, which nobody signed, is always the same
        let is_new = assertion.is_some_and(|assertion| {
            let mut hasher = DefaultHasher::new();
            assertion.hash(&mut hasher);
            assertion.starts_with(b"a.b.") || inner.assertions.insert(hasher.finish())
        });
        inner.counted.token_bad += u64::from(!is_new);
        is_new
    }

    /// A token of 64 characters, which says of itself what the API must know.
    pub fn issue(&self) -> String {
        let mut inner = self.lock();
        inner.issued += 1;
        let lifetime = inner.behaviour.expires_in.as_millis();
        let ends = self
            .now_ms()
            .saturating_add(u64::try_from(lifetime).unwrap_or(u64::MAX));
        let (generation, number) = (inner.generation, inner.issued);
        format!("{generation:08x}.{ends:016x}.{number:016x}.{:0>21}", "x")
    }

    /// Whether the API takes it; counted.
    pub fn takes(&self, token: Option<&str>) -> bool {
        let now = self.now_ms();
        let mut inner = self.lock();
        let read = || {
            let mut parts = token?.split('.');
            let generation = u32::from_str_radix(parts.next()?, 16).ok()?;
            let ends = u64::from_str_radix(parts.next()?, 16).ok()?;
            let number = u64::from_str_radix(parts.next()?, 16).ok()?;
            Some((generation, ends, number))
        };
        let taken = read().is_some_and(|(generation, ends, number)| {
            generation == inner.generation && ends > now && number <= inner.issued
        });
        inner.counted.api_hits += 1;
        inner.counted.api_401 += u64::from(!taken);
        taken
    }
}

/// A request that is in the token endpoint.
pub(super) struct Within<'a>(&'a State);

impl Drop for Within<'_> {
    fn drop(&mut self) {
        self.0.lock().within -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_until_it_ends_or_all_are_revoked() {
        let state = State::default();
        state.configure("expires_in=60").unwrap();
        let token = state.issue();
        assert_eq!(token.len(), 64);
        assert!(state.takes(Some(&token)));
        state.revoke_all();
        assert!(!state.takes(Some(&token)));
        state.configure("expires_in=0").unwrap();
        let ended = state.issue();
        assert!(!state.takes(Some(&ended)) && !state.takes(None) && !state.takes(Some("x")));
        assert_eq!(state.counted()["api_401"], 3);
    }

    #[test]
    fn an_assertion_that_comes_twice_is_refused() {
        let state = State::default();
        let form = b"grant_type=client_credentials&client_assertion=e.f.g";
        assert!(state.is_new_assertion(form));
        assert!(!state.is_new_assertion(form));
        assert!(!state.is_new_assertion(b"client_id=client"));
        assert_eq!(state.counted()["token_bad"], 2);
    }

    #[test]
    fn a_setting_that_is_not_named_is_as_at_the_start() {
        let state = State::default();
        state.configure("latency_ms=5&status=503").unwrap();
        assert_eq!(state.behaviour().status, StatusCode::SERVICE_UNAVAILABLE);
        state.configure("").unwrap();
        assert_eq!(state.behaviour().status, StatusCode::OK);
        assert!(state.behaviour().latency.is_zero());
        state.configure("latency=5").unwrap_err();
    }
}
