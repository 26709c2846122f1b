//! Documents: every trial one of them names exists in the run.
//!
//! Two things are a trial's name: a word in backticks that begins with an adapter (`template/refresh`,
//! or a whole name) or with `live`, and each word in backticks in the list that follows the line
//! `<!-- trials -->`.

use crate::e2e::Filter;
use crate::tidy::House;

/// What stands before a list of clauses and scenarios.
const MARK: &str = "<!-- trials -->";

pub fn faults(house: &House<'_>) -> Vec<String> {
    let Some(trials) = &house.trials else {
        return Vec::new();
    };
    let mut first_words = house.adapters.clone();
    first_words.push("live".to_owned());
    house
        .under("", ".md")
        .flat_map(|(path, text)| {
            named(text, &first_words)
                .into_iter()
                .filter_map(move |(line, name)| {
                    let exists = match name.contains('/') {
                        true => trials.iter().any(|trial| Filter::new(&name).takes(trial)),
                        false => trials
                            .iter()
                            .any(|trial| trial.rsplit('/').next() == Some(&name)),
                    };
                    (!exists).then(|| format!("{path}:{line}: no trial is called `{name}`"))
                })
        })
        .collect()
}

/// The names of trials in a document, with their lines.
fn named(text: &str, first_words: &[String]) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let mut listed = false;
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        fenced ^= line.starts_with("```");
        listed = line == MARK || listed && (line.is_empty() || line.starts_with([' ', '-', '*']));
        for word in quoted(line).filter(|_| !fenced) {
            let begins = |first: &String| word.starts_with(&format!("{first}/"));
            if is_name(word) && (listed || first_words.iter().any(begins)) {
                names.push((number + 1, word.to_owned()));
            }
        }
    }
    names
}

/// The words between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .flat_map(str::split_whitespace)
}

fn is_name(word: &str) -> bool {
    word.chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-/".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_an_adapter_or_stand_in_a_marked_list() {
        let text = "See `template/refresh/a_b`, `cargo xtask e2e template/static` and `crates/x`.\n\
            `not_listed` `template/src/lib.rs` `template/<shape>/x`\n\
            <!-- trials -->\n\n- `bears_the_token`: why\n  and `TokenSource`\n\nProse with `not_listed`.\n\
            ```sh\n`template/fenced`\n```\n";
        let names = named(text, &["template".into()]);
        let expected = [
            (1, "template/refresh/a_b"),
            (1, "template/static"),
            (5, "bears_the_token"),
        ];
        assert_eq!(names, expected.map(|(line, name)| (line, name.to_owned())));
    }
}
