//! The survivors that are accepted, each with its reason: `xtask/mutants/survivors.yaml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::failure::{Context, Failure};
use crate::mutants::outcomes::file_of;

/// One line of the list. Mutants of one name are told apart by how many lines they have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survivor {
    /// Its name as [`name`] gives it.
    pub mutant: String,
    /// Why no test can tell it from the code, or need not.
    pub reason: String,
}

/// The list; each line has its reason.
pub fn read(file: &Path) -> Result<Vec<Survivor>, Failure> {
    let text = std::fs::read_to_string(file).context(file.display())?;
    parse(&text).context(file.display())
}

fn parse(text: &str) -> Result<Vec<Survivor>, String> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let list: Vec<Survivor> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    match list.iter().find(|line| line.reason.trim().is_empty()) {
        Some(line) => Err(format!("`{}` has no reason", line.mutant)),
        None => Ok(list),
    }
}

/// A mutant's name without line and column, which move with every edit: `FILE: replace … in …`.
pub fn name(listed: &str) -> String {
    let mut parts = listed.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(what)) => format!("{file}:{what}"),
        _ => listed.to_owned(),
    }
}

/// The survivors and the lines that do not belong together.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Apart {
    /// Survivors without a reason, as cargo-mutants names them.
    pub unexplained: Vec<String>,
    /// Lines whose mutant does not survive, or is not there.
    pub stale: Vec<String>,
}

/// Compares what survived in the files looked at with the list.
pub fn compare(list: &[Survivor], survived: &[String], looked_at: impl Fn(&str) -> bool) -> Apart {
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for line in list {
        *open.entry(&line.mutant).or_default() += 1;
    }
    let mut apart = Apart::default();
    for mutant in survived {
        match open.get_mut(name(mutant).as_str()) {
            Some(lines) if *lines > 0 => *lines -= 1,
            _ => apart.unexplained.push(mutant.clone()),
        }
    }
    for (mutant, lines) in open {
        if lines > 0 && looked_at(file_of(mutant)) {
            apart.stale.push(mutant.to_owned());
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(mutants: &[&str]) -> Vec<Survivor> {
        let line = |mutant: &&str| Survivor {
            mutant: (*mutant).to_owned(),
            reason: "it is the same".to_owned(),
        };
        mutants.iter().map(line).collect()
    }

    #[test]
    fn a_name_is_the_same_wherever_its_line_has_moved() {
        for place in ["3:9", "120:41"] {
            assert_eq!(
                name(&format!("src/a.rs:{place}: replace a::b -> bool with true")),
                "src/a.rs: replace a::b -> bool with true"
            );
        }
    }

    #[test]
    fn a_survivor_needs_a_line_of_its_own_and_a_line_a_survivor() {
        let survived = ["a.rs:1:2: x".to_owned(), "a.rs:9:2: x".to_owned()];
        let all = |_: &str| true;
        assert_eq!(
            compare(&list(&["a.rs: x", "a.rs: x"]), &survived, all),
            Apart::default()
        );
        let apart = compare(&list(&["a.rs: x", "a.rs: y"]), &survived, all);
        assert_eq!(apart.unexplained, ["a.rs:9:2: x"]);
        assert_eq!(apart.stale, ["a.rs: y"]);
    }

    #[test]
    fn a_line_of_a_file_that_was_not_looked_at_is_not_stale() {
        let apart = compare(&list(&["b.rs: x"]), &[], |file| file == "a.rs");
        assert_eq!(apart, Apart::default());
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        let line = |reason: &str| parse(&format!("- mutant: 'a.rs: x'\n  reason: '{reason}'\n"));
        assert_eq!(line("it is the same").unwrap().len(), 1);
        assert!(line(" ").unwrap_err().contains("`a.rs: x` has no reason"));
        assert!(parse("- mutant: 'a.rs: x'\n").is_err());
    }
}
