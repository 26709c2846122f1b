//! Fixtures: each is whole, is played, and tells something no other does.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::fixture::scenario::{self, Scenario};
use crate::tidy::House;

/// What our document may hold.
const MEMBERS: [&str; 7] = [
    "title",
    "provenance",
    "files",
    "config",
    "connect",
    "steps",
    "requests",
];
const KINDS: [&str; 3] = ["recorded", "documented", "synthetic"];

pub fn faults(house: &House<'_>) -> Result<Vec<String>, Failure> {
    let mut faults = Vec::new();
    for adapter in &house.adapters {
        let scenarios = match scenario::of_adapter(house.workspace, adapter) {
            Ok(scenarios) => scenarios,
            Err(Failure::Failed(text)) => {
                faults.push(text); // unreadable: named with its file
                continue;
            }
            Err(failure) => return Err(failure),
        };
        for scenario in &scenarios {
            let mut found = head(&scenario.head);
            if house
                .trials
                .as_ref()
                .is_some_and(|trials| !trials.contains(&scenario.name))
            {
                found.push("no trial plays it".to_owned());
            }
            faults.extend(
                found
                    .into_iter()
                    .map(|fault| format!("fixtures/{}.yaml: {fault}", scenario.name)),
            );
        }
        faults.extend(alike(&scenarios, "title", |scenario| {
            Some(scenario.head["title"].to_string())
        }));
        faults.extend(alike(&scenarios, "course", course));
    }
    Ok(faults)
}

/// What is missing or unknown in our document.
fn head(head: &Value) -> Vec<String> {
    let Value::Object(members) = head else {
        return vec!["its first document is not a mapping".to_owned()];
    };
    let mut faults: Vec<String> = members
        .keys()
        .filter(|key| !MEMBERS.contains(&key.as_str()))
        .map(|key| format!("unknown key `{key}`"))
        .collect();
    let filled = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    let provenance = &head["provenance"];
    if !filled(&head["title"]) {
        faults.push("no title".to_owned());
    }
    if !provenance["kind"]
        .as_str()
        .is_some_and(|kind| KINDS.contains(&kind))
    {
        faults.push(format!("provenance.kind is none of {}", KINDS.join(", ")));
    }
    if !filled(&provenance["source"]) {
        faults.push("provenance.source is missing".to_owned());
    }
    if !provenance["date"].as_str().is_some_and(is_date) {
        faults.push("provenance.date is not a day such as 2026-01-31".to_owned());
    }
    faults
}

fn is_date(text: &str) -> bool {
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() && text.len() == "2026-01-31".len()
}

/// Scenarios of one folder that are the same by some measure.
fn alike(
    scenarios: &[Scenario],
    what: &str,
    measure: impl Fn(&Scenario) -> Option<String>,
) -> Vec<String> {
    let mut seen: BTreeMap<(String, String), &str> = BTreeMap::new();
    let mut faults = Vec::new();
    for scenario in scenarios {
        let folder = scenario
            .name
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        let Some(measured) = measure(scenario) else {
            continue;
        };
        if let Some(other) = seen.insert((folder.to_owned(), measured), &scenario.name) {
            faults.push(format!(
                "fixtures/{}.yaml: its {what} is that of {other}",
                scenario.name
            ));
        }
    }
    faults
}

/// What happens, whatever it is called: two scenarios that differ only in status, title or names are one.
fn course(scenario: &Scenario) -> Option<String> {
    let mut names = Vec::new();
    collect(&scenario.head["config"], &mut names);
    let own = without_names(&scenario.head, &names);
    let mocks: Vec<Value> = scenario.parsed_mocks().ok()?;
    let mocks: Vec<Value> = mocks
        .iter()
        .map(|mock| without_names(mock, &names))
        .collect();
    Some(format!("{own} {}", Value::Array(mocks)))
}

/// The texts of a config: the names this scenario gave to things.
fn collect(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::String(text) => names.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(members) => members.values().for_each(|value| collect(value, names)),
        _ => {}
    }
}

fn without_names(value: &Value, names: &[String]) -> Value {
    const LABELS: [&str; 4] = ["title", "provenance", "status", "says"];
    match value {
        Value::String(text) if names.contains(text) => Value::Null,
        Value::Array(items) => items
            .iter()
            .map(|item| without_names(item, names))
            .collect(),
        Value::Object(members) => {
            let kept = members
                .iter()
                .filter(|(key, _)| !LABELS.contains(&key.as_str()));
            Value::Object(
                kept.map(|(key, value)| (key.clone(), without_names(value, names)))
                    .collect::<Map<_, _>>(),
            )
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scenario(name: &str, client: &str, status: u16, body: &str) -> Scenario {
        Scenario {
            name: format!("acme/{name}"),
            file: "x.yaml".into(),
            head: json!({
                "title": name,
                "provenance": {"kind": "synthetic", "source": "RFC 6749 5.2", "date": "2026-01-31"},
                "config": {"client_id": client},
                "steps": [{"call": "items", "error": {"kind": "refused", "says": status.to_string()}}],
                "requests": [{"path": "/token", "form": {"client_id": client}}],
            }),
            mocks: vec![format!(
                "when: {{path: /token}}\nthen: {{status: {status}, body: '{body}'}}\n"
            )],
        }
    }

    #[test]
    fn a_whole_head_has_no_fault() {
        assert_eq!(
            head(&scenario("a", "c", 400, "").head),
            Vec::<String>::new()
        );
    }

    #[test]
    fn each_fault_of_a_head_is_named() {
        let bad = json!({
            "title": " ",
            "provenance": {"kind": "guessed", "source": "", "date": "2026-13-01"},
            "stpes": [],
        });
        let faults = head(&bad).join("; ");
        for says in [
            "`stpes`",
            "title",
            "provenance.kind",
            "provenance.source",
            "provenance.date",
        ] {
            assert!(faults.contains(says), "{says}: {faults}");
        }
    }

    #[test]
    fn scenarios_that_differ_only_in_status_title_or_names_are_one() {
        let one = scenario("one", "client-a", 400, "x");
        let same = scenario("two", "client-b", 503, "x");
        let other = scenario("three", "client-a", 400, "y");
        let faults = alike(&[one, same, other], "course", course);
        assert_eq!(
            faults,
            ["fixtures/acme/two.yaml: its course is that of acme/one"]
        );
    }
}
