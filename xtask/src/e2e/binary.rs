//! The test program of an adapter: built once by cargo, listed and run directly.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::child;
use crate::e2e::report::{self, Row};
use crate::e2e::trial::{Trial, listed};
use crate::failure::{Context, Failure};
use crate::workspace::{Workspace, stdout};

/// All trials of one adapter take seconds; what takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// The built test target `e2e` of an adapter.
pub struct Binary {
    adapter: String,
    program: PathBuf,
    folder: PathBuf,
}

/// What cargo says of a file it made.
#[derive(Deserialize)]
pub struct Artifact {
    pub manifest_path: PathBuf,
    pub target: Target,
    profile: Profile,
    pub executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
pub struct Target {
    pub name: String,
}

/// Builds the `e2e` of all adapters in one go; compiler errors go to the terminal.
pub fn build(workspace: &Workspace, adapters: &[String]) -> Result<Vec<Binary>, Failure> {
    if adapters.is_empty() {
        return Ok(Vec::new());
    }
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--no-run", "--test", "e2e"]);
    if workspace.target.join("e2e").exists() {
        cargo.arg("--quiet"); // the first build takes minutes: then cargo shows what it does
    }
    for adapter in adapters {
        cargo.args(["--package", &format!("oauth-{adapter}")]);
    }
    let built = artifacts(cargo)?.ok_or_else(|| Failure::failed("the adapters do not compile"))?;
    adapters
        .iter()
        .map(|adapter| {
            let folder = workspace.root.join("adapters").join(adapter);
            let program = built
                .iter()
                .find(|artifact| {
                    artifact.manifest_path.parent() == Some(&folder)
                        && artifact.target.name == "e2e"
                })
                .and_then(|artifact| artifact.executable.clone())
                .ok_or_else(|| {
                    Failure::failed(format!("adapter `{adapter}` has no test target `e2e`"))
                })?;
            Ok(Binary {
                adapter: adapter.clone(),
                program,
                folder,
            })
        })
        .collect()
}

/// The test programs a `cargo … --no-run` makes; `None` when it does not compile, which the terminal has shown.
pub fn artifacts(mut cargo: Command) -> Result<Option<Vec<Artifact>>, Failure> {
    cargo
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let output = cargo.output().context("cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let built = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(|artifact| artifact.profile.test && artifact.executable.is_some());
    Ok(output.status.success().then(|| built.collect()))
}

impl Binary {
    /// Every trial it has.
    pub fn list(&self) -> Result<Vec<Trial>, Failure> {
        let mut program = self.command();
        program.arg("--list");
        Ok(stdout(program)?.lines().filter_map(listed).collect())
    }

    /// Runs the chosen trials and none of those `left`.
    pub fn run(
        &self,
        workspace: &Workspace,
        chosen: &[Trial],
        left: &[Trial],
    ) -> Result<Vec<Row>, Failure> {
        let folder = workspace.target.join("e2e");
        std::fs::create_dir_all(&folder).context(folder.display())?;
        let file = folder.join(format!("{}.jsonl", self.adapter));
        std::fs::write(&file, "").context(file.display())?;
        let mut program = self.command();
        program.env("OAUTH_E2E_REPORT", &file);
        if !left.is_empty() {
            program.arg("--exact");
        }
        for trial in left {
            program.args(["--skip", &trial.name]);
        }
        let ended = child::run(program, LIMIT)?;
        let written = std::fs::read_to_string(&file).context(file.display())?;
        Ok(report::rows(&self.adapter, chosen, &written, &ended))
    }

    /// As cargo would start it.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env("CARGO_PKG_NAME", format!("oauth-{}", self.adapter))
            .stdin(Stdio::null());
        command
    }
}
