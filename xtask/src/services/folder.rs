//! The temporary folder of a run, which no other run takes for a leftover while this one lives.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Context, Failure};
use crate::services::account::Account;
use crate::services::programs::Programs;
use crate::workspace::stdout;

/// What the folders' names begin with.
const PREFIX: &str = "oauth-postgres-";
/// The file in it that is locked while the run lives.
const LOCK: &str = "lock";
/// Where the database is in it.
const DATA: &str = "data";
/// The file in which a pooler notes its process.
pub const POOLER: &str = "pgbouncer.pid";

/// A folder that only we and the server's user can enter; gone with this value.
pub struct Folder {
    pub path: PathBuf,
    pub account: Account,
    _lock: File,
}

impl Folder {
    pub fn new(account: Account) -> Result<Self, Failure> {
        Self::below(&std::env::temp_dir(), account)
    }

    fn below(place: &Path, account: Account) -> Result<Self, Failure> {
        let name = random()?;
        // under its own name it is locked already
        let made = place.join(format!("new-{PREFIX}{name}"));
        DirBuilder::new()
            .mode(0o700)
            .create(&made)
            .context(made.display())?;
        let lock = File::create_new(made.join(LOCK)).context(made.display())?;
        lock.lock().context(made.display())?;
        let path = place.join(format!("{PREFIX}{name}"));
        std::fs::rename(&made, &path).context(path.display())?;
        account.give(&path)?;
        Ok(Self {
            path,
            account,
            _lock: lock,
        })
    }

    pub fn data(&self) -> PathBuf {
        self.path.join(DATA)
    }

    /// Writes a file that nobody but the server's user reads.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        std::fs::write(&path, text).context(path.display())?;
        self.account.give(&path)?;
        Ok(path)
    }

    /// A copy of a folder of programs that the server's user cannot reach where it is.
    pub fn copy(&self, from: &Path, name: &str) -> Result<PathBuf, Failure> {
        let to = self.path.join(name);
        let mut cp = Command::new("cp");
        cp.arg("-R").arg(from).arg(&to);
        stdout(cp)?;
        Ok(to)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path); // often gone already, with the server
    }
}

/// 128 bits by chance, in hexadecimal.
pub fn random() -> Result<String, Failure> {
    let source = "/dev/urandom";
    let mut bytes = [0; 16];
    let mut file = File::open(source).context(source)?;
    file.read_exact(&mut bytes).context(source)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Stops and removes what runs have left that were killed, and their servers' guards with them.
pub fn clear(account: Account, programs: &Programs) {
    for folder in left(&std::env::temp_dir(), account) {
        let mut stop = Command::new(programs.program("pg_ctl"));
        stop.args(["stop", "--mode", "immediate", "--pgdata"])
            .arg(folder.join(DATA))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        account.lend(&mut stop);
        let _ = stop.status(); // most often no server is left
        kill_pooler(account, &folder);
        let _ = std::fs::remove_dir_all(&folder);
    }
}

/// The process that a pooler has noted, if it is that pooler still.
fn kill_pooler(account: Account, folder: &Path) {
    let Ok(id) = std::fs::read_to_string(folder.join(POOLER)) else {
        return;
    };
    let mut ps = Command::new("ps");
    ps.args(["-o", "args=", "-p", id.trim()]);
    let is_ours = |args: String| args.contains(&*folder.to_string_lossy());
    if stdout(ps).is_ok_and(is_ours) {
        let mut kill = Command::new("kill");
        kill.args(["-s", "KILL", id.trim()]);
        account.lend(&mut kill);
        let _ = kill.status(); // it may have ended since
    }
}

/// The folders of runs that are over.
fn left(place: &Path, account: Account) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place).into_iter().flatten();
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let folder = entry.metadata().ok()?; // of the entry itself, if it is a link
            let ours = name.to_string_lossy().starts_with(PREFIX)
                && folder.is_dir()
                && account.owns(folder.uid());
            let path = ours.then(|| entry.path())?;
            let lock = File::open(path.join(LOCK)).ok()?;
            match lock.try_lock() {
                Ok(()) => Some(path),
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Account {
        Account::Ours
    }

    #[test]
    fn the_folder_of_a_run_that_lives_is_no_leftover() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::below(place.path(), ours()).unwrap();
        let path = folder.path.clone();
        assert_eq!(folder.path.parent(), Some(place.path()));
        assert!(left(place.path(), ours()).is_empty());
        let Folder { _lock: lock, .. } = &folder;
        lock.unlock().unwrap(); // as at the end of a process
        assert_eq!(left(place.path(), ours()), std::slice::from_ref(&path));
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn what_has_another_name_or_no_lock_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        for name in ["oauth-postgresql", "oauth-postgres-x"] {
            std::fs::create_dir(place.path().join(name)).unwrap();
        }
        std::fs::write(place.path().join("oauth-postgresql").join(LOCK), "").unwrap();
        assert!(left(place.path(), ours()).is_empty());
    }

    #[test]
    fn only_its_user_enters_the_folder_and_reads_its_files() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::below(place.path(), ours()).unwrap();
        let mode = std::fs::metadata(&folder.path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        let file = folder.write("a", "b").unwrap();
        assert_eq!(std::fs::read_to_string(file).unwrap(), "b");
    }
}
