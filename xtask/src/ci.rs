//! `ci`: every proof there is, step by step.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::args::{Args, Given, wrong};
use crate::failure::Failure;
use crate::new::{self, Name, SHAPES};
use crate::terminal::{Colour, Paint, say, span, table};
use crate::workspace::{Workspace, stdout, succeeds};
use crate::{breaks, e2e, readme, remove, setup, test, tidy};

/// One step. The README may have run it already.
struct Step {
    name: &'static str,
    /// What a person types for it; `None`: it is not a command of its own.
    command: Option<&'static str>,
    run: fn(&Workspace) -> Result<(), Failure>,
}

/// The cheap ones first: what fails soon is mended soon.
const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        command: None,
        run: fmt,
    },
    Step {
        name: "deny",
        command: None,
        run: deny,
    },
    Step {
        name: "clippy",
        command: None,
        run: clippy,
    },
    Step {
        name: "e2e",
        command: Some("cargo xtask e2e"),
        run: |workspace| e2e::run(workspace, Args::new(Vec::new(), "cargo xtask e2e".into())),
    },
    Step {
        name: "live",
        command: Some("cargo xtask e2e --live"),
        run: |workspace| {
            let live = vec!["--live".into()];
            e2e::run(workspace, Args::new(live, "cargo xtask e2e --live".into()))
        },
    },
    Step {
        name: "tidy",
        command: Some("cargo xtask tidy"),
        run: |workspace| tidy::run(workspace, Args::new(Vec::new(), "cargo xtask tidy".into())),
    },
    Step {
        name: "test",
        command: Some("cargo xtask test"),
        run: |workspace| test::run(workspace, Args::new(Vec::new(), "cargo xtask test".into())),
    },
    Step {
        name: "doc",
        command: None,
        run: doc,
    },
    Step {
        name: "probes",
        command: None,
        run: probes,
    },
    Step {
        name: "breaks",
        command: Some("cargo xtask breaks"),
        run: |workspace| {
            breaks::run(
                workspace,
                Args::new(Vec::new(), "cargo xtask breaks".into()),
            )
        },
    },
];

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let usage = args.usage();
    let mut asked: Vec<String> = Vec::new();
    let mut after_readme = false;
    args.each(|given, value| {
        match given {
            Given::Flag(name) if name == "step" => asked.push(value.text()?),
            Given::Flag(name) if name == "after-readme" => after_readme = true,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    for name in &asked {
        if !STEPS.iter().any(|step| step.name == name) {
            let there: Vec<_> = STEPS.iter().map(|step| step.name).collect();
            return Err(wrong(
                &format!("no step `{name}`; there are {}", there.join(", ")),
                &usage,
            ));
        }
    }
    let ran = match after_readme {
        true => readme::commands(workspace)?,
        false => Vec::new(),
    };
    let mut results = Vec::new();
    for step in STEPS {
        if asked.is_empty() || asked.iter().any(|name| name == step.name) {
            results.push((step.name, one(workspace, step, &ran)));
        }
    }
    say(&told(&results, Paint::from_environment()));
    match results
        .iter()
        .all(|(_, result)| !matches!(result, Ended::Failed(_)))
    {
        true => Ok(()),
        false => Err(Failure::told()),
    }
}

/// How a step ended, and how long it took.
enum Ended {
    Passed(Duration),
    Failed(Duration),
    /// It stands in the README, word for word, and was run there.
    InReadme,
}

fn one(workspace: &Workspace, step: &Step, ran: &[String]) -> Ended {
    let is_step = |ran: &String| step.command == Some(ran);
    if ran.iter().any(is_step) {
        return Ended::InReadme;
    }
    say(&format!("\n== {} ==\n", step.name));
    let began = Instant::now();
    match (step.run)(workspace) {
        Ok(()) => Ended::Passed(began.elapsed()),
        Err(failure) => {
            failure.report();
            Ended::Failed(began.elapsed())
        }
    }
}

fn told(results: &[(&str, Ended)], paint: Paint) -> String {
    let rows: Vec<Vec<String>> = results
        .iter()
        .map(|(name, result)| {
            let (word, time) = match result {
                Ended::Passed(time) => ("passed", span(*time)),
                Ended::Failed(time) => ("failed", span(*time)),
                Ended::InReadme => ("ran with the README", String::new()),
            };
            vec![(*name).to_owned(), word.to_owned(), time]
        })
        .collect();
    let text = table(
        &["step", "outcome", "time"],
        &rows,
        |row, column, cell| match (column, &results[row].1) {
            (1, Ended::Failed(_)) => paint.paint(Colour::Bad, cell),
            (1, _) => paint.paint(Colour::Good, cell),
            _ => cell.to_owned(),
        },
    );
    format!("\n{text}")
}

fn fmt(workspace: &Workspace) -> Result<(), Failure> {
    let mut cargo = workspace.cargo();
    cargo.args(["fmt", "--all", "--", "--check"]);
    must(cargo)
}

fn clippy(workspace: &Workspace) -> Result<(), Failure> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-features",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    must(cargo)?;
    // no target to cargo, since `cargo test` leaves it out
    let mut cargo = workspace.cargo();
    cargo.args(["clippy", "--quiet", "--package", "oauth-live", "--test"]);
    cargo.args(["live", "--", "-D", "warnings"]);
    must(cargo)
}

fn doc(workspace: &Workspace) -> Result<(), Failure> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["doc", "--quiet", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings");
    must(cargo)
}

/// Licences, sources and banned crates. Off the build server it is no failure to lack the tool.
fn deny(workspace: &Workspace) -> Result<(), Failure> {
    one_crypto_library(workspace)?;
    if !setup::has_deny(workspace) {
        let text = format!(
            "cargo-deny is not installed: `cargo xtask setup`, or `{}`",
            setup::DENY
        );
        if std::env::var("CI").is_ok_and(|value| value == "true") {
            return Err(Failure::failed(text));
        }
        say(&format!("{text}\n"));
        return Ok(());
    }
    let mut cargo = workspace.cargo();
    cargo.args(["deny", "check", "bans", "licenses", "sources"]);
    must(cargo)
}

/// cargo-deny sees the features of the whole workspace at once, the tests' mock server among them; what a
/// user builds must have no second crypto library.
fn one_crypto_library(workspace: &Workspace) -> Result<(), Failure> {
    const OF_TESTS: [&str; 4] = ["oauth-contract", "oauth-live", "oauth-bench", "xtask"];
    let mut cargo = workspace.cargo();
    cargo.args([
        "tree",
        "--workspace",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
    ]);
    cargo.args(OF_TESTS.iter().flat_map(|package| ["--exclude", package]));
    for line in stdout(cargo)?.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        if ["ring", "openssl", "openssl-sys", "native-tls"].contains(&name) {
            return Err(Failure::failed(format!(
                "`{line}` is built into what a user builds: see `cargo tree -i {name}`"
            )));
        }
    }
    Ok(())
}

/// An adapter of each shape is made, passes everything as it is, and is taken away without a trace.
fn probes(workspace: &Workspace) -> Result<(), Failure> {
    let before = workspace.git_status()?;
    let names: Vec<Name> = SHAPES
        .iter()
        .map(|shape| Name::of(&format!("probe-{shape}")))
        .collect();
    let adapters = workspace.adapters()?;
    if let Some(name) = names.iter().find(|name| adapters.contains(&name.kebab)) {
        let text = format!(
            "a probe is left from an aborted run: `cargo xtask remove {}`",
            name.kebab
        );
        return Err(Failure::failed(text));
    }
    let made: Result<(), Failure> = SHAPES
        .iter()
        .zip(&names)
        .try_for_each(|(shape, name)| new::make(workspace, name, shape));
    let passed = made.and_then(|()| prove(workspace, &names));
    let there = workspace.adapters()?;
    for name in names.iter().filter(|name| there.contains(&name.kebab)) {
        remove::remove(workspace, &name.kebab)?;
    }
    passed?;
    let after = workspace.git_status()?;
    match before == after {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "the probes left traces; before:\n{before}after:\n{after}"
        ))),
    }
}

/// What an author is held to holds for the copy at once: format, lints, contract and fixtures.
fn prove(workspace: &Workspace, names: &[Name]) -> Result<(), Failure> {
    fmt(workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args(["clippy", "--quiet", "--all-targets"]);
    for name in names {
        cargo.args(["--package", &format!("oauth-{}", name.kebab)]);
    }
    cargo.args(["--", "-D", "warnings"]);
    must(cargo)?;
    let filters = names.iter().map(|name| name.kebab.clone().into()).collect();
    e2e::run(workspace, Args::new(filters, "cargo xtask e2e".into()))
}

fn must(command: Command) -> Result<(), Failure> {
    match succeeds(command)? {
        true => Ok(()),
        false => Err(Failure::told()),
    }
}
