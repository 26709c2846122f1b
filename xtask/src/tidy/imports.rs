//! Imports: inside a crate a module names the room (`crate::token::Token`), never the shop window
//! (`crate::Token`). So the files form floors, and a circle is seen.

use crate::tidy::House;
use crate::tidy::code::code_alone;

pub fn faults(house: &House<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for front in ["src/lib.rs", "src/main.rs"] {
        for (path, text) in house.under("", front) {
            let root = path.trim_end_matches(front);
            if !root.starts_with("crates/") && root != "xtask/" {
                continue; // an adapter's lib.rs is the adapter, not a window
            }
            let rooms = rooms(text);
            for (path, text) in house.under(&format!("{root}src/"), ".rs") {
                for (line, name) in from_the_window(text, &rooms) {
                    faults.push(format!(
                        "{path}:{line}: `crate::{name}`: import it from its room"
                    ));
                }
            }
        }
    }
    faults
}

/// The modules a crate's front declares.
fn rooms(front: &str) -> Vec<&str> {
    front
        .lines()
        .filter_map(|line| {
            let rest = line
                .trim_start()
                .trim_start_matches("pub ")
                .trim_start_matches("pub(crate) ");
            rest.strip_prefix("mod ")
        })
        .map(|rest| rest.split([';', ' ', '{']).next().unwrap_or(rest))
        .collect()
}

/// What is named as `crate::X` without X being a room, with its line.
fn from_the_window(text: &str, rooms: &[&str]) -> Vec<(usize, String)> {
    let code = code_alone(text);
    let mut found = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || "_$:".contains(c)) {
            continue; // `$crate::`, or another word
        }
        let line = code[..at].lines().count().max(1);
        for name in first_words(&code[at + path.len()..]) {
            if !rooms.contains(&name.as_str()) {
                found.push((line, name));
            }
        }
    }
    found
}

/// The first word of a path, or of each path in braces; macros of the crate have no room.
fn first_words(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        let end = path
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(path.len());
        let (word, rest) = path.split_at(end);
        return if rest.starts_with('!') {
            Vec::new()
        } else {
            vec![word.to_owned()]
        };
    };
    let mut depth = 1;
    let mut members = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => members.push(String::new()),
            _ => {
                if let Some(member) = members.last_mut().filter(|_| depth == 1) {
                    member.push(c);
                }
            }
        }
        if depth == 0 {
            break;
        }
    }
    members
        .iter()
        .map(|member| member.trim())
        .filter(|member| !member.is_empty())
        .flat_map(first_words)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rooms_may_follow_crate() {
        let rooms = rooms("//! Doc.\nmod token;\npub mod error;\npub(crate) mod http {\n");
        assert_eq!(rooms, ["token", "error", "http"]);
        let text = "use crate::token::Token;\n// use crate::Secret;\nuse crate::{error::Error, Secret, http::{A, B}};\n\
            fn a() -> crate::Token { $crate::x(); crate::say!() }\nlet s = \"crate::Text\";\n";
        let found = from_the_window(text, &rooms);
        assert_eq!(found, [(3, "Secret".to_owned()), (4, "Token".to_owned())]);
    }
}
