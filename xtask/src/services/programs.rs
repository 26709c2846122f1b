//! PostgreSQL's programs, and which of several installations is taken.

use std::path::{Path, PathBuf};

use crate::services::account::Account;

/// A folder with the programs that a server needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    pub folder: PathBuf,
}

/// All that are called; an installation without one of them is none.
const NEEDED: [&str; 3] = ["initdb", "postgres", "pg_ctl"];
/// The oldest major version the tests are written for.
pub const OLDEST: u32 = 13;

impl Programs {
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether all of them are there, and new enough, and this user can run them.
    pub fn run(&self, account: Account) -> bool {
        NEEDED.iter().all(|name| {
            let program = std::process::Command::new(self.program(name));
            let version = account.version(program);
            version
                .and_then(|text| major(&text))
                .is_some_and(|major| major >= OLDEST)
        })
    }
}

/// Where installed ones may be, in the order in which they are tried: beside the `initdb` that is found
/// by `PATH`, and then where Debian has them, the newest first.
pub fn places(path: &[PathBuf], debian: &Path) -> Vec<PathBuf> {
    let initdb = path.iter().map(|folder| folder.join("initdb"));
    // a link leads to where the others are
    let found = initdb.filter_map(|initdb| initdb.canonicalize().ok());
    let mut places: Vec<PathBuf> = found
        .filter_map(|initdb| initdb.parent().map(Path::to_owned))
        .collect();
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(debian)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    places.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    places
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major(version: &str) -> Option<u32> {
    let (_, number) = version.split_once("(PostgreSQL) ")?;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_goes_first_and_then_the_newest_of_debian() {
        let machine = tempfile::tempdir().unwrap();
        let root = machine.path().canonicalize().unwrap();
        let debian = root.join("postgresql");
        for version in ["9.6", "9", "15", "common"] {
            std::fs::create_dir_all(debian.join(version).join("bin")).unwrap();
        }
        let (linked, empty) = (root.join("links"), root.join("empty"));
        std::fs::create_dir(&linked).unwrap();
        std::fs::create_dir(&empty).unwrap();
        std::fs::write(debian.join("9/bin/initdb"), "").unwrap();
        std::os::unix::fs::symlink(debian.join("9/bin/initdb"), linked.join("initdb")).unwrap();
        let bin = |version: &str| debian.join(version).join("bin");
        assert_eq!(
            places(&[empty, linked], &debian),
            [bin("9"), bin("15"), bin("9")]
        );
        assert!(places(&[], &root.join("nowhere")).is_empty());
    }

    #[test]
    fn a_version_is_its_first_number() {
        for (text, number) in [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n",
                Some(15),
            ),
            ("initdb (PostgreSQL) 18beta1\n", Some(18)),
            ("pg_ctl (PostgreSQL) 9.6.24\n", Some(9)),
            ("initdb 15.1", None),
            ("", None),
        ] {
            assert_eq!(major(text), number, "{text}");
        }
    }

    #[test]
    fn a_folder_without_them_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let programs = Programs {
            folder: folder.path().to_owned(),
        };
        assert!(!programs.run(Account::Ours));
    }
}
