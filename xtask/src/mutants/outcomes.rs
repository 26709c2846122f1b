//! What cargo-mutants found out: its `outcomes.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::failure::{Context, Failure};

/// How a mutant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A test failed.
    Caught,
    /// It does not compile.
    Unviable,
    /// The tests came to no end with it.
    Timeout,
    /// No test noticed.
    Survived,
}

/// The mutants of a run by the names that cargo-mutants gives them.
pub type Outcomes = BTreeMap<String, Ended>;

/// The outcomes below a folder that cargo-mutants wrote to.
pub fn read(folder: &Path) -> Result<Outcomes, Failure> {
    let file = folder.join("mutants.out/outcomes.json");
    let text = std::fs::read_to_string(&file).context(file.display())?;
    parse(&text).context(file.display())
}

fn parse(text: &str) -> Result<Outcomes, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let list = document["outcomes"].as_array().ok_or("no outcomes")?;
    let mut outcomes = Outcomes::new();
    for outcome in list {
        let Some(name) = outcome["scenario"]["Mutant"]["name"].as_str() else {
            continue; // the baseline: the tests without any mutant
        };
        let ended = match outcome["summary"].as_str() {
            Some("CaughtMutant") => Ended::Caught,
            Some("Unviable") => Ended::Unviable,
            Some("Timeout") => Ended::Timeout,
            Some("MissedMutant") => Ended::Survived,
            other => return Err(format!("{name}: unknown outcome {other:?}")),
        };
        outcomes.insert(name.to_owned(), ended);
    }
    Ok(outcomes)
}

/// The numbers of one file, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub mutants: usize,
    pub caught: usize,
    pub unviable: usize,
    pub timeout: usize,
    pub survived: usize,
}

impl Tally {
    pub fn count(&mut self, ended: Ended) {
        self.mutants += 1;
        match ended {
            Ended::Caught => self.caught += 1,
            Ended::Unviable => self.unviable += 1,
            Ended::Timeout => self.timeout += 1,
            Ended::Survived => self.survived += 1,
        }
    }
}

/// The file that a mutant is in, by its name.
pub fn file_of(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}

/// The numbers of each file.
pub fn by_file(outcomes: &Outcomes) -> BTreeMap<&str, Tally> {
    let mut files: BTreeMap<&str, Tally> = BTreeMap::new();
    for (name, ended) in outcomes {
        files.entry(file_of(name)).or_default().count(*ended);
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, summary: &str) -> Value {
        serde_json::json!({"scenario": {"Mutant": {"name": name}}, "summary": summary})
    }

    #[test]
    fn counts_each_mutant_in_its_file_and_no_baseline() {
        let text = serde_json::json!({"outcomes": [
            {"scenario": "Baseline", "summary": "Success"},
            outcome("a.rs:1:1: x", "CaughtMutant"),
            outcome("a.rs:2:1: x", "MissedMutant"),
            outcome("b.rs:1:1: y", "Unviable"),
            outcome("b.rs:2:1: y", "Timeout"),
        ]});
        let outcomes = parse(&text.to_string()).unwrap();
        let files = by_file(&outcomes);
        let tally = |mutants, caught, unviable, timeout, survived| Tally {
            mutants,
            caught,
            unviable,
            timeout,
            survived,
        };
        assert_eq!(files["a.rs"], tally(2, 1, 0, 0, 1));
        assert_eq!(files["b.rs"], tally(2, 0, 1, 1, 0));
    }

    #[test]
    fn an_outcome_that_is_not_known_is_a_failure() {
        let text = serde_json::json!({"outcomes": [outcome("a.rs:1:1: x", "Failure")]});
        assert!(
            parse(&text.to_string())
                .unwrap_err()
                .contains("a.rs:1:1: x")
        );
        assert!(parse("{}").is_err());
    }
}
