//! The name of an adapter, in the four ways it is written.

use crate::failure::Failure;

/// Names our own crates bear, or will.
const OURS: [&str; 9] = [
    "core", "stage", "contract", "store", "doctor", "cli", "live", "bench", "template",
];

/// Rust's keywords, reserved ones too (Rust reference, 2.1).
const KEYWORDS: [&str; 53] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "raw",
];

/// A name as it is written in folders, in code, in types and in constants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// `acme-cloud`
    pub kebab: String,
    /// `acme_cloud`
    pub snake: String,
    /// `AcmeCloud`
    pub camel: String,
    /// `ACME_CLOUD`
    pub screaming: String,
}

impl Name {
    /// A name that is free among `adapters`; the error says which rule it breaks.
    pub fn parse(text: &str, adapters: &[String]) -> Result<Self, Failure> {
        let refused = |why: &str| Err(Failure::usage(format!("the name `{text}` {why}")));
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !text.starts_with(|c: char| c.is_ascii_lowercase())
            || !text
                .split('-')
                .all(|part| !part.is_empty() && part.chars().all(lower))
        {
            return refused(
                "must be lower-case words joined by `-`, such as `acme` or `acme-cloud`",
            );
        }
        if OURS.contains(&text) {
            return refused("is one of our own crates'");
        }
        if KEYWORDS.contains(&text) {
            return refused("is a keyword of Rust");
        }
        if adapters.iter().any(|adapter| adapter == text) {
            return refused("is an adapter's already");
        }
        Ok(Self::of(text))
    }

    /// The four forms of a name that is known to be one.
    pub fn of(kebab: &str) -> Self {
        let snake = kebab.replace('-', "_");
        let camel = kebab
            .split('-')
            .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
            .collect();
        Self {
            kebab: kebab.to_owned(),
            screaming: snake.to_ascii_uppercase(),
            snake,
            camel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_four_forms() {
        let name = Name::parse("acme-cloud2", &[]).unwrap();
        assert_eq!(name.snake, "acme_cloud2");
        assert_eq!(name.camel, "AcmeCloud2");
        assert_eq!(name.screaming, "ACME_CLOUD2");
    }

    #[test]
    fn refuses_what_cannot_be_a_name() {
        let adapters = ["fhir".to_owned()];
        for bad in [
            "",
            "Acme",
            "acme_cloud",
            "2acme",
            "-acme",
            "acme-",
            "acme--cloud",
            "../acme",
            "acme/x",
            "äcme",
            "template",
            "core",
            "static",
            "yield",
            "fhir",
        ] {
            assert!(
                matches!(Name::parse(bad, &adapters), Err(Failure::Usage(_))),
                "{bad}"
            );
        }
    }
}
