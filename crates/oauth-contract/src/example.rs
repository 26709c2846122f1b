//! An example program, run as a user runs it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::check::{Failure, Outcome, that};

/// An example of the package whose tests or examples are running, built by cargo.
#[derive(Clone, Debug)]
pub struct Example(PathBuf);

/// How a program ended, and what it printed.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// What it printed for other programs.
    pub stdout: String,
    /// What it printed for the user.
    pub stderr: String,
}

impl Example {
    /// The example of that name.
    ///
    /// # Errors
    /// It is not built, or older than its source. `cargo test` builds the examples of a package, and
    /// `cargo test --test` does not.
    pub fn find(name: &str) -> io::Result<Self> {
        let own = std::env::current_exe()?;
        // tests are in `deps`, examples in `examples`, beside each other
        let built = own.parent().and_then(Path::parent).unwrap_or(Path::new(""));
        let program = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let program = built.join("examples").join(program);
        let problem = match program.metadata() {
            Err(_) => "is not built",
            Ok(built) if is_older(built.modified()?, name)? => "is older than its source",
            Ok(_) => return Ok(Self(program)),
        };
        let problem = format!("the example `{name}` {problem}: `cargo build --examples` builds it");
        Err(io::Error::new(io::ErrorKind::NotFound, problem))
    }

    /// Runs it to its end, with these variables beside those of this process. It blocks.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        variables: &[(&str, &str)],
    ) -> io::Result<Ran> {
        let mut command = Command::new(&self.0);
        command
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        let output = command.output()?;
        Ok(Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// Whether the package was changed since: `cargo test --test` builds no example. Where cargo did not start
/// this program, nobody knows.
fn is_older(built: SystemTime, name: &str) -> io::Result<bool> {
    let Some(package) = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) else {
        return Ok(false);
    };
    let example = package.join(format!("examples/{name}.rs"));
    for source in sources(package.join("src"))?.into_iter().chain([example]) {
        if source.metadata()?.modified()? > built {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files below a folder.
fn sources(folder: PathBuf) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => files.extend(sources(path)?),
            false => files.push(path),
        }
    }
    Ok(files)
}

impl Ran {
    /// What a user sees who has typed that command.
    pub fn transcript(&self, command: &str) -> String {
        let code = match self.code {
            Some(0) => String::new(),
            Some(code) => format!("(exit code {code})\n"),
            None => "(ended by a signal)\n".to_owned(),
        };
        format!("$ {command}\n{}{}{code}", self.stdout, self.stderr)
    }

    /// Fails unless the program ended as one that says what is wrong: with the exit code 1, nothing for
    /// other programs, and one line for the user that says all of this and holds no secret.
    ///
    /// # Errors
    /// What differs.
    pub fn complains(&self, says: &[&str], secret: &str) -> Outcome {
        let text = self.stderr.as_str();
        if text.contains(secret) {
            return Err(Failure::new("the program printed the secret"));
        }
        let line = self.code == Some(1)
            && self.stdout.is_empty()
            && text.starts_with("error: ")
            && text.lines().count() == 1;
        that(line, || {
            format!("expected the exit code 1 and one line, saw {self:?}")
        })?;
        match says.iter().find(|says| !text.contains(**says)) {
            Some(missing) => Err(Failure::new(format!("{missing:?} is not in: {text}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(code: i32, stderr: &str) -> Ran {
        Ran {
            code: Some(code),
            stdout: String::new(),
            stderr: stderr.into(),
        }
    }

    #[test]
    fn a_complaint_is_one_line_with_all_that_must_be_said() {
        let good = ran(1, "error: key: no; mend it\n");
        good.complains(&["key", "mend it"], "s3cret").unwrap();
        for (bad, secret) in [
            (ran(0, "error: key: no; mend it\n"), "s3cret"),
            (ran(1, "key: no; mend it\n"), "s3cret"),
            (ran(1, "error: key: no; mend it\nand more\n"), "s3cret"),
            (ran(1, "error: key: no\n"), "s3cret"),
            (ran(1, "error: key: no; mend it\n"), "no"),
        ] {
            bad.complains(&["key", "mend it"], secret).unwrap_err();
        }
    }

    #[test]
    fn a_transcript_is_what_a_terminal_shows() {
        let shown = ran(1, "error: no\n").transcript("call x");
        assert_eq!(shown, "$ call x\nerror: no\n(exit code 1)\n");
    }

    #[test]
    fn an_example_that_is_not_built_says_how_to_build_it() {
        let error = Example::find("there_is_no_such_example").unwrap_err();
        assert!(error.to_string().contains("cargo build --examples"));
    }

    #[test]
    fn a_program_is_older_than_what_was_changed_after_it() {
        let (name, now) = ("none", SystemTime::now());
        // this package has no such example, so that its sources alone are looked at before that shows
        let missing = is_older(now, name).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(is_older(SystemTime::UNIX_EPOCH, name).unwrap());
    }
}
