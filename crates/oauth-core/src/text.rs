//! Text that somebody else wrote, made fit for a log or a terminal.

use std::fmt::Write as _;

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

/// A word that should be the name of something, escaped. A longer one than names are could be a part of a secret
/// that stands in the wrong place, and is not shown.
pub fn name(word: &str) -> String {
    match word.len() {
        ..20 => escape(word),
        _ => "…".to_owned(),
    }
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
    fn a_name_is_shown_and_what_is_too_long_for_one_is_not() {
        assert_eq!(name("P-521\n"), "P-521\\u{a}");
        assert_eq!(name(&"A1b2".repeat(5)), "…");
    }

    #[test]
    fn cuts_long_text() {
        assert_eq!(escape(&"x".repeat(2_000_000)).chars().count(), LIMIT + 1);
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
