//! Whether others can read or change a file. Nothing is opened: to close a file that SQLite has open
//! would drop its locks (<https://www.sqlite.org/howtocorrupt.html>, 2.2).

use std::path::Path;

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;

/// Names a file whatever its path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(u64, u64);

pub use imp::own;

/// Refuses a file that is none, is a link or has several names, belongs to none of `owners`, or that
/// others can read or write. A file that is missing is not there to be refused: that is the caller's.
pub fn file(path: &Path, owners: &[u32]) -> Result<Identity, StoreError> {
    let metadata = path
        .symlink_metadata()
        .map_err(|error| crate::fault::io(&format!("{}", path.display()), &error))?;
    match imp::file(&metadata, owners) {
        Ok(identity) => Ok(identity),
        Err(problem) => Err(refused(path, &problem)),
    }
}

/// Refuses a folder in which others can put something else into a file's place.
pub fn folder(path: &Path) -> Result<(), StoreError> {
    let metadata = path
        .metadata()
        .map_err(|error| crate::fault::io(&format!("the folder {}", path.display()), &error))?;
    match imp::folder(&metadata) {
        Ok(()) => Ok(()),
        Err(problem) => Err(refused(path, &problem)),
    }
}

fn refused(path: &Path, problem: &str) -> StoreError {
    StoreError::new(
        StoreFault::Permission,
        format!("{} {problem}", path.display()),
    )
}

#[cfg(unix)]
mod imp {
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt as _;

    use super::Identity;

    /// The user this process works for.
    pub fn own() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    pub fn file(metadata: &Metadata, owners: &[u32]) -> Result<Identity, String> {
        if metadata.is_symlink() {
            return Err("is a symbolic link; name the file itself".into());
        }
        if metadata.is_dir() {
            return Err("is a folder; name a file".into());
        }
        if !metadata.is_file() {
            return Err("is a pipe, a socket or a device; name a file".into());
        }
        if !owners.contains(&metadata.uid()) {
            return Err(format!(
                "belongs to another user (uid {}); give it to this one",
                metadata.uid()
            ));
        }
        if metadata.nlink() > 1 {
            return Err("has more than one name (hard links); remove the others".into());
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(format!(
                "may be read or written by others (mode {:o}); run `chmod 600` on it",
                metadata.mode() & 0o777
            ));
        }
        Ok(Identity(metadata.dev(), metadata.ino()))
    }

    pub fn folder(metadata: &Metadata) -> Result<(), String> {
        if !metadata.is_dir() {
            return Err("is no folder".into());
        }
        if metadata.uid() != own() && metadata.uid() != 0 {
            return Err(format!(
                "belongs to another user (uid {}), who can replace what lies in it",
                metadata.uid()
            ));
        }
        if metadata.mode() & 0o1002 == 0o0002 {
            return Err(format!(
                "may be written by everybody (mode {:o}); run `chmod o-w` on it",
                metadata.mode() & 0o7777
            ));
        }
        Ok(())
    }
}

/// Access lists are not read: the folder's own protection counts.
#[cfg(not(unix))]
mod imp {
    use std::fs::Metadata;

    use super::Identity;

    pub fn own() -> u32 {
        0
    }

    pub fn file(metadata: &Metadata, _: &[u32]) -> Result<Identity, String> {
        if metadata.is_symlink() {
            return Err("is a symbolic link; name the file itself".into());
        }
        if !metadata.is_file() {
            return Err("is no file".into());
        }
        Ok(Identity(0, 0))
    }

    pub fn folder(metadata: &Metadata) -> Result<(), String> {
        match metadata.is_dir() {
            true => Ok(()),
            false => Err("is no folder".into()),
        }
    }
}
