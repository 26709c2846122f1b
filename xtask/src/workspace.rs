//! Where things are, and the two programs everything is done with: cargo and git.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Context, Failure};

/// The workspace this task was started from.
pub struct Workspace {
    /// The folder of the root Cargo.toml.
    pub root: PathBuf,
    /// Where cargo builds: `CARGO_TARGET_DIR`, or `target`.
    pub target: PathBuf,
}

impl Workspace {
    /// Found by the variable that `cargo run` sets, not by a path compiled in: the binary of another
    /// clone may stand in a shared target folder.
    pub fn find() -> Result<Self, Failure> {
        let here = std::env::current_dir().context("the current folder")?;
        let start = std::env::var_os("CARGO_MANIFEST_DIR").map_or(here.clone(), PathBuf::from);
        let root = start
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .ok_or_else(|| Failure::failed("not inside the workspace: no xtask folder above"))?
            .to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => here.join(folder),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The names of the adapters: the folders of `adapters/` with a Cargo.toml, sorted.
    pub fn adapters(&self) -> Result<Vec<String>, Failure> {
        let folder = self.root.join("adapters");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).context(folder.display())? {
            let entry = entry.context(folder.display())?;
            if entry.path().join("Cargo.toml").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// cargo, at the root of the workspace.
    pub fn cargo(&self) -> Command {
        self.cargo_in(&self.root)
    }

    /// cargo in another folder, building into the same place.
    pub fn cargo_in(&self, folder: &Path) -> Command {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .stdin(Stdio::null());
        forget_xtask(&mut command);
        command
    }

    /// git, at the root of the workspace.
    pub fn git(&self) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// The files git keeps or would keep (tracked, and untracked but not ignored) that exist.
    pub fn files(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut git = self.git();
        git.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let mut files: Vec<PathBuf> = stdout(git)?
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .filter(|name| self.root.join(name).is_file())
            .collect();
        files.sort();
        files.dedup(); // a file in conflict is listed once a side
        Ok(files)
    }

    /// What git sees as changed, a line a file.
    pub fn git_status(&self) -> Result<String, Failure> {
        let mut git = self.git();
        git.args(["status", "--porcelain"]);
        stdout(git)
    }
}

/// What `cargo run` told us about xtask is not true of what is started next.
pub fn forget_xtask(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// Runs a command with the terminal's own output; `true` when it succeeded.
pub fn succeeds(mut command: Command) -> Result<bool, Failure> {
    let name = name(&command);
    Ok(command.status().context(name)?.success())
}

/// Runs a command and hands its exit code on.
pub fn handed_on(mut command: Command) -> Result<(), Failure> {
    let name = name(&command);
    let status = command.status().context(name)?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::Told(u8::try_from(code).unwrap_or(1))),
        None => Err(Failure::failed(format!("ended by a signal ({status})"))),
    }
}

/// What a command that must succeed prints on stdout; its stderr is the reason when it does not.
pub fn stdout(mut command: Command) -> Result<String, Failure> {
    let name = name(&command);
    let output = command.output().context(&name)?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::failed(format!("{name}: {}", reason.trim_end())));
    }
    String::from_utf8(output.stdout).context(name)
}

/// The command as a person would type it.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut text = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
