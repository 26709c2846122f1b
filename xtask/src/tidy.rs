//! `tidy`: what no compiler checks.

mod adapters;
mod code;
mod documents;
mod fixtures;
mod imports;
mod requirements;
mod sources;

use std::path::PathBuf;

use crate::args::Args;
use crate::e2e;
use crate::failure::{Context, Failure};
use crate::terminal::{count, say};
use crate::workspace::Workspace;

/// What there is to look at.
pub struct House<'a> {
    workspace: &'a Workspace,
    adapters: Vec<String>,
    /// Every file git keeps or would keep, with its text if it is one.
    files: Vec<(PathBuf, String)>,
    /// The names of all trials; `None` when the adapters do not even compile.
    trials: Option<Vec<String>>,
}

impl House<'_> {
    /// The text of a file, if there is one.
    fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|(file, _)| file.as_os_str() == path)
            .map(|(_, text)| text.as_str())
    }

    /// Files by the beginning and the end of their path.
    fn under<'h>(
        &'h self,
        folder: &'h str,
        end: &'h str,
    ) -> impl Iterator<Item = (&'h str, &'h str)> {
        self.files
            .iter()
            .filter_map(|(file, text)| Some((file.to_str()?, text.as_str())))
            .filter(move |(file, _)| file.starts_with(folder) && file.ends_with(end))
    }
}

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    args.none()?;
    let mut faults = Vec::new();
    let trials = e2e::names(workspace);
    if let Err(Failure::Failed(reason) | Failure::Usage(reason)) = &trials {
        faults.push(format!(
            "the trials cannot be listed, so no name was looked up: {reason}"
        ));
    }
    let house = House {
        workspace,
        adapters: workspace.adapters()?,
        files: read(workspace)?,
        trials: trials.ok(),
    };
    faults.extend(adapters::faults(&house));
    faults.extend(fixtures::faults(&house)?);
    faults.extend(documents::faults(&house));
    faults.extend(requirements::faults(&house));
    faults.extend(sources::faults(&house));
    faults.extend(imports::faults(&house));
    if faults.is_empty() {
        say(&format!(
            "{} and {} are tidy\n",
            count(house.files.len(), "file"),
            count(house.trials.map_or(0, |trials| trials.len()), "trial")
        ));
        return Ok(());
    }
    say(&faults
        .iter()
        .map(|fault| format!("{fault}\n"))
        .collect::<String>());
    Err(Failure::failed(count(faults.len(), "fault")))
}

fn read(workspace: &Workspace) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut files = Vec::new();
    for file in workspace.files()? {
        let bytes = std::fs::read(workspace.root.join(&file)).context(file.display())?;
        files.push((file, String::from_utf8(bytes).unwrap_or_default()));
    }
    Ok(files)
}
