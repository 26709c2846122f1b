//! A patch: the promise it breaks, the trial that must notice, and the change itself.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Failure};

/// `xtask/breaks/<name>.patch`.
pub struct Patch {
    pub name: String,
    pub file: PathBuf,
    pub promise: String,
    pub trial: Trial,
    /// The files it changes, relative to the workspace.
    pub changes: Vec<PathBuf>,
}

/// A trial by the package and target it stands in.
#[derive(Debug, PartialEq, Eq)]
pub struct Trial {
    pub package: String,
    pub target: Target,
    pub name: String,
}

/// Which tests of a package.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// The unit tests of its library.
    Lib,
    /// An integration test.
    Test(String),
}

impl Patch {
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file).context(file.display())?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let (promise, trial) = head(&text).context(file.display())?;
        let changes = changes(&text);
        if changes.is_empty() {
            return Err(Failure::failed(format!(
                "{}: it changes nothing",
                file.display()
            )));
        }
        Ok(Self {
            name: name.into_owned(),
            file: file.to_owned(),
            promise,
            trial,
            changes,
        })
    }
}

/// The two lines above the diff: `Breaks: <promise>` and `Trial: <package> <lib|test:TARGET> <name>`.
fn head(text: &str) -> Result<(String, Trial), String> {
    let mut lines = text.lines();
    let mut field = |name: &str| {
        lines
            .next()
            .and_then(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .ok_or(format!(
                "its head must be `Breaks: …` and then `Trial: …`; `{name}:` is missing"
            ))
    };
    let promise = field("Breaks")?.to_owned();
    Ok((promise, trial(field("Trial")?)?))
}

fn trial(text: &str) -> Result<Trial, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [package, target, name] = words[..] else {
        return Err(format!(
            "`Trial: {text}` is not a package, a target and a name"
        ));
    };
    let target = match target.split_once(':') {
        None if target == "lib" => Target::Lib,
        Some(("test", target)) if !target.is_empty() => Target::Test(target.to_owned()),
        _ => {
            return Err(format!(
                "`Trial: {text}`: the target is `lib` or `test:NAME`, not `{target}`"
            ));
        }
    };
    Ok(Trial {
        package: package.to_owned(),
        target,
        name: name.to_owned(),
    })
}

/// The files named by the diff, on either side.
fn changes(text: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("--- a/")
                .or_else(|| line.strip_prefix("+++ b/"))
        })
        .map(|name| PathBuf::from(name.split('\t').next().unwrap_or(name)))
        .collect();
    files.sort();
    files.dedup();
    files
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Lib => write!(f, "{} of {}", self.name, self.package),
            Target::Test(target) => write!(f, "{} of {}, test {target}", self.name, self.package),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_names_the_promise_and_the_trial() {
        let (promise, trial) = head(
            "Breaks: one renewal a crowd\nTrial: oauth-template test:e2e template/x/y\n\n--- a/f\n",
        )
        .unwrap();
        assert_eq!(promise, "one renewal a crowd");
        assert_eq!(trial.package, "oauth-template");
        assert_eq!(trial.target, Target::Test("e2e".into()));
        assert_eq!(trial.name, "template/x/y");
        let (_, trial) = head("Breaks: p\nTrial: oauth-core lib token::tests::a\n").unwrap();
        assert_eq!(trial.target, Target::Lib);
    }

    #[test]
    fn a_head_that_is_wrong_says_what_is_missing() {
        for (text, says) in [
            ("", "`Breaks:` is missing"),
            ("Breaks: \nTrial: a lib b\n", "`Breaks:` is missing"),
            ("Breaks: p\n--- a/f\n", "`Trial:` is missing"),
            (
                "Breaks: p\nTrial: oauth-core lib\n",
                "not a package, a target and a name",
            ),
            (
                "Breaks: p\nTrial: oauth-core bench:x y\n",
                "`lib` or `test:NAME`",
            ),
            (
                "Breaks: p\nTrial: oauth-core test: y\n",
                "`lib` or `test:NAME`",
            ),
        ] {
            assert!(head(text).unwrap_err().contains(says), "{text}");
        }
    }

    #[test]
    fn knows_the_files_it_changes() {
        let text = "Breaks: p\nTrial: a lib b\n\n--- a/crates/x/src/a.rs\n+++ b/crates/x/src/a.rs\n@@ -1 +1 @@\n-a\n+b\n--- /dev/null\n+++ b/new.rs\n";
        assert_eq!(
            changes(text),
            [PathBuf::from("crates/x/src/a.rs"), PathBuf::from("new.rs")]
        );
    }
}
