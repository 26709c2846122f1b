//! Adapters: the head of each, its size, its fixtures and README, and nothing of another's.

use crate::new::SHAPES;
use crate::remove::depends_on;
use crate::tidy::House;

/// What the head of an adapter states.
const HEAD: [&str; 4] = ["Grant:", "Proof:", "Departs from the RFCs in:", "Source:"];

/// An adapter is facts and `connect`; more than this belongs in rooms beside it.
const LONGEST: usize = 150;

pub fn faults(house: &House<'_>) -> Vec<String> {
    house
        .adapters
        .iter()
        .flat_map(|adapter| of_one(house, adapter))
        .collect()
}

fn of_one(house: &House<'_>, adapter: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let folder = format!("adapters/{adapter}");
    for file in facts(adapter) {
        let path = format!("{folder}/{file}");
        match house.text(&path) {
            Some(text) => faults.extend(of_facts(&path, text)),
            None => faults.push(format!("{path}: missing")),
        }
    }
    for path in [
        format!("{folder}/README.md"),
        format!("{folder}/tests/e2e.rs"),
    ] {
        if house.text(&path).is_none() {
            faults.push(format!("{path}: missing"));
        }
    }
    if house
        .under(&format!("fixtures/{adapter}/"), ".yaml")
        .next()
        .is_none()
    {
        faults.push(format!("fixtures/{adapter}: no scenario"));
    }
    let manifest = format!("{folder}/Cargo.toml");
    for other in house.adapters.iter().filter(|other| *other != adapter) {
        let package = format!("oauth-{other}");
        if house
            .text(&manifest)
            .is_some_and(|text| depends_on(text, &package))
        {
            faults.push(format!(
                "{manifest}: an adapter stands on no other, this one on {package}"
            ));
        }
    }
    faults
}

/// Where the facts of an adapter are: the template has a file a shape.
fn facts(adapter: &str) -> Vec<String> {
    if adapter != "template" {
        return vec!["src/lib.rs".to_owned()];
    }
    SHAPES
        .iter()
        .map(|shape| match *shape {
            "static" => "src/static_token.rs".to_owned(), // `static` is a keyword
            shape => format!("src/{}.rs", shape.replace('-', "_")),
        })
        .collect()
}

fn of_facts(path: &str, text: &str) -> Vec<String> {
    let stated = |field: &str| {
        text.lines()
            .map_while(|line| line.strip_prefix("//!"))
            .filter_map(|line| line.trim().strip_prefix(field))
            .any(|value| !value.trim().is_empty())
    };
    let mut faults: Vec<String> = HEAD
        .iter()
        .filter(|field| !stated(field))
        .map(|field| format!("{path}: its head does not state `//! {field} …`"))
        .collect();
    let lines = text.lines().count();
    if lines > LONGEST {
        faults.push(format!(
            "{path}: {lines} lines, more than {LONGEST}: move code into rooms beside it"
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "//! Acme.\n//!\n//! Grant: refresh_token\n//! Proof: client_secret_basic\n\
        //! Departs from the RFCs in: nothing\n//! Source: RFC 6749\n\nuse a::b;\n";

    #[test]
    fn a_head_states_four_things() {
        assert!(of_facts("a", GOOD).is_empty());
        for field in HEAD {
            let faults = of_facts("a", &GOOD.replace(field, "Else:"));
            assert_eq!(faults.len(), 1, "{field}");
            assert!(faults[0].contains(field));
        }
        assert_eq!(
            of_facts("a", "//! Grant:\n").len(),
            4,
            "empty is not stated"
        );
        assert_eq!(
            of_facts("a", &GOOD.replace("//!", "//")).len(),
            4,
            "a comment is no head"
        );
    }

    #[test]
    fn an_adapter_stays_short() {
        let long = format!("{GOOD}{}", "\n".repeat(LONGEST));
        assert!(of_facts("a", &long)[0].contains("more than 150"));
    }
}
