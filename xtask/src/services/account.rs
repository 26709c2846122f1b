//! As whom the servers run: PostgreSQL refuses to run as root, and rightly.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Context, Failure};
use crate::workspace::stdout;

/// An ordinary user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Whoever we are.
    Ours,
    /// We are root, and this is another one: user and group.
    Other(u32, u32),
}

impl Account {
    /// Ours, or as root that of a user who owns little.
    pub fn ordinary() -> Result<Self, Failure> {
        if own_user()? != 0 {
            return Ok(Self::Ours);
        }
        let users = "/etc/passwd";
        let text = std::fs::read_to_string(users).context(users)?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| user(&text, name))
            .map(|(user, group)| Self::Other(user, group))
            .ok_or_else(|| {
                Failure::failed(
                    "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as; run this as an ordinary user",
                )
            })
    }

    /// Has a command run as this user.
    pub fn lend(self, command: &mut Command) {
        if let Self::Other(user, group) = self {
            command.uid(user).gid(group);
        }
    }

    /// Hands a file or folder of ours over to this user.
    pub fn give(self, path: &Path) -> Result<(), Failure> {
        match self {
            Self::Ours => Ok(()),
            Self::Other(user, group) => {
                std::os::unix::fs::chown(path, Some(user), Some(group)).context(path.display())
            }
        }
    }

    /// Whether it is this user's, or ours.
    pub fn owns(self, owner: u32) -> bool {
        match self {
            Self::Ours => own_user().is_ok_and(|user| user == owner),
            Self::Other(user, _) => owner == user,
        }
    }

    /// What a program that this user runs says its version is; `None`: it does not run.
    pub fn version(self, mut program: Command) -> Option<String> {
        self.lend(&mut program);
        let output = program
            .arg("--version")
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }
}

/// The user we are.
fn own_user() -> Result<u32, Failure> {
    let mut id = Command::new("id");
    id.arg("-u");
    stdout(id)?.trim().parse().context("id -u")
}

/// User and group of a name in `/etc/passwd`.
fn user(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = passwd
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?
        .skip(1);
    let (user, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    (user != 0).then_some((user, group))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name_and_is_never_root() {
        let text = "root:x:0:0:root:/root:/bin/sh\nnobody2:x:7:7::/:\nnobody:x:65534:65533::/:\ntoor:x:0:0::/:\n";
        assert_eq!(user(text, "nobody"), Some((65534, 65533)));
        assert_eq!(user(text, "postgres"), None);
        assert_eq!(user(text, "toor"), None);
    }

    #[test]
    fn we_are_who_owns_what_we_make() {
        let folder = tempfile::tempdir().unwrap();
        let owner = std::fs::metadata(folder.path()).unwrap().uid();
        assert_eq!(own_user().unwrap(), owner);
    }
}
