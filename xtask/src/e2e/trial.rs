//! A trial, as its test program lists it.

/// One trial as the list names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    pub name: String,
    /// `clause`, `fixture` or `trial`.
    pub kind: String,
}

/// A line of libtest-mimic's list: `[kind] name: test`.
pub fn listed(line: &str) -> Option<Trial> {
    let line = line.strip_suffix(": test")?;
    let (kind, name) = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
        .unwrap_or(("", line));
    Some(Trial {
        name: name.to_owned(),
        kind: kind.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_line_is_a_kind_and_a_name() {
        let trial = listed("[clause] template/static/bears_the_token: test").unwrap();
        assert_eq!(
            (trial.kind.as_str(), trial.name.as_str()),
            ("clause", "template/static/bears_the_token")
        );
        assert_eq!(listed("plain: test").unwrap().name, "plain");
        assert_eq!(listed(""), None);
        assert_eq!(listed("3 tests, 0 benchmarks"), None);
    }
}
