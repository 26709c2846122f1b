//! `mutants`: small changes to the code that judges answers, one after the other; some test must notice
//! each. Who survives stands in `xtask/mutants/survivors.yaml` with its reason.

mod outcomes;
mod survivors;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::args::{Args, Given, wrong};
use crate::breaks::tree::Tree;
use crate::failure::{Context, Failure};
use crate::terminal::{Colour, Paint, count, indented, say, span, table};
use crate::workspace::{Workspace, forget_xtask, succeeds};
use outcomes::{Ended, Outcomes, Tally, by_file, file_of};

/// The tool, and the version whose mutants the list of survivors names.
const TOOL: &str = "cargo-mutants";
const VERSION: &str = "27.1.0";
/// Where the files are.
const PACKAGE: &str = "oauth-core";
const SOURCES: &str = "crates/oauth-core/src";
/// The rooms that must have no survivor: each is a file and the folder of its name.
const ROOMS: [&str; 5] = ["client_auth", "error", "grant", "response", "retry"];
/// Unit tests that make keys and check signatures: slow, and about none of these files.
const SLOW: [&str; 3] = ["signing_key::", "jwt::", "jwks::"];
/// Integration tests over these files, for what no unit test notices.
const ACROSS: [&str; 6] = [
    "authenticates",
    "binds",
    "flows",
    "hostile",
    "quirks",
    "renews",
];

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let files = asked_for(workspace, args)?;
    let list = survivors::read(&workspace.root.join("xtask/mutants/survivors.yaml"))?;
    let began = Instant::now();
    let tool = Tool::installed(workspace)?;
    let tree = Tree::copy(workspace, "mutants")?;

    let units = Tests {
        targets: vec!["--lib"],
        skipped: &SLOW,
    };
    let mut outcomes = tool.run(&tree, "quick", &files, &[], &units)?;
    if outcomes.is_empty() {
        return Err(Failure::failed("there was no mutant: nothing was proved"));
    }
    let looked_at = |file: &str| files.iter().any(|looked_at| looked_at == file);
    let unexplained = survivors::compare(&list, &survived(&outcomes), looked_at).unexplained;
    if !unexplained.is_empty() {
        let noun = count(unexplained.len(), "mutant");
        say(&format!(
            "\n{noun} no unit test noticed: now the integration tests\n"
        ));
        let across = Tests {
            targets: ACROSS.iter().flat_map(|test| ["--test", test]).collect(),
            skipped: &[],
        };
        outcomes.extend(tool.run(&tree, "across", &files, &unexplained, &across)?);
    }

    let apart = survivors::compare(&list, &survived(&outcomes), looked_at);
    let paint = Paint::from_environment();
    say(&format!(
        "\n{}\n{} in {}\n",
        told(&outcomes, &apart.unexplained, paint),
        count(outcomes.len(), "mutant"),
        span(began.elapsed())
    ));
    for (what, names) in [
        ("survived without a reason", &apart.unexplained),
        ("has a reason but does not survive", &apart.stale),
    ] {
        if !names.is_empty() {
            say(&format!(
                "\n{}\n{}",
                paint.paint(Colour::Bad, what),
                indented(&names.join("\n"), 4)
            ));
        }
    }
    match apart.unexplained.is_empty() && apart.stale.is_empty() {
        true => Ok(()),
        false => Err(Failure::told()),
    }
}

/// The files asked for, relative to the workspace; all of the rooms where none is named.
fn asked_for(workspace: &Workspace, args: Args) -> Result<Vec<String>, Failure> {
    let usage = args.usage();
    let mut words = Vec::new();
    args.each(|given, _| match given {
        Given::Word(word) => {
            words.push(word.clone());
            Ok(true)
        }
        _ => Ok(false),
    })?;
    let all: Vec<String> = workspace
        .files()?
        .iter()
        .filter_map(|file| Some(file.to_str()?.to_owned()))
        .collect();
    chosen(&all, &words).map_err(|fault| wrong(&fault, &usage))
}

/// Those of the rooms' files that a word names (`retry`, `retry.rs`, `response/expiry.rs`, or the whole path).
fn chosen(all: &[String], words: &[String]) -> Result<Vec<String>, String> {
    let in_room = |file: &str, room: &str| {
        let inside = file
            .strip_prefix(SOURCES)
            .and_then(|file| file.strip_prefix('/'));
        let rest = inside.and_then(|file| file.strip_prefix(room));
        rest.is_some_and(|rest| rest == ".rs" || (rest.starts_with('/') && rest.ends_with(".rs")))
    };
    let is_test = |file: &str| file.ends_with("/tests.rs") || file.contains("/tests/");
    let ours = || {
        let any_room = |file: &&String| ROOMS.iter().any(|room| in_room(file, room));
        all.iter().filter(any_room).filter(|file| !is_test(file))
    };
    for word in words {
        if !ours().any(|file| is_named(file, word)) {
            return Err(format!("`{word}` is no file of {}", ROOMS.join(", ")));
        }
    }
    let wanted = |file: &&String| words.is_empty() || words.iter().any(|word| is_named(file, word));
    Ok(ours().filter(wanted).cloned().collect())
}

fn is_named(file: &str, word: &str) -> bool {
    let inside = file
        .strip_prefix(SOURCES)
        .unwrap_or(file)
        .trim_start_matches('/');
    let room = inside.split(['/', '.']).next();
    file == word || inside == word || room == Some(word)
}

fn survived(outcomes: &Outcomes) -> Vec<String> {
    let is_one =
        |(name, ended): (&String, &Ended)| (*ended == Ended::Survived).then(|| name.clone());
    outcomes.iter().filter_map(is_one).collect()
}

/// The tests that mutants are tried against.
struct Tests<'a> {
    /// What cargo is to build, and to run.
    targets: Vec<&'a str>,
    /// What their names begin with that are left out.
    skipped: &'a [&'a str],
}

/// cargo-mutants below the target folder.
struct Tool<'a> {
    workspace: &'a Workspace,
    program: PathBuf,
}

impl<'a> Tool<'a> {
    /// Installs it where it is missing, or is another version.
    fn installed(workspace: &'a Workspace) -> Result<Self, Failure> {
        let root = workspace.target.join("tools");
        let tool = Self {
            workspace,
            program: root.join("bin").join(TOOL),
        };
        if tool.is_here() {
            return Ok(tool);
        }
        say(&format!(
            "installing {TOOL} {VERSION} below the target folder\n"
        ));
        let mut cargo = workspace.cargo();
        cargo
            .args(["install", TOOL, "--version", VERSION, "--locked", "--root"])
            .arg(&root)
            .env_remove("CARGO_TARGET_DIR");
        match succeeds(cargo)? && tool.is_here() {
            true => Ok(tool),
            false => Err(Failure::failed(format!(
                "{TOOL} {VERSION} was not installed"
            ))),
        }
    }

    fn is_here(&self) -> bool {
        let mut version = Command::new(&self.program);
        version.args(["mutants", "--version"]).stdin(Stdio::null());
        version.output().is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).trim() == format!("{TOOL} {VERSION}")
        })
    }

    /// Tries the mutants of the files, or only those named.
    fn run(
        &self,
        tree: &Tree<'_>,
        pass: &str,
        files: &[String],
        only: &[String],
        tests: &Tests<'_>,
    ) -> Result<Outcomes, Failure> {
        let folder = self.workspace.target.join("mutants").join(pass);
        std::fs::create_dir_all(&folder).context(folder.display())?;
        let mut command = Command::new(&self.program);
        forget_xtask(&mut command);
        command
            .current_dir(&tree.root)
            .stdin(Stdio::null())
            .env("CARGO_TARGET_DIR", &self.workspace.target)
            .env("CARGO_INCREMENTAL", "1")
            // quicker to build; and what is built with a mutant is not taken for the workspace's own
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .args(["mutants", "--in-place", "--no-times", "--package", PACKAGE])
            .arg("--config")
            .arg(tree.root.join("xtask/mutants/cargo-mutants.toml"))
            .arg("--output")
            .arg(&folder)
            .args(files.iter().flat_map(|file| ["--file", file]))
            .args(
                only.iter()
                    .flat_map(|name| ["--re".to_owned(), exactly(name)]),
            )
            // what stands behind `--` chooses what is run, but not what is built
            .args(
                tests
                    .targets
                    .iter()
                    .map(|target| format!("--cargo-arg={target}")),
            )
            .args(["--", "--"])
            .args(tests.skipped.iter().flat_map(|name| ["--skip", name]));
        let status = command.status().context(TOOL)?;
        match status.code() {
            // all caught, some missed, some came to no end
            Some(0 | 2 | 3) => outcomes::read(&folder),
            Some(4) => Err(Failure::failed("the tests fail without any mutant")),
            _ => Err(Failure::failed(format!("{TOOL} did not finish ({status})"))),
        }
    }
}

/// A pattern that only this name matches.
fn exactly(name: &str) -> String {
    let mut pattern = String::from("^");
    for letter in name.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "$"
}

fn told(outcomes: &Outcomes, unexplained: &[String], paint: Paint) -> String {
    let mut total = Tally::default();
    outcomes.values().for_each(|ended| total.count(*ended));
    let without = |file: &str| {
        let of_file = |name: &&String| file_of(name) == file;
        unexplained.iter().filter(of_file).count()
    };
    let row = |name: &str, tally: Tally, without: usize| {
        let numbers = [
            tally.mutants,
            tally.caught,
            tally.unviable,
            tally.timeout,
            tally.survived - without,
            without,
        ];
        let name = name.strip_prefix(SOURCES).unwrap_or(name);
        std::iter::once(name.trim_start_matches('/').to_owned())
            .chain(numbers.iter().map(usize::to_string))
            .collect::<Vec<_>>()
    };
    let mut rows: Vec<Vec<String>> = by_file(outcomes)
        .into_iter()
        .map(|(file, tally)| row(file, tally, without(file)))
        .collect();
    rows.push(row("all", total, unexplained.len()));
    let head = [
        "file",
        "mutants",
        "caught",
        "unviable",
        "timeout",
        "survived with reason",
        "without",
    ];
    table(&head, &rows, |_, column, cell| match (column, cell) {
        (6, "0") => paint.paint(Colour::Good, cell),
        (6, _) => paint.paint(Colour::Bad, cell),
        _ => cell.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_word_names_a_room_or_a_file_of_one() {
        let path = |file: &str| format!("{SOURCES}/{file}");
        let all = names(&[
            &path("response.rs"),
            &path("response/expiry.rs"),
            &path("response/tests.rs"),
            &path("response/tests/refusals.rs"),
            &path("retry.rs"),
            &path("retry_budget.rs"),
            &path("source.rs"),
            "crates/oauth-store/src/retry.rs",
        ]);
        let of = |words: &[&str]| chosen(&all, &names(words));
        let (room, expiry) = (path("response.rs"), path("response/expiry.rs"));
        let retry = path("retry.rs");
        assert_eq!(of(&[]).unwrap(), names(&[&room, &expiry, &retry]));
        assert_eq!(of(&["response"]).unwrap(), names(&[&room, &expiry]));
        assert_eq!(of(&["response.rs"]).unwrap(), names(&[&room]));
        assert_eq!(
            of(&["response/expiry.rs", &retry]).unwrap(),
            names(&[&expiry, &retry])
        );
        for wrong in ["source", "source.rs", "response/tests.rs", "src", ""] {
            assert!(
                of(&["retry", wrong]).unwrap_err().contains("is no file"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_survivor_is_tried_again_by_its_name_alone() {
        assert_eq!(
            exactly("a.rs:1:2: replace | with ^"),
            r"^a\.rs:1:2: replace \| with \^$"
        );
    }

    #[test]
    fn the_report_counts_the_unexplained_apart() {
        let ended = [
            ("crates/oauth-core/src/retry.rs:1:1: a", Ended::Caught),
            ("crates/oauth-core/src/retry.rs:2:1: b", Ended::Survived),
            ("crates/oauth-core/src/retry.rs:3:1: c", Ended::Survived),
        ];
        let outcomes = ended.map(|(name, ended)| (name.to_owned(), ended)).into();
        let text = told(&outcomes, &names(&[ended[2].0]), Paint::plain());
        let last: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(last, ["all", "3", "1", "0", "0", "1", "1"]);
        assert!(
            text.lines().any(|line| line.starts_with("retry.rs ")),
            "{text}"
        );
    }
}
