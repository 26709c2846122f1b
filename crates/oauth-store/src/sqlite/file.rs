//! The file of a store: where it lies, who can read it, and how a new one is made.

use std::path::{Path, PathBuf};

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;

use crate::guard::{self, Identity};
use crate::{fault, files};

/// The path from the root, so that neither a change of folder nor a name like a URL leads elsewhere.
pub fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let Some(name) = path.file_name() else {
        return Err(StoreError::new(
            StoreFault::Permission,
            format!("{} names no file", path.display()),
        ));
    };
    let folder = files::folder(path);
    let folder = std::fs::canonicalize(folder)
        .map_err(|error| fault::io(&format!("the folder {}", folder.display()), &error))?;
    Ok(folder.join(name))
}

/// Which file it is, and that nobody else can read or change it; `None`: there is none.
pub fn check(path: &Path) -> Result<Option<Identity>, StoreError> {
    guard::folder(files::folder(path))?;
    for ending in ["-wal", "-shm", "-journal"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        identity(Path::new(&beside))?;
    }
    let Some(found) = identity(path)? else {
        return Ok(None);
    };
    let length = path.symlink_metadata().map_or(0, |file| file.len());
    if length == 0 {
        return Err(emptied(path));
    }
    Ok(Some(found))
}

fn identity(path: &Path) -> Result<Option<Identity>, StoreError> {
    match path.symlink_metadata() {
        Ok(_) => match guard::file(path, &[guard::own()]) {
            // whoever had it open last has taken it away meanwhile
            Err(_) if path.symlink_metadata().is_err() => Ok(None),
            found => found.map(Some),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault::io(&path.display().to_string(), &error)),
    }
}

/// The file is there, and nothing of ours is in it.
pub fn emptied(path: &Path) -> StoreError {
    StoreError::new(
        StoreFault::Corrupt,
        format!(
            "{} was emptied: it holds no store; restore it from a backup, or remove it to begin \
             with an empty store",
            path.display()
        ),
    )
}
