//! Text that somebody else wrote, made fit for a log or a terminal.

use std::cmp::Reverse;
use std::fmt::Write as _;

use url::form_urlencoded::byte_serialize;

use crate::secret::Secret;

/// The most characters of foreign text that are ever shown.
const LIMIT: usize = 512;

/// Escapes control characters and bidirectional controls, so that one value stays one line and
/// cannot steer a terminal, and cuts it after 512 characters.
pub fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LIMIT));
    for (index, character) in text.chars().enumerate() {
        if index == LIMIT {
            shown.push('…');
            break;
        }
        if character.is_control() || steers_direction(character) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// [`escape`], after every given secret that occurs in the text, as it is or encoded as a form, was
/// struck out: servers echo what they were sent.
pub fn escape_without(text: &str, secrets: &[Secret]) -> String {
    // the longest first: a short one within it would leave the rest readable
    let mut longest_first: Vec<&str> = secrets.iter().map(Secret::expose).collect();
    longest_first.sort_by_key(|secret| Reverse(secret.len()));
    let mut masked = text.to_owned();
    for secret in longest_first {
        if secret.len() >= 4 {
            let encoded: String = byte_serialize(secret.as_bytes()).collect();
            masked = masked
                .replace(secret, "[REDACTED]")
                .replace(&encoded, "[REDACTED]");
        }
    }
    escape(&masked)
}

fn steers_direction(character: char) -> bool {
    matches!(character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The names closest to `wrong` among `known`, for "did you mean".
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(wrong.len()) / 3 + 1)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance with a swap of two neighbours counted as one.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let mut rows = vec![(0..=right.len()).collect::<Vec<_>>()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let cost = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(row[j - 1] + 1)
                .min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_steers_a_terminal_or_a_reader() {
        assert_eq!(
            escape("a\u{1b}[2J\nb\u{202e}c"),
            "a\\u{1b}[2J\\u{a}b\\u{202e}c"
        );
    }

    #[test]
    fn cuts_long_text() {
        assert_eq!(escape(&"x".repeat(2_000_000)).chars().count(), LIMIT + 1);
    }

    #[test]
    fn strikes_out_what_the_server_echoes() {
        let secret = Secret::new("s3cret/+ é");
        assert_eq!(
            escape_without("bad s3cret/+ é in secret=s3cret%2F%2B+%C3%A9&x", &[secret]),
            "bad [REDACTED] in secret=[REDACTED]&x"
        );
    }

    #[test]
    fn finds_the_nearest_name() {
        assert_eq!(
            nearest("client_secert", ["client_id", "client_secret"]),
            Some("client_secret")
        );
        assert_eq!(nearest("zebra", ["client_id", "scopes"]), None);
    }
}
