//! A Python, and the packages that a requirements file pins, installed for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Context, Failure};
use crate::fetch::{fetched, tried};
use crate::terminal::say;

/// Python and packages for it.
pub struct Python {
    pub program: PathBuf,
    /// The folder that goes into `PYTHONPATH`.
    pub packages: PathBuf,
}

/// The oldest that the packages run on, major and minor.
const OLDEST: (u32, u32) = (3, 10);

/// What it may be called. Where the first is too old, a newer one may be there beside it.
const NAMES: [&str; 6] = [
    "python3",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
];

/// What is installed says in this file what it is.
const INSTALLED: &str = "installed.txt";

/// A Python of the machine's, with the packages of `requirements` in `folder`: installed there unless they
/// are. `what` is told to the person who waits.
pub fn find(folder: &Path, requirements: &Path, what: &str) -> Result<Python, Failure> {
    let Some((program, version)) = found() else {
        let (major, minor) = OLDEST;
        return Err(Failure::failed(format!(
            "there is no Python {major}.{minor} or newer, which {what} run on; install one with pip or venv (Debian: `apt-get install python3-venv`)"
        )));
    };
    let wanted = std::fs::read_to_string(requirements).context(requirements.display())?;
    let wanted = format!("# {version}\n{wanted}");
    let packages = folder.join("packages");
    if std::fs::read_to_string(packages.join(INSTALLED))
        .ok()
        .as_ref()
        != Some(&wanted)
    {
        for old in [&packages, &folder.join("pip")] {
            if old.exists() {
                std::fs::remove_dir_all(old).context(old.display())?; // another one's, or half of one
            }
        }
        std::fs::create_dir_all(folder).context(folder.display())?;
        say(&format!("installing {what}\n"));
        let mut pip = pip(program, folder)?;
        pip.args(PIP).arg("--target").arg(&packages);
        pip.arg("--requirement").arg(requirements);
        fetched(pip, format!("{what} could not be installed"))?;
        std::fs::write(packages.join(INSTALLED), wanted).context(packages.display())?;
    }
    Ok(Python {
        program: program.into(),
        packages,
    })
}

/// The first that is new enough, and what it is.
fn found() -> Option<(&'static str, String)> {
    let programs = NAMES.into_iter();
    let mut found = programs.filter_map(|name| Some((name, version(name)?)));
    found.find(|(_, version)| is_new_enough(version))
}

/// Nothing is built here, and nothing taken that is not the file that was pinned.
const PIP: [&str; 6] = [
    "install",
    "--require-hashes",
    "--only-binary=:all:",
    "--no-deps",
    "--quiet",
    "--disable-pip-version-check",
];

/// The Python's own pip, or else that of an environment which is made in `folder`: where one is not
/// packaged with Python, the other often is.
fn pip(program: &str, folder: &Path) -> Result<Command, Failure> {
    let by = |python: &Path| {
        let mut pip = Command::new(python);
        pip.args(["-m", "pip"]);
        pip
    };
    let own = by(Path::new(program));
    if runs(by(Path::new(program))) {
        return Ok(own);
    }
    let environment = folder.join("pip");
    let mut venv = Command::new(program);
    venv.args(["-m", "venv"]).arg(&environment);
    match tried(venv) {
        Ok(()) => Ok(by(&environment.join("bin/python"))),
        Err(reason) => Err(Failure::failed(format!(
            "`{program}` has neither pip nor what makes one ({reason}); install pip or venv (Debian: `apt-get install python3-venv`)"
        ))),
    }
}

fn runs(mut program: Command) -> bool {
    let asked = program.arg("--version").stdin(Stdio::null());
    let status = asked.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// What that Python is: packages are for one minor version and one machine.
fn version(program: &str) -> Option<String> {
    let script = "import sys, sysconfig; print(*sys.version_info[:2], sysconfig.get_platform())";
    let output = Command::new(program)
        .args(["-c", script])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// Whether `3 11 linux-x86_64` is new enough.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split(' ').map_while(|word| word.parse().ok());
    let version: Option<(u32, u32)> = numbers.next().zip(numbers.next());
    version.is_some_and(|version| version >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        for new in ["3 10 linux-x86_64", "3 14 x", "4 0 x"] {
            assert!(is_new_enough(new), "{new}");
        }
        for old in ["3 9 linux-x86_64", "2 7 x", "3", "", "Python 3.11"] {
            assert!(!is_new_enough(old), "{old}");
        }
    }

    #[test]
    fn what_is_not_there_has_no_version() {
        assert_eq!(version("no-such-program-of-ours"), None);
    }

    #[test]
    fn packages_that_are_there_are_not_installed_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let requirements = folder.join("requirements.txt");
        // nobody could install that
        let pinned = "no-such-package-of-ours==1.0 --hash=sha256:00\n";
        std::fs::write(&requirements, pinned).unwrap();
        let Some((program, version)) = found() else {
            let Err(Failure::Failed(text)) = find(folder, &requirements, "servers") else {
                panic!("found")
            };
            assert!(text.contains("`apt-get install python3-venv`"), "{text}");
            return;
        };
        let packages = folder.join("packages");
        std::fs::create_dir(&packages).unwrap();
        let installed = format!("# {version}\n{pinned}");
        std::fs::write(packages.join(INSTALLED), installed).unwrap();
        let found = find(folder, &requirements, "servers").unwrap();
        assert_eq!((found.program, found.packages), (program.into(), packages));
    }
}
