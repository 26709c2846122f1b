//! `bench`: what the core costs, beside a bare HTTP client, against the goals.

mod goals;
mod peers;
mod runs;
mod server;

use std::path::PathBuf;

use crate::args::{Args, Given, wrong};
use crate::bench::goals::GOALS;
use crate::bench::runs::{PROGRAMS, WORKLOADS, run_all};
use crate::bench::server::Server;
use crate::failure::{Context, Failure};
use crate::terminal::{Colour, Paint, say, table};
use crate::workspace::{Workspace, forget_xtask, handed_on, succeeds};

/// The profile of Cargo.toml that is measured.
const PROFILE: &str = "measured";

/// What was asked for.
#[derive(Default)]
struct Asked {
    criterion: bool,
    /// Workloads, or names of criterion's benches.
    names: Vec<String>,
    rounds: Option<usize>,
    peers: Option<PathBuf>,
    out: Option<PathBuf>,
}

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let usage = args.usage();
    let asked = asked(args)?;
    if asked.criterion {
        return criterion(workspace, &asked.names);
    }
    for name in &asked.names {
        if !WORKLOADS.iter().any(|workload| workload.name == *name) {
            let there: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
            let fault = format!("no workload `{name}`; there are {}", there.join(", "));
            return Err(wrong(&fault, &usage));
        }
    }
    build(workspace)?;
    let keys = keys(workspace)?;
    if let Some(peers) = &asked.peers {
        return peers::run(workspace, peers, &asked);
    }
    let mut server = Server::start(program(workspace, "bench-server"))?;
    let drivers = PROGRAMS.map(|name| (name, program(workspace, name)));
    let runs = run_all(
        &mut server,
        &drivers,
        &keys,
        asked.rounds.unwrap_or(3),
        |name| asked.names.is_empty() || asked.names.iter().any(|asked| asked == name),
    )?;
    if let Some(out) = &asked.out {
        std::fs::write(out, runs.lines()).context(out.display())?;
    }
    let paint = Paint::from_environment();
    say(&format!("\n{}\n", runs.table()));
    let verdicts: Vec<_> = GOALS
        .iter()
        .filter_map(|goal| goal.verdict(&runs))
        .collect();
    let rows: Vec<_> = verdicts.iter().map(goals::Verdict::row).collect();
    say(&table(
        &["goal", "wanted", "measured", ""],
        &rows,
        |row, column, cell| match (column, verdicts[row].met) {
            (3, Some(true)) => paint.paint(Colour::Good, cell),
            (3, Some(false)) => paint.paint(Colour::Bad, cell),
            (3, None) => paint.paint(Colour::Faint, cell),
            _ => cell.to_owned(),
        },
    ));
    // figures depend on the machine and on who else uses it: a goal that is missed is told and no failure
    Ok(())
}

fn asked(args: Args) -> Result<Asked, Failure> {
    let usage = args.usage();
    let mut asked = Asked::default();
    let mut words = Vec::new();
    args.each(|given, value| {
        match given {
            Given::Flag(name) if name == "rounds" => {
                let text = value.text()?;
                let rounds = text.parse().ok().filter(|rounds| *rounds > 0);
                asked.rounds =
                    Some(rounds.ok_or_else(|| {
                        wrong(&format!("`{text}` is no number of rounds"), &usage)
                    })?);
            }
            Given::Flag(name) if name == "peers" => asked.peers = Some(value.path()?),
            Given::Flag(name) if name == "out" => asked.out = Some(value.path()?),
            Given::Word(word) => words.push(word.clone()),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    asked.criterion = words.first().is_some_and(|word| word == "criterion");
    let named = usize::from(matches!(
        words.first().map(String::as_str),
        Some("criterion" | "driver")
    ));
    asked.names = words.split_off(named);
    Ok(asked)
}

/// criterion's benches, all or those whose names hold one of these words.
fn criterion(workspace: &Workspace, names: &[String]) -> Result<(), Failure> {
    let mut cargo = workspace.cargo();
    cargo.args(["bench", "--profile", PROFILE, "--package", "oauth-bench"]);
    if !names.is_empty() {
        cargo.arg("--").args(names);
    }
    handed_on(cargo)
}

fn build(workspace: &Workspace) -> Result<(), Failure> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--profile", PROFILE, "--package", "oauth-bench"]);
    match succeeds(cargo)? {
        true => Ok(()),
        false => Err(Failure::told()),
    }
}

fn program(workspace: &Workspace, name: &str) -> PathBuf {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    workspace.target.join(PROFILE).join(name)
}

/// The folder of the keys that drivers sign with, which are made once.
fn keys(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = workspace.target.join("bench").join("keys");
    let mut server = std::process::Command::new(program(workspace, "bench-server"));
    server.arg("keys").arg(&folder);
    forget_xtask(&mut server);
    match succeeds(server)? {
        true => Ok(folder),
        false => Err(Failure::told()),
    }
}
