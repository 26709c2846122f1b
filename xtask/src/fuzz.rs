//! `fuzz`: each parser under inputs that libFuzzer makes up, for a while. It wants the toolchain `nightly`; the
//! inputs that were kept are replayed without it, by `cargo xtask test fuzz`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::args::{Args, Given, wrong};
use crate::child;
use crate::failure::{Context, Failure};
use crate::fetch::fetched;
use crate::terminal::{Colour, Paint, count, say, table};
use crate::workspace::{Workspace, stdout, succeeds};

/// The package, below which the kept inputs stand, a folder a target.
const PACKAGE: &str = "crates/oauth-fuzz";
/// Its binary for libFuzzer, and the variable by which that knows its target.
const BINARY: &str = "parsers";
const VARIABLE: &str = "OAUTH_FUZZ_TARGET";
/// The version of cargo-fuzz.
const CARGO_FUZZ: &str = "0.13.2";
/// How a person installs the toolchain.
const NIGHTLY: &str = "rustup toolchain install nightly --profile minimal";
/// How long each target runs where nothing else is said.
const SECONDS: u64 = 60;
/// No input may take longer, in seconds, or the whole more memory, in MiB.
const PATIENCE: u64 = 10;
const MEMORY: u64 = 1024;
/// No input is longer, in bytes.
const LONGEST: u64 = 8192;
/// So many inputs of a target are kept at once.
const MOST_KEPT: usize = 40;

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let there = targets(workspace)?;
    let asked = Asked::read(args, &there)?;
    let binary = build(workspace)?;
    let mut rows = Vec::new();
    for target in &asked.targets {
        say(&format!("{target}\n"));
        let fuzzed = fuzz(workspace, &binary, target, asked.bound)?;
        if asked.keep && fuzzed.crashes.is_empty() {
            keep(workspace, &binary, target)?;
        }
        rows.push((target, fuzzed));
    }
    say(&told(&rows, Paint::from_environment()));
    match rows.iter().all(|(_, fuzzed)| fuzzed.ended_well) {
        true => Ok(()),
        false => Err(Failure::told()),
    }
}

/// What is to be run.
struct Asked {
    targets: Vec<String>,
    bound: Bound,
    keep: bool,
}

/// How long a target runs.
#[derive(Clone, Copy)]
enum Bound {
    Seconds(u64),
    Runs(u64),
}

impl Asked {
    fn read(args: Args, there: &[String]) -> Result<Self, Failure> {
        let usage = args.usage();
        let mut asked = Self {
            targets: Vec::new(),
            bound: Bound::Seconds(SECONDS),
            keep: false,
        };
        args.each(|given, value| {
            let mut number = || {
                let text = value.text()?;
                let number = text.parse().ok().filter(|number| *number > 0);
                number.ok_or_else(|| wrong(&format!("`{text}` is no number from 1"), &usage))
            };
            match given {
                Given::Flag(name) if name == "seconds" => asked.bound = Bound::Seconds(number()?),
                Given::Flag(name) if name == "runs" => asked.bound = Bound::Runs(number()?),
                Given::Flag(name) if name == "keep" => asked.keep = true,
                Given::Word(name) if there.contains(name) => asked.targets.push(name.clone()),
                Given::Word(name) => {
                    let fault = format!("no target `{name}`; there are {}", there.join(", "));
                    return Err(wrong(&fault, &usage));
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if asked.targets.is_empty() {
            asked.targets = there.to_vec();
        }
        Ok(asked)
    }
}

/// The names of the targets: each has a folder of kept inputs, which the package's own test holds.
fn targets(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let folder = kept(workspace);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).context(folder.display())? {
        let entry = entry.context(folder.display())?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn kept(workspace: &Workspace) -> PathBuf {
    workspace.root.join(PACKAGE).join("corpus")
}

/// Where what is built and found stands.
fn place(workspace: &Workspace) -> PathBuf {
    workspace.target.join("fuzz")
}

/// Builds the binary, with what it takes; where it stands.
fn build(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let triple = nightly()?;
    let tool = cargo_fuzz(workspace)?;
    let mut command = by_nightly();
    command
        .arg(tool)
        .args(["build", "--fuzz-dir"])
        .arg(workspace.root.join(PACKAGE))
        // all of ours is safe Rust, and twice as many inputs are tried without
        .args(["--sanitizer", "none", BINARY])
        .current_dir(&workspace.root)
        .env("CARGO_TARGET_DIR", place(workspace));
    if !succeeds(command)? {
        return Err(Failure::told());
    }
    Ok(place(workspace).join(triple).join("release").join(BINARY))
}

/// A command that nightly's tools are found by, whatever toolchain runs this.
fn by_nightly() -> Command {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly"])
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .stdin(Stdio::null());
    crate::workspace::forget_xtask(&mut command);
    command
}

/// The machine that nightly builds for.
fn nightly() -> Result<String, Failure> {
    let mut rustc = by_nightly();
    rustc.args(["rustc", "-vV"]);
    let missing = |_| Failure::failed(format!("fuzzing wants the toolchain nightly: `{NIGHTLY}`"));
    let text = stdout(rustc).map_err(missing)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Failure::failed("`rustc -vV` names no host"))
}

/// cargo-fuzz, installed below `target` unless it is there in that version.
fn cargo_fuzz(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let root = workspace.target.join("tools");
    let tool = root.join("bin/cargo-fuzz");
    let mut version = Command::new(&tool);
    version.arg("--version").stdin(Stdio::null());
    let is_there = stdout(version).is_ok_and(|text| text.trim_end().ends_with(CARGO_FUZZ));
    if !is_there {
        say(&format!("installing cargo-fuzz {CARGO_FUZZ}\n"));
        let mut cargo = workspace.cargo();
        cargo
            .args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ])
            .arg("--root")
            .arg(&root);
        fetched(cargo, "cargo-fuzz could not be installed")?;
    }
    Ok(tool)
}

/// What came of a target.
struct Fuzzed {
    executions: u64,
    a_second: u64,
    /// Inputs that reach what none before did.
    new: usize,
    /// Inputs that crashed, hung or took too much memory.
    crashes: Vec<PathBuf>,
    ended_well: bool,
}

fn fuzz(
    workspace: &Workspace,
    binary: &Path,
    target: &str,
    bound: Bound,
) -> Result<Fuzzed, Failure> {
    let found = found(workspace, target);
    let crashes = place(workspace).join("crashes").join(target);
    for folder in [&found, &crashes] {
        std::fs::create_dir_all(folder).context(folder.display())?;
    }
    let before = files(&crashes)?;
    let known = files(&found)?.len();
    let (bound, limit) = match bound {
        Bound::Seconds(seconds) => (
            format!("-max_total_time={seconds}"),
            Duration::from_secs(seconds.saturating_add(120)),
        ),
        Bound::Runs(runs) => (format!("-runs={runs}"), Duration::from_secs(24 * 3600)),
    };
    let mut command = libfuzzer(binary, target);
    command
        .arg(bound)
        .args([
            format!("-timeout={PATIENCE}"),
            format!("-rss_limit_mb={MEMORY}"),
            format!("-max_len={LONGEST}"),
            format!("-artifact_prefix={}/", crashes.display()),
            "-print_final_stats=1".to_owned(),
        ])
        .args([&found, &kept(workspace).join(target)]);
    let ended = child::run(command, limit)?;
    if !ended.success() {
        say(&format!("{}\n{target}: {}\n", ended.tail(), ended.how()));
    }
    let stat = |name: &str| statistic(&ended.stderr, name);
    Ok(Fuzzed {
        executions: stat("number_of_executed_units"),
        a_second: stat("average_exec_per_sec"),
        new: files(&found)?.len().saturating_sub(known),
        crashes: files(&crashes)?.difference(&before).cloned().collect(),
        ended_well: ended.success(),
    })
}

/// Adds to the kept inputs the smallest of those that reach what none of them does.
fn keep(workspace: &Workspace, binary: &Path, target: &str) -> Result<(), Failure> {
    let kept = kept(workspace).join(target);
    let before = files(&kept)?;
    let mut command = libfuzzer(binary, target);
    command
        .args(["-set_cover_merge=1", "-use_counters=0", "-use_cmp=0"])
        .arg(format!("-max_len={LONGEST}"))
        .args([&kept, &found(workspace, target)]);
    let ended = child::run(command, Duration::from_secs(600))?;
    if !ended.success() {
        let text = format!("{}\n{target}: {}", ended.tail(), ended.how());
        return Err(Failure::failed(text));
    }
    let mut new = Vec::new();
    for file in files(&kept)?.difference(&before) {
        let size = std::fs::metadata(file).context(file.display())?.len();
        new.push((size, file.clone()));
    }
    new.sort();
    for (_, file) in new.iter().skip(MOST_KEPT) {
        std::fs::remove_file(file).context(file.display())?;
    }
    say(&format!(
        "kept {}\n",
        count(new.len().min(MOST_KEPT), "input")
    ));
    Ok(())
}

fn found(workspace: &Workspace, target: &str) -> PathBuf {
    place(workspace).join("found").join(target)
}

fn libfuzzer(binary: &Path, target: &str) -> Command {
    let mut command = Command::new(binary);
    command.env(VARIABLE, target);
    command
}

fn files(folder: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).context(folder.display())?;
    entries
        .map(|entry| Ok(entry.context(folder.display())?.path()))
        .collect()
}

/// A number of `stat::NAME: 12`, as libFuzzer writes it at its end; 0: it did not.
fn statistic(stderr: &str, name: &str) -> u64 {
    let value = |line: &str| {
        let (known, value) = line.strip_prefix("stat::")?.split_once(':')?;
        (known == name).then(|| value.trim().parse().ok())?
    };
    stderr.lines().find_map(value).unwrap_or(0)
}

fn told(rows: &[(&String, Fuzzed)], paint: Paint) -> String {
    let head = ["target", "executions", "exec/s", "new corpus", "crashes"];
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|(target, fuzzed)| {
            vec![
                (*target).clone(),
                fuzzed.executions.to_string(),
                fuzzed.a_second.to_string(),
                fuzzed.new.to_string(),
                fuzzed.crashes.len().to_string(),
            ]
        })
        .collect();
    let mut text = format!(
        "\n{}",
        table(&head, &cells, |row, column, cell| {
            match (column, rows[row].1.ended_well) {
                (0 | 4, false) => paint.paint(Colour::Bad, cell),
                _ => cell.to_owned(),
            }
        })
    );
    let executions: u64 = rows.iter().map(|(_, fuzzed)| fuzzed.executions).sum();
    text.push_str(&format!("{executions} executions\n"));
    for crash in rows.iter().flat_map(|(_, fuzzed)| &fuzzed.crashes) {
        text.push_str(&format!(
            "{}: mend the fault, and keep this input in {PACKAGE}/corpus\n",
            crash.display()
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(args: &[&str]) -> Result<Asked, Failure> {
        let args = args.iter().map(Into::into).collect();
        Asked::read(Args::new(args, "usage".into()), &["a".into(), "b".into()])
    }

    #[test]
    fn all_targets_run_unless_some_are_named() {
        assert_eq!(asked(&[]).unwrap().targets, ["a", "b"]);
        let named = asked(&["b", "--runs", "7"]).unwrap();
        assert_eq!(named.targets, ["b"]);
        assert!(matches!(named.bound, Bound::Runs(7)) && !named.keep);
        for bad in [&["c"][..], &["--seconds", "0"], &["--fast"]] {
            assert!(matches!(asked(bad), Err(Failure::Usage(_))), "{bad:?}");
        }
    }

    #[test]
    fn the_table_says_how_often_and_where_a_crash_lies() {
        let stderr = "Done\nstat::number_of_executed_units: 12\n";
        let fuzzed = Fuzzed {
            executions: statistic(stderr, "number_of_executed_units"),
            a_second: statistic(stderr, "average_exec_per_sec"),
            new: 3,
            crashes: vec!["crashes/jwt/crash-1".into()],
            ended_well: false,
        };
        let text = told(&[(&"jwt".to_owned(), fuzzed)], Paint::plain());
        assert!(
            text.contains("jwt     12          0       3                 1\n"),
            "{text}"
        );
        assert!(
            text.contains("12 executions\ncrashes/jwt/crash-1: mend"),
            "{text}"
        );
    }
}
