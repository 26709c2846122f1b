//! The file that keys are kept in.

use std::io::Read as _;
use std::path::Path;

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use zeroize::Zeroizing;

use crate::{files, guard};

/// The most bytes a file of keys has.
const LIMIT: u64 = 64 * 1024;

/// Reads it, where only its owner can.
pub fn read(path: &Path) -> Result<Zeroizing<String>, StoreError> {
    let missing = |what: String| {
        let text = format!("the file of keys {} {what}", path.display());
        StoreError::new(StoreFault::KeyUnavailable, text)
    };
    match path.symlink_metadata() {
        Ok(_) => guard::file(path, &[guard::own(), 0])?,
        Err(error) => return Err(missing(format!("cannot be read: {error}"))),
    };
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(LIMIT).read_to_string(&mut text));
    read.map_err(|error| missing(format!("cannot be read: {error}")))?;
    Ok(text)
}

/// Writes a new one.
pub fn create(path: &Path, text: &str) -> Result<(), StoreError> {
    guard::folder(files::folder(path))?;
    let temporary = files::Temporary::write(path, text.as_bytes())?;
    temporary.into_place(path, false)
}

/// Writes another in its place.
pub fn replace(path: &Path, text: &str) -> Result<(), StoreError> {
    guard::folder(files::folder(path))?;
    let temporary = files::Temporary::write(path, text.as_bytes())?;
    temporary.into_place(path, true)
}
