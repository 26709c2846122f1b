//! `soak`: what a build server has no time for. Processes that renew one token are killed ten thousand
//! times, and many of them crowd one grant; the report says what was lost and whether it was told.

use std::path::Path;

use crate::args::{Args, Given, wrong};
use crate::failure::{Context, Failure};
use crate::services::Services;
use crate::terminal::say;
use crate::workspace::{Workspace, handed_on};

/// The package, and its test target that makes the long run when it is told the numbers.
const PACKAGE: &str = "oauth-store";
const TARGET: &str = "fleet";
/// `kill -9` of all stores and rotation policies together. Of each store a tenth as many come with the answer in a
/// spool, and a twelfth among rivals.
const KILLS: usize = 10_000;

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let usage = args.usage();
    let mut kills = KILLS;
    let mut minutes = None;
    args.each(|given, value| {
        let number = |text: String| {
            let number = text.parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| wrong(&format!("`{text}` is no number from 1"), &usage))
        };
        match given {
            Given::Flag(name) if name == "kills" => kills = number(value.text()?)?,
            Given::Flag(name) if name == "minutes" => minutes = Some(number(value.text()?)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let report = workspace.target.join("soak/report.txt");
    begin(&report)?;
    let mut cargo = workspace.cargo();
    cargo
        .args(["test", "--package", PACKAGE, "--test", TARGET])
        // one after the other: what one does must not make the deadlines of another pass
        .args(["--", "--test-threads", "1"])
        .env("OAUTH_FLEET_KILLS", kills.to_string())
        .env("OAUTH_FLEET_LANES", "32")
        .env("OAUTH_FLEET_SQLITE", "8x1000")
        .env("OAUTH_FLEET_POSTGRES", "64x1000")
        .env("OAUTH_FLEET_REPORT", &report);
    if let Some(minutes) = minutes {
        cargo.env("OAUTH_FLEET_MINUTES", minutes.to_string());
    }
    let services = Services::start(workspace, Some(&[PACKAGE.to_owned()]))?;
    services.lend(&mut cargo);
    let passed = handed_on(cargo);
    let text = std::fs::read_to_string(&report).context(report.display())?;
    say(&format!("\n{text}\n{}\n", report.display()));
    passed
}

/// A report with nothing in it yet.
fn begin(report: &Path) -> Result<(), Failure> {
    if let Some(folder) = report.parent() {
        std::fs::create_dir_all(folder).context(folder.display())?;
    }
    std::fs::write(report, "").context(report.display())
}
