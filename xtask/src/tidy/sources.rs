//! Sources: sizes, and what must never stand in a file that is kept.

use crate::tidy::House;
use crate::tidy::code::{without_comments, words};

/// A file longer than this becomes a folder of rooms.
const LONGEST: usize = 500;

/// Files that may be longer, and why.
const LONG: &[(&str, &str)] = &[];

/// Names of target systems: what they do differently is a value in an adapter, never code below one.
#[rustfmt::skip]
const VENDORS: &[&str] = &[
    "athenahealth", "atlassian", "auth0", "azure", "cerner", "dropbox", "entra", "epic", "facebook",
    "fhir", "github", "gitlab", "google", "hubspot", "jira", "keycloak", "linkedin", "microsoft",
    "okta", "salesforce", "shopify", "slack", "spotify", "stripe",
];

/// The crates below the adapters.
const BELOW: [&str; 3] = [
    "crates/oauth-core/",
    "crates/oauth-stage/",
    "crates/oauth-contract/",
];

pub fn faults(house: &House<'_>) -> Vec<String> {
    let root = house.workspace.root.to_string_lossy();
    let mut faults = Vec::new();
    for (path, text) in house.under("", "") {
        faults.extend(size(path, text));
        for (number, line) in text.lines().enumerate() {
            if let Some(found) = absolute(line, &root) {
                faults.push(format!(
                    "{path}:{}: an absolute path (`{found}`)",
                    number + 1
                ));
            }
        }
        if holds_private_key(text) {
            faults.push(format!("{path}: a private key; make one when it is needed"));
        }
    }
    for folder in BELOW {
        for (path, text) in house.under(folder, ".rs") {
            faults.extend(vendors(path, text, &house.adapters));
        }
    }
    faults
}

/// Too long, or no longer too long though the list says so.
fn size(path: &str, text: &str) -> Option<String> {
    if !path.ends_with(".rs") {
        return None;
    }
    let lines = text.lines().count();
    let excused = LONG.iter().any(|(long, _)| *long == path);
    match (lines > LONGEST, excused) {
        (true, false) => Some(format!("{path}: {lines} lines: make it a folder of rooms")),
        (false, true) => Some(format!(
            "{path}: {lines} lines: strike it from tidy's list of long files"
        )),
        _ => None,
    }
}

/// A path that is somebody's own. It is put together here, so that this file has none.
fn absolute(line: &str, root: &str) -> Option<String> {
    let homes = ["home", "Users", "root"].map(|folder| format!("/{folder}/"));
    let own = format!("{root}/");
    homes.into_iter().chain([own]).find(|path| {
        line.match_indices(path.as_str()).any(|(at, _)| {
            // behind a host or another folder it is the path of a URL
            !line[..at].ends_with(|c: char| c.is_alphanumeric() || "}.-_~".contains(c))
        })
    })
}

/// A PEM block with contents, or the private member of a JWK.
fn holds_private_key(text: &str) -> bool {
    let plain = text.replace("\\n", "\n").replace('\\', "");
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    let pem = plain.split("PRIVATE KEY-----").skip(1).any(|after| {
        let contents = after.trim_start().trim_start_matches('"').trim_start();
        contents.chars().take_while(|c| base64(*c)).count() >= 40
    });
    let squeezed: String = plain.chars().filter(|c| !c.is_whitespace()).collect();
    let jwk = squeezed
        .split("\"d\":\"")
        .skip(1)
        .any(|value| value.chars().take_while(|c| base64(*c)).count() >= 40);
    pem || jwk
}

/// Names of target systems in the code, comments apart.
fn vendors(path: &str, text: &str, adapters: &[String]) -> Vec<String> {
    let named = |word: &String| {
        VENDORS.contains(&word.as_str()) || (word != "template" && adapters.contains(word))
    };
    without_comments(text)
        .lines()
        .enumerate()
        .flat_map(|(number, line)| {
            words(line).into_iter().filter(named).map(move |word| {
                format!("{path}:{}: `{word}` is a target system's name", number + 1)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_seen_and_a_url_is_not() {
        let home = format!("/{}/someone/x", "home");
        assert!(absolute(&format!("path = \"{home}\""), "/w").is_some());
        assert!(absolute("see /w/src", "/w").is_some());
        assert_eq!(absolute(&format!("https://example.org{home}"), "/w"), None);
        assert_eq!(absolute("https://example.org/w", "/w"), None);
    }

    #[test]
    fn a_key_with_contents_is_seen() {
        let block = |contents: &str| format!("-----BEGIN {} KEY-----\n{contents}\n", "PRIVATE");
        assert!(holds_private_key(&block(&"A".repeat(64))));
        assert!(holds_private_key(
            &block(&"A".repeat(64)).replace('\n', "\\n")
        ));
        assert!(!holds_private_key(&block("not a key")));
        assert!(holds_private_key(&format!(
            "{{\"{}\": \"{}\"}}",
            "d",
            "A".repeat(43)
        )));
        assert!(!holds_private_key("{\"d\": \"short\"}"));
    }

    #[test]
    fn a_vendor_in_code_is_seen_and_in_a_comment_is_not() {
        let text =
            "// Slack answers 200\nlet url = \"https://slack.com\"; // slack\nstruct AcmeQuirk;\n";
        let faults = vendors("a.rs", text, &["acme".into(), "template".into()]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("a.rs:2") && faults[1].starts_with("a.rs:3"));
    }

    #[test]
    fn a_long_file_is_seen() {
        assert_eq!(size("a.rs", &"\n".repeat(LONGEST)), None);
        assert!(size("a.rs", &"\n".repeat(LONGEST + 1)).is_some());
        assert_eq!(size("a.md", &"\n".repeat(LONGEST + 1)), None);
    }
}
