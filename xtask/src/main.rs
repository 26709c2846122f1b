//! `cargo xtask`: what is done in this workspace, one file a command.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task talks to the person at the terminal"
)]

mod args;
mod bench;
mod breaks;
mod child;
mod ci;
mod demo;
mod e2e;
mod failure;
mod fetch;
mod fixture;
mod fuzz;
mod jwks;
mod live;
mod mutants;
mod new;
mod node;
mod npm;
mod python;
mod readme;
mod remove;
mod requirements;
mod services;
mod setup;
mod soak;
mod terminal;
mod test;
mod tidy;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::args::Args;
use crate::failure::Failure;
use crate::terminal::say;
use crate::workspace::Workspace;

/// One command: how it is called, what it does, and the function that does it.
struct Command {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(&Workspace, Args) -> Result<(), Failure>,
}

/// Every command, in the order in which a newcomer meets them.
const COMMANDS: &[Command] = &[
    Command {
        name: "e2e",
        usage: "[ADAPTER[/SCENARIO]] [--live] [--junit FILE] [--list]",
        about: "run the adapters end to end: their contract and their fixtures, or (--live) against servers that others wrote",
        run: e2e::run,
    },
    Command {
        name: "demo",
        usage: "[ADAPTER]",
        about: "fetch and use a token on loopback, each step shown as it goes over the wire",
        run: demo::run,
    },
    Command {
        name: "test",
        usage: "[PACKAGE]",
        about: "every test of the workspace, or of one package (core or oauth-core)",
        run: test::run,
    },
    Command {
        name: "new",
        usage: "NAME [--grant client-secret|private-key-jwt|refresh|static]",
        about: "make an adapter from the template",
        run: new::run,
    },
    Command {
        name: "remove",
        usage: "NAME",
        about: "take an adapter and its fixtures away",
        run: remove::run,
    },
    Command {
        name: "fixture",
        usage: "export ADAPTER[/SCENARIO] DIR [--server URL] [--key TEXT] [--dir PATH] | import FILE ADAPTER/SCENARIO [--server URL]",
        about: "give scenarios to httpmock's standalone server, or take one of its recordings",
        run: fixture::run,
    },
    Command {
        name: "jwks",
        usage: "[ARG...]",
        about: "the public keys of a signing key, as an authorization server wants them",
        run: jwks::run,
    },
    Command {
        name: "breaks",
        usage: "[NAME...]",
        about: "break one promise after another and see that its trial fails",
        run: breaks::run,
    },
    Command {
        name: "mutants",
        usage: "[FILE...]",
        about: "change the code that judges answers, bit by bit, and see that some test notices each change",
        run: mutants::run,
    },
    Command {
        name: "bench",
        usage: "[driver] [WORKLOAD...] [--rounds N] [--out FILE] [--peers PATH] | criterion [NAME]",
        about: "measure what the core costs against its goals, beside a bare client or (--peers) other libraries",
        run: bench::run,
    },
    Command {
        name: "soak",
        usage: "[--kills N] [--minutes M]",
        about: "kill processes that renew one token, ten thousand times, and tell what was lost",
        run: soak::run,
    },
    Command {
        name: "fuzz",
        usage: "[TARGET...] [--seconds N | --runs N] [--keep]",
        about: "each parser under inputs that libFuzzer makes up (wants the toolchain nightly)",
        run: fuzz::run,
    },
    Command {
        name: "tidy",
        usage: "",
        about: "what no compiler checks: heads, sizes, fixtures, names in documents",
        run: tidy::run,
    },
    Command {
        name: "readme",
        usage: "DIR",
        about: "run the README's sh blocks word for word in the empty folder DIR",
        run: readme::run,
    },
    Command {
        name: "ci",
        usage: "[--step NAME] [--after-readme]",
        about: "all of the above that proves something, with formatting, lints and licences",
        run: ci::run,
    },
    Command {
        name: "setup",
        usage: "",
        about: "install what `ci` needs beyond a toolchain",
        run: setup::run,
    },
];

fn main() -> ExitCode {
    match dispatch(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn dispatch(mut args: Vec<OsString>) -> Result<(), Failure> {
    if args.is_empty() {
        return Err(Failure::usage(format!(
            "no command given; there are {}",
            names()
        )));
    }
    let first = args.remove(0);
    if ["help", "--help", "-h"].iter().any(|help| first == *help) {
        say(&help());
        return Ok(());
    }
    let command = COMMANDS
        .iter()
        .find(|command| first == command.name)
        .ok_or_else(|| {
            let first = first.to_string_lossy();
            Failure::usage(format!("no command `{first}`; there are {}", names()))
        })?;
    let usage = format!("cargo xtask {} {}", command.name, command.usage);
    if args.first().is_some_and(|arg| arg == "--help") {
        say(&format!("{}\n{}\n", usage.trim_end(), command.about));
        return Ok(());
    }
    (command.run)(&Workspace::find()?, Args::new(args, usage))
}

fn names() -> String {
    let names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
    names.join(", ")
}

fn help() -> String {
    let mut text = String::new();
    for command in COMMANDS {
        let call = format!("{} {}", command.name, command.usage);
        text.push_str(&format!("cargo xtask {}\n", call.trim_end()));
        text.push_str(&format!("    {}\n", command.about));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_told_what_exists() {
        let failure = dispatch(vec!["e2".into()]).unwrap_err();
        let Failure::Usage(text) = failure else {
            panic!("{failure:?}")
        };
        assert!(text.contains("`e2`") && text.contains("e2e, demo, test"));
        assert!(!text.contains('\n'), "one line: {text}");
    }

    #[test]
    fn an_unknown_flag_is_told_the_usage() {
        let Err(Failure::Usage(text)) = dispatch(vec!["demo".into(), "--fast".into()]) else {
            panic!("accepted")
        };
        assert!(text.contains("--fast") && text.contains("cargo xtask demo"));
    }
}
