//! Keeping the secrets of a run out of its reports.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Every secret that a trial of this process has made or been given.
static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// A shorter text is part of others by chance.
const SHORTEST: usize = 6;

/// From now on this is left out of all reports.
pub(crate) fn remember(secret: impl Into<String>) {
    let secret = secret.into();
    if secret.len() >= SHORTEST {
        KNOWN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(secret);
    }
}

/// The text without any secret that is known, nor anything that looks like a token or an assertion.
pub(crate) fn redacted(text: &str) -> String {
    let mut known: Vec<String> = KNOWN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .cloned()
        .collect();
    // the longest first: a secret may be part of another one
    known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mut text = text.to_owned();
    for secret in &known {
        text = text.replace(secret.as_str(), REDACTED);
    }
    without_tokens(&text)
}

/// Strikes out words that look like a token of the stage or a JWS, known or not.
fn without_tokens(text: &str) -> String {
    let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(in_word) {
        let (before, from) = rest.split_at(start);
        let (word, behind) = from.split_at(from.find(|c| !in_word(c)).unwrap_or(from.len()));
        let secret = word.len() > 24
            && ["eyJ", "at_", "rt_"]
                .iter()
                .any(|start| word.starts_with(start));
        shown.push_str(before);
        shown.push_str(if secret { REDACTED } else { word });
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_what_is_known_the_longest_first() {
        remember("first-secret");
        remember("first-secret-and-more");
        remember("ab");
        assert_eq!(
            redacted("x first-secret-and-more, first-secret; ab"),
            "x [redacted], [redacted]; ab"
        );
    }

    #[test]
    fn leaves_out_what_looks_like_a_token() {
        let token = "at_0123456789abcdefghijklmnop";
        let assertion = "eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJhIn0.c2ln";
        assert_eq!(
            redacted(&format!("Bearer {token}, {assertion}")),
            "Bearer [redacted], [redacted]"
        );
        assert_eq!(redacted("at_most a test_of it"), "at_most a test_of it");
    }
}
