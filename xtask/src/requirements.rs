//! `REQUIREMENTS.md`: what is required, by number, and the tests that prove it.

use std::ops::RangeInclusive;

/// Where the table is.
pub const FILE: &str = "REQUIREMENTS.md";

/// The numbers there are, an area a range.
const NUMBERS: [RangeInclusive<u16>; 11] = [
    1..=12,
    20..=44,
    50..=73,
    80..=97,
    100..=118,
    120..=128,
    130..=141,
    150..=163,
    170..=174,
    180..=187,
    190..=200,
];

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Requirement {
    pub line: usize,
    /// `R051`.
    pub id: String,
    pub proof: Proof,
}

/// What stands in the last column.
#[derive(Debug, PartialEq, Eq)]
pub enum Proof {
    Tests(Vec<Test>),
    /// `waits: FEATURE` or `not: REASON`.
    None,
    /// None of these.
    Unreadable(String),
}

/// A test as its binary lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub package: String,
    /// `lib` or `test:TARGET`.
    pub target: String,
    pub name: String,
}

impl Test {
    /// The last part of its name, which is that of a function.
    pub fn function(&self) -> &str {
        self.name.rsplit([':', '/']).next().unwrap_or_default()
    }
}

/// Every number that must stand in the table.
pub fn ids() -> impl Iterator<Item = String> {
    NUMBERS
        .into_iter()
        .flatten()
        .map(|number| format!("R{number:03}"))
}

/// The lines of the table.
pub fn read(text: &str) -> Vec<Requirement> {
    text.lines()
        .enumerate()
        .filter_map(|(number, line)| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let id = cells.first()?;
            let is_id = id.len() == 4
                && id.starts_with('R')
                && id[1..].bytes().all(|byte| byte.is_ascii_digit());
            is_id.then(|| Requirement {
                line: number + 1,
                id: (*id).to_owned(),
                proof: proof(cells.get(2).copied().unwrap_or_default()),
            })
        })
        .collect()
}

fn proof(cell: &str) -> Proof {
    let reason = ["waits: ", "not: "]
        .iter()
        .find_map(|word| cell.strip_prefix(word));
    if reason.is_some_and(|reason| !reason.is_empty()) {
        return Proof::None;
    }
    let tests: Option<Vec<Test>> = cell
        .split("<br>")
        .map(|test| {
            let words: Vec<&str> = test.trim_matches('`').split(' ').collect();
            let [package, target, name] = words[..] else {
                return None;
            };
            Some(Test {
                package: package.to_owned(),
                target: target.to_owned(),
                name: name.to_owned(),
            })
        })
        .collect();
    tests.map_or_else(|| Proof::Unreadable(cell.to_owned()), Proof::Tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lines_of_the_table_and_no_others() {
        let text = "# R\n| id | x | y |\n|---|---|---|\n| R001 | a | `oauth-core lib a::r001_b`<br>`p test:t c` |\n\
            | R002 | a | waits: mTLS |\n| R003 | a | |\n| R004 | a | waits: |\n";
        let read = read(text);
        let ids: Vec<&str> = read.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["R001", "R002", "R003", "R004"]);
        let Proof::Tests(tests) = &read[0].proof else {
            panic!("{:?}", read[0]);
        };
        assert_eq!((tests.len(), tests[0].function()), (2, "r001_b"));
        assert_eq!(read[1].proof, Proof::None);
        assert!(matches!(read[2].proof, Proof::Unreadable(_)));
        assert!(matches!(read[3].proof, Proof::Unreadable(_)));
    }
}
