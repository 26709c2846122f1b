//! Files that are there whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;

use crate::fault;
use crate::random::random_digits;

/// A file under a name that nobody looks for. Locked while its maker lives and is at it; dropped, it is
/// removed.
pub struct Temporary {
    path: PathBuf,
    /// Holds the lock.
    file: Option<File>,
    placed: bool,
}

/// How the names of temporary files end.
const ENDING: &str = ".new";

impl Temporary {
    /// An empty one beside `path`, which only this user can read.
    pub fn beside(path: &Path) -> Result<Self, StoreError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!(".{name}.{}{ENDING}", random_digits(8)?);
        let path = folder(path).join(name);
        let made = private(&path).and_then(|file| {
            file.try_lock().map_err(io::Error::from)?;
            Ok(file)
        });
        let file = made.map_err(|error| fault::io(&path.display().to_string(), &error))?;
        Ok(Self {
            path,
            file: Some(file),
            placed: false,
        })
    }

    /// One with that content, durable.
    pub fn write(path: &Path, content: &[u8]) -> Result<Self, StoreError> {
        let mut made = Self::beside(path)?;
        if let Some(file) = &mut made.file {
            let written = file.write_all(content).and_then(|()| file.sync_all());
            written.map_err(|error| fault::io(&made.path.display().to_string(), &error))?;
        }
        Ok(made)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, durably. Where that is taken, it is an error unless `over`.
    pub fn into_place(mut self, path: &Path, over: bool) -> Result<(), StoreError> {
        let failed = |error: io::Error| fault::io(&path.display().to_string(), &error);
        if let Some(file) = self.file.take() {
            file.sync_all().map_err(failed)?;
            // closed before the file has its name: see `guard`
        }
        if over {
            std::fs::rename(&self.path, path).map_err(failed)?;
        } else {
            match move_to_new_name(&self.path, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(StoreError::new(
                        StoreFault::Locked,
                        format!("{} exists already; it is left as it is", path.display()),
                    ));
                }
                moved => moved.map_err(failed)?,
            }
        }
        self.placed = true;
        sync_folder(folder(path)).map_err(failed)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The folder a file lies in.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Removes temporary files beside `path` whose makers are gone.
pub fn clear_orphans(path: &Path) {
    let prefix = match path.file_name() {
        Some(name) => format!(".{}.", name.to_string_lossy()),
        None => return,
    };
    let Ok(entries) = std::fs::read_dir(folder(path)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&prefix) && name.ends_with(ENDING) {
            remove_orphan(&entry.path());
        }
    }
}

/// Removes a file that nobody has locked, and what SQLite may have left beside it.
pub fn remove_orphan(path: &Path) {
    let Ok(file) = OpenOptions::new().read(true).open(path) else {
        return;
    };
    if file.try_lock().is_ok() {
        let _ = std::fs::remove_file(path);
        for ending in ["-journal", "-wal", "-shm"] {
            let mut beside = path.as_os_str().to_owned();
            beside.push(ending);
            let _ = std::fs::remove_file(beside);
        }
    }
}

/// Makes what happened to names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(()) // elsewhere a folder cannot be opened
    }
}

/// A new file that only this user can read.
pub fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn move_to_new_name(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;

    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // an old kernel, or a file system that cannot
        Err(Errno::NOSYS | Errno::INVAL) => link(from, to),
        moved => moved.map_err(io::Error::from),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn move_to_new_name(from: &Path, to: &Path) -> io::Result<()> {
    link(from, to)
}

/// A second name, then the first one goes.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::hard_link(from, to)?;
    std::fs::remove_file(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_put_into_place_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        drop(Temporary::write(&path, b"x").unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_name_that_is_taken_is_not_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        Temporary::write(&path, b"1")
            .unwrap()
            .into_place(&path, false)
            .unwrap();
        let second = Temporary::write(&path, b"2")
            .unwrap()
            .into_place(&path, false);
        assert_eq!(second.unwrap_err().fault(), StoreFault::Locked);
        assert_eq!(std::fs::read(&path).unwrap(), b"1");
        Temporary::write(&path, b"3")
            .unwrap()
            .into_place(&path, true)
            .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"3");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn clears_away_what_the_dead_left_and_nothing_of_the_living() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let living = Temporary::write(&path, b"1").unwrap();
        let orphan = folder.path().join(".a.0123456789abcdef.new");
        std::fs::write(&orphan, "x").unwrap();
        std::fs::write(folder.path().join(".b.0123456789abcdef.new"), "another's").unwrap();
        clear_orphans(&path);
        assert!(!orphan.exists() && living.path().exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
