//! The table of requirements: every number once, and each test where it is said to be, with the number in
//! its name. That the tests are run is checked by `cargo xtask test`.

use std::collections::BTreeMap;

use crate::requirements::{FILE, Proof, Test, ids, read};
use crate::tidy::House;

pub fn faults(house: &House<'_>) -> Vec<String> {
    let Some(table) = house.text(FILE) else {
        return vec![format!("{FILE}: missing")];
    };
    let written = |test: &Test| {
        sources(test).iter().any(|(folder, end)| {
            house
                .under(folder, end)
                .any(|(path, text)| holds(test, path, text))
        })
    };
    of_table(table, written)
}

fn of_table(table: &str, written: impl Fn(&Test) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for requirement in read(table) {
        let at = format!("{FILE}:{}: {}", requirement.line, requirement.id);
        *seen.entry(requirement.id.clone()).or_default() += 1;
        match requirement.proof {
            Proof::None => {}
            Proof::Unreadable(cell) => faults.push(format!(
                "{at}: `{cell}` is neither a test (`PACKAGE lib|test:TARGET NAME`) nor `waits: FEATURE` or `not: REASON`"
            )),
            Proof::Tests(tests) => {
                for test in tests {
                    let number = requirement.id.to_lowercase();
                    if !test.function().split('_').any(|part| part == number) {
                        faults.push(format!("{at}: `{}` does not carry {number}", test.name));
                    }
                    if !written(&test) {
                        faults.push(format!(
                            "{at}: there is no test `{} {} {}`",
                            test.package, test.target, test.name
                        ));
                    }
                }
            }
        }
    }
    for id in ids() {
        match seen.remove(&id) {
            Some(1) => {}
            Some(_) => faults.push(format!("{FILE}: {id} stands there more than once")),
            None => faults.push(format!("{FILE}: {id} is missing")),
        }
    }
    faults.extend(
        seen.into_keys()
            .map(|id| format!("{FILE}: {id} is no requirement")),
    );
    faults
}

/// Where the source of a test may be: a folder, and how its files end.
fn sources(test: &Test) -> Vec<(String, &'static str)> {
    let package = match test.package.as_str() {
        "xtask" => "xtask".to_owned(),
        package => format!("crates/{package}"),
    };
    match test.target.strip_prefix("test:") {
        None => vec![(format!("{package}/src/"), ".rs")],
        Some(target) => vec![
            (format!("{package}/tests/{target}.rs"), ".rs"),
            (format!("{package}/tests/{target}/"), ".rs"),
        ],
    }
}

/// Whether the file is that of the test's module and has its function.
fn holds(test: &Test, path: &str, text: &str) -> bool {
    let mut modules: Vec<&str> = test.name.split("::").collect();
    modules.pop();
    let place = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let is_there = modules
        .iter()
        .rev()
        .find(|module| **module != "tests")
        .is_none_or(|module| place.rsplit('/').any(|part| part == *module));
    // a test, or a case of a suite, which a macro makes one
    let function = test.function();
    is_there
        && (text.contains(&format!("fn {function}("))
            || text.contains(&format!("{function}(world) {{")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(change: impl Fn(&str) -> Option<String>) -> String {
        let line = |id: String| change(&id).unwrap_or_else(|| format!("| {id} | x | waits: y |"));
        ids().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_number_stands_there_once() {
        assert_eq!(of_table(&table(|_| None), |_| true), Vec::<String>::new());
        let without = table(|id| (id == "R051").then(String::new));
        assert_eq!(
            of_table(&without, |_| true),
            ["REQUIREMENTS.md: R051 is missing"]
        );
        let another = table(|_| None) + "\n| R999 | x | waits: y |\n| R001 | x | waits: y |";
        assert_eq!(of_table(&another, |_| true).len(), 2);
    }

    #[test]
    fn a_test_is_written_where_it_is_said_to_be_and_carries_the_number() {
        let proof = |test: &'static str| {
            table(move |id| (id == "R051").then(|| format!("| R051 | x | `{test}` |")))
        };
        let good = proof("oauth-core lib response::tests::r051_a");
        assert!(of_table(&good, |_| true).is_empty());
        assert!(of_table(&good, |_| false)[0].contains("there is no test"));
        let other = proof("oauth-core lib response::tests::r052_a");
        assert!(of_table(&other, |_| true)[0].contains("does not carry r051"));
        assert!(of_table(&proof("a test"), |_| true)[0].contains("is neither"));
    }

    #[test]
    fn a_test_is_in_the_file_of_its_module() {
        let test = |name: &str| Test {
            package: "p".into(),
            target: "lib".into(),
            name: name.into(),
        };
        let text = "fn r001_a() {";
        assert!(holds(
            &test("retry::tests::r001_a"),
            "crates/p/src/retry.rs",
            text
        ));
        assert!(!holds(
            &test("other::tests::r001_a"),
            "crates/p/src/retry.rs",
            text
        ));
        assert!(!holds(
            &test("retry::tests::r001"),
            "crates/p/src/retry.rs",
            text
        ));
        let deep = "crates/p/src/response/tests/refusals.rs";
        assert!(holds(
            &test("response::tests::refusals::r001_a"),
            deep,
            text
        ));
    }
}
