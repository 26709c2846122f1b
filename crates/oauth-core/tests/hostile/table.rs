//! The table: every line of `bad_inputs.jsonl` with its cases, and what must be true of it as a whole.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::exchange::Exchange;

/// What a line stands for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub id: String,
    pub area: String,
    /// The inputs, ` / ` between them.
    input: String,
    /// `ok`, `error` or `retry`.
    outcome: String,
    #[expect(dead_code, reason = "for whoever reads the file")]
    kind: String,
    #[expect(dead_code, reason = "for whoever reads the file")]
    retry: String,
    #[expect(dead_code, reason = "for whoever reads the file")]
    note: String,
}

/// The areas that are here, and how many lines each has.
const AREAS: [(&str, usize); 14] = [
    ("token_response", 79),
    ("token_error", 20),
    ("http_status", 18),
    ("discovery", 23),
    ("jwks", 11),
    ("jwt", 20),
    ("private_key", 33),
    ("callback", 11),
    ("device", 6),
    ("resource", 8),
    ("network", 25),
    ("time", 16),
    ("config", 15),
    ("log_output", 7),
];

/// One concrete input of a line.
pub enum Case {
    /// Played by a server; what is looked at is always the same.
    Exchange(Exchange),
    /// A function of its own.
    Own(Box<dyn Fn() + Send + Sync>),
    /// A test that was there before: `test:TARGET NAME` or `lib NAME`, of this package unless another
    /// one stands before it.
    Elsewhere(&'static str),
    /// Why there is nothing to try here.
    NotHere(&'static str),
}

/// The cases of one line.
pub struct Row {
    pub line: &'static str,
    pub cases: Vec<Case>,
    /// Why an outcome is not the one that the line expects.
    pub differs: Option<&'static str>,
    /// Which of its inputs cannot be had here, and why.
    pub lacks: Option<&'static str>,
}

impl Row {
    pub fn and(mut self, case: Case) -> Self {
        self.cases.push(case);
        self
    }

    pub fn own(self, case: impl Fn() + Send + Sync + 'static) -> Self {
        self.and(Case::Own(Box::new(case)))
    }

    pub fn elsewhere(self, test: &'static str) -> Self {
        self.and(Case::Elsewhere(test))
    }

    pub fn lacks(mut self, why: &'static str) -> Self {
        self.lacks = Some(why);
        self
    }

    pub fn differs(mut self, why: &'static str) -> Self {
        self.differs = Some(why);
        self
    }
}

/// A line without an exchange, to which others cases are added.
pub fn row(line: &'static str) -> Row {
    Row {
        line,
        cases: Vec::new(),
        differs: None,
        lacks: None,
    }
}

/// Exchanges that bring a token, or as they say themselves.
pub fn taken(line: &'static str, exchanges: impl IntoIterator<Item = Exchange>) -> Row {
    let cases = exchanges.into_iter().map(Case::Exchange).collect();
    Row { cases, ..row(line) }
}

/// Exchanges that end with an error of that kind, unless they say another one.
pub fn refused(
    line: &'static str,
    kind: &'static str,
    exchanges: impl IntoIterator<Item = Exchange>,
) -> Row {
    let told = |mut exchange: Exchange| {
        exchange.kind.get_or_insert(kind);
        exchange
    };
    taken(line, exchanges.into_iter().map(told))
}

/// A line of which there is nothing to try.
pub fn not_here(line: &'static str, why: &'static str) -> Row {
    row(line).and(Case::NotHere(why))
}

pub fn lines() -> Vec<Line> {
    include_str!("bad_inputs.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Nobody may leave out another line than these.
const NOT_HERE: [&str; 5] = ["CFG-021", "CFG-022", "LOG-005", "LOG-010", "NET-034"];
/// Nor an input of another line than these.
const IN_PART: [&str; 3] = ["NET-002", "NET-003", "TIM-018"];

/// Each line has a row with a case for each of its inputs, and each row a line.
pub fn is_complete(rows: &[Row]) {
    let lines = lines();
    for line in &lines {
        let count = rows.iter().filter(|row| row.line == line.id).count();
        assert_eq!(count, 1, "rows of {}", line.id);
    }
    for (area, number) in AREAS {
        let found = lines.iter().filter(|line| line.area == area).count();
        assert_eq!(found, number, "{area}");
    }
    let all: usize = AREAS.iter().map(|(_, number)| number).sum();
    assert_eq!(lines.len(), all);
    for row in rows {
        assert!(lines.iter().any(|line| line.id == row.line), "{}", row.line);
    }
    let mut missing = Vec::new();
    for row in rows {
        let line = lines.iter().find(|line| line.id == row.line).unwrap();
        let inputs = line.input.split(" / ").count();
        let left_out = |case: &Case| matches!(case, Case::NotHere(why) if why.contains(' '));
        match row.cases.iter().any(left_out) {
            true => assert!(NOT_HERE.contains(&row.line), "{} is left out", row.line),
            false if row.lacks.is_some() => assert!(IN_PART.contains(&row.line), "{}", row.line),
            false if row.cases.len() < inputs => missing.push(line),
            false => {}
        }
    }
    assert!(missing.is_empty(), "inputs without a case: {missing:#?}");
}

/// Where an outcome is not the one that the line expects, the row says why.
pub fn agrees_or_says_why_not(rows: &[Row]) {
    let lines: BTreeMap<String, Line> = lines()
        .into_iter()
        .map(|line| (line.id.clone(), line))
        .collect();
    for row in rows {
        let expected = lines[row.line].outcome.as_str();
        let agrees = |case: &Case| match case {
            Case::Exchange(exchange) => match expected {
                "ok" => exchange.kind.is_none(),
                "error" => exchange.kind.is_some(),
                _ => exchange.requests > 1 || exchange.kind.is_none(),
            },
            _ => true,
        };
        assert_eq!(
            row.cases.iter().all(agrees),
            row.differs.is_none(),
            "{}: {:?}",
            row.line,
            row.differs
        );
    }
}

/// The tests that are named instead of being written twice are there.
pub fn names_tests_that_exist(rows: &[Row]) {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut named = 0;
    for row in rows {
        for case in &row.cases {
            let Case::Elsewhere(test) = case else {
                continue;
            };
            named += 1;
            let words: Vec<&str> = test.split(' ').collect();
            let (package, target, name) = match words[..] {
                [target, name] => ("oauth-core", target, name),
                [package, target, name] => (package, target, name),
                _ => panic!("{}: `{test}` names no test", row.line),
            };
            let package = match package {
                "xtask" => "../xtask",
                package => package,
            };
            let folder = match target.strip_prefix("test:") {
                Some(target) => format!("{package}/tests/{target}"),
                None => format!("{package}/src"),
            };
            let function = name.rsplit("::").next().unwrap();
            let written = [
                format!("fn {function}("),
                format!("\"{function}\""),
                format!("{function}(world) {{"),
            ];
            let single = crates.join(format!("{folder}.rs"));
            let found = sources(&crates.join(folder))
                .into_iter()
                .chain(single.is_file().then_some(single))
                .any(|file| {
                    let text = std::fs::read_to_string(file).unwrap();
                    written.iter().any(|written| text.contains(written))
                });
            assert!(found, "{}: there is no test `{test}`", row.line);
        }
    }
    assert!(named > 0);
}

fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}
