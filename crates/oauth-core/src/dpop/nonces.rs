//! The nonces that servers want in proofs (RFC 9449 8, 9), one an origin.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName};
use url::Url;

use crate::http::url::origin;

/// The header of an answer that brings one (RFC 9449 8.1).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// The most characters of one that is taken.
const LONGEST: usize = 1024;
/// The most origins that one is kept of.
const MOST: usize = 10_000;

/// The last nonce of each origin.
#[derive(Debug, Default)]
pub(crate) struct Nonces(Mutex<HashMap<String, Arc<str>>>);

impl Nonces {
    /// The nonce that the server at a URL wants.
    pub fn of(&self, url: &Url) -> Option<Arc<str>> {
        let nonces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.get(&origin(url)).cloned()
    }

    /// Takes over what an answer from a URL brings, in place of what that origin said before (RFC 9449
    /// 8.2); `None`: it brings none, or what is no nonce.
    pub fn learn(&self, url: &Url, headers: &HeaderMap) -> Option<Arc<str>> {
        let nonce: Arc<str> = read(headers)?.into();
        let mut nonces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if nonces.len() >= MOST {
            nonces.clear(); // whoever is asked again tells it again
        }
        nonces.insert(origin(url), nonce.clone());
        Some(nonce)
    }
}

/// RFC 9449 8.1: `1*NQCHAR`, which is RFC 6749 A's.
fn read(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(DPOP_NONCE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let nonce = value.to_str().ok()?;
    let is_nonce = (1..=LONGEST).contains(&nonce.len())
        && nonce
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    is_nonce.then_some(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(nonces: &[&str]) -> HeaderMap {
        let pairs = nonces.iter();
        pairs
            .map(|nonce| (DPOP_NONCE, nonce.parse().unwrap()))
            .collect()
    }

    #[test]
    fn r154_a_nonce_is_of_its_origin_alone() {
        let nonces = Nonces::default();
        let a: Url = "https://a.example/token?x=1".parse().unwrap();
        let b: Url = "https://a.example:8443/token".parse().unwrap();
        nonces.learn(&a, &answer(&["one"]));
        assert_eq!(nonces.of(&b), None);
        nonces.learn(&b, &answer(&["two"]));
        nonces.learn(&a, &answer(&["three"]));
        let elsewhere: Url = "https://a.example/api".parse().unwrap();
        assert_eq!(nonces.of(&elsewhere).as_deref(), Some("three"));
        assert_eq!(nonces.of(&b).as_deref(), Some("two"));
        nonces.learn(&a, &answer(&[]));
        assert_eq!(nonces.of(&a).as_deref(), Some("three"));
    }

    #[test]
    fn what_is_no_nonce_is_not_taken() {
        let nonces = Nonces::default();
        let url: Url = "https://a.example/".parse().unwrap();
        let long = "x".repeat(LONGEST + 1);
        for bad in [
            &[""][..],
            &["a b"],
            &["a\"b"],
            &["a\\b"],
            &["a", "b"],
            &[&long],
        ] {
            assert_eq!(nonces.learn(&url, &answer(bad)), None, "{bad:?}");
        }
        assert_eq!(nonces.of(&url), None);
    }
}
