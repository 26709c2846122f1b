//! A test program with trials: built once by cargo, listed and run directly.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::child;
use crate::e2e::report::{self, Row};
use crate::e2e::trial::{Trial, listed};
use crate::failure::{Context, Failure};
use crate::workspace::{Workspace, stdout};

/// All trials of one program take seconds; what takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// A test target that holds trials.
pub struct Target {
    /// What its trials' names begin with.
    pub name: String,
    /// Where its package is, relative to the workspace.
    folder: PathBuf,
    target: &'static str,
}

impl Target {
    /// The contract and the fixtures of an adapter.
    pub fn adapter(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            folder: Path::new("adapters").join(name),
            target: "e2e",
        }
    }

    /// The live trials of all adapters.
    pub fn live() -> Self {
        Self {
            name: "live".to_owned(),
            folder: "crates/oauth-live".into(),
            target: "live",
        }
    }

    fn package(&self) -> String {
        format!("oauth-{}", self.name)
    }
}

/// A built [`Target`].
pub struct Binary {
    name: String,
    package: String,
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(&'static str, PathBuf)>,
}

/// What cargo says of a file it made.
#[derive(Deserialize)]
pub struct Artifact {
    pub manifest_path: PathBuf,
    pub target: ArtifactTarget,
    profile: Profile,
    pub executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
pub struct ArtifactTarget {
    pub name: String,
}

/// Builds all of them in one go; compiler errors go to the terminal.
pub fn build(workspace: &Workspace, targets: &[Target]) -> Result<Vec<Binary>, Failure> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--no-run"]);
    if workspace.target.join("e2e").exists() {
        cargo.arg("--quiet"); // the first build takes minutes: then cargo shows what it does
    }
    let names: BTreeSet<_> = targets.iter().map(|target| target.target).collect();
    for name in names {
        cargo.args(["--test", name]);
    }
    for target in targets {
        cargo.args(["--package", &target.package()]);
    }
    let built = artifacts(cargo)?.ok_or_else(|| Failure::failed("the trials do not compile"))?;
    targets
        .iter()
        .map(|target| {
            let folder = workspace.root.join(&target.folder);
            let program = built
                .iter()
                .find(|artifact| {
                    artifact.manifest_path.parent() == Some(&folder)
                        && artifact.target.name == target.target
                })
                .and_then(|artifact| artifact.executable.clone())
                .ok_or_else(|| {
                    let (name, target) = (target.package(), target.target);
                    Failure::failed(format!("{name} has no test target `{target}`"))
                })?;
            Ok(Binary {
                name: target.name.clone(),
                package: target.package(),
                program,
                folder,
                environment: Vec::new(),
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

    /// Has it find these in its environment when it runs.
    pub fn set(&mut self, environment: Vec<(&'static str, PathBuf)>) {
        self.environment = environment;
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
        let file = folder.join(format!("{}.jsonl", self.name));
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
        Ok(report::rows(&self.name, chosen, &written, &ended))
    }

    /// As cargo would start it.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env("CARGO_PKG_NAME", &self.package)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }
}
