//! The table in `QUIRKS.md` and these tests are of one mind.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const TABLE: &str = include_str!("../../QUIRKS.md");
/// How many departures the catalogue has.
const ALL: usize = 73;
/// How many of them are covered at least.
const COVERED: usize = 69;

/// The names of this binary's tests that begin with a number, without the rooms they are in.
fn listed() -> BTreeSet<String> {
    let listed = Command::new(std::env::current_exe().unwrap())
        .arg("--list")
        .output()
        .unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter_map(|path| path.rsplit("::").next())
        .filter(|name| number_of(name).is_some())
        .map(str::to_owned)
        .collect()
}

/// `q001_get_token_request` is of 1.
fn number_of(name: &str) -> Option<usize> {
    let (number, _) = name.strip_prefix('q')?.split_once('_')?;
    (number.len() == 3).then(|| number.parse().ok()).flatten()
}

/// Each row's number, with its last cell.
fn rows() -> BTreeMap<usize, String> {
    let mut rows = BTreeMap::new();
    for line in TABLE.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let Ok(number) = cells[0].parse::<usize>() else {
            continue; // the head
        };
        assert_eq!(cells.len(), 4, "{line}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
        let former = rows.insert(number, cells[3].to_owned());
        assert_eq!(former, None, "{number} stands twice");
    }
    rows
}

/// The tests that a row names.
fn named(cell: &str) -> Vec<&str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter(|name| number_of(name).is_some()).collect()
}

#[test]
fn each_number_stands_in_the_table_with_its_tests_or_a_reason() {
    let (listed, rows) = (listed(), rows());
    assert!(!listed.is_empty());
    let numbers: Vec<usize> = rows.keys().copied().collect();
    assert_eq!(numbers, (1..=ALL).collect::<Vec<_>>());
    let mut named_anywhere = BTreeSet::new();
    for (number, cell) in &rows {
        for name in named(cell) {
            assert!(listed.contains(name), "{name} is in the table and no test");
            assert_eq!(number_of(name), Some(*number), "{name}");
            named_anywhere.insert(name.to_owned());
        }
    }
    let forgotten: Vec<_> = listed.difference(&named_anywhere).collect();
    assert!(forgotten.is_empty(), "not in the table: {forgotten:?}");
}

#[test]
fn no_fewer_are_covered_than_were() {
    let covered = rows()
        .values()
        .filter(|cell| !named(cell).is_empty())
        .count();
    assert!(covered >= COVERED, "{covered} of {ALL}");
    let says = format!("{covered} of the {ALL}");
    assert!(TABLE.contains(&says), "QUIRKS.md does not say {says:?}");
}
