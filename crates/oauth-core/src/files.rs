//! Reading files that others must not be able to write.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Why a file was not read: one line that names the file and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    path: PathBuf,
    what: String,
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file {} {}", self.path.display(), self.what)
    }
}

impl std::error::Error for FileFault {}

/// Reads a file of at most `limit` bytes that holds a secret.
///
/// Writable by group or others: refused, as whoever can write it can choose the secret. Readable by
/// others, owned by somebody else, or a symbolic link (as container secrets are mounted): a warning
/// event, or refused when `strict`.
///
/// # Errors
/// As above, or the file is missing, a folder, too large or cannot be read.
pub fn read_guarded(
    path: &Path,
    limit: u64,
    strict: bool,
) -> Result<Zeroizing<Vec<u8>>, FileFault> {
    let fault = |what: String| FileFault {
        path: path.to_owned(),
        what,
    };
    let before = std::fs::metadata(path).map_err(|error| fault(cannot_be_read(&error)))?;
    if before.is_dir() {
        return Err(fault("is a folder; name the file in it".into()));
    }
    if !before.is_file() {
        // opening a pipe would wait for a writer
        return Err(fault("is a pipe or a device; name a file".into()));
    }
    let file = File::open(path).map_err(|error| fault(cannot_be_read(&error)))?;
    let metadata = file
        .metadata()
        .map_err(|error| fault(cannot_be_read(&error)))?;
    if metadata.len() > limit {
        return Err(fault(format!(
            "has more than {limit} bytes; is it the right one?"
        )));
    }
    for finding in permissions::findings(path, &metadata) {
        if finding.refused || strict {
            return Err(fault(finding.what));
        }
        tracing::warn!(path = %path.display(), "a file with a secret {}", finding.what);
    }
    let mut content = Zeroizing::new(Vec::with_capacity(
        usize::try_from(metadata.len()).unwrap_or(0),
    ));
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(|error| fault(cannot_be_read(&error)))?;
    if content.len() as u64 > limit {
        return Err(fault(format!(
            "has more than {limit} bytes; is it the right one?"
        )));
    }
    Ok(content)
}

fn cannot_be_read(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist; check the path".into(),
        std::io::ErrorKind::PermissionDenied => {
            "may not be read by this process; give it read permission".into()
        }
        _ => format!("cannot be read: {error}"),
    }
}

struct Finding {
    refused: bool,
    what: String,
}

#[cfg(unix)]
mod permissions {
    use super::Finding;
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    pub fn findings(path: &Path, opened: &Metadata) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mode = opened.mode() & 0o777;
        if opened.is_file() && mode & 0o022 != 0 {
            findings.push(Finding {
                refused: true,
                what: format!("may be written by others (mode {mode:o}); run `chmod go-w` on it"),
            });
        }
        if opened.is_file() && mode & 0o044 != 0 {
            findings.push(Finding {
                refused: false,
                what: format!("may be read by others (mode {mode:o}); run `chmod go-r` on it"),
            });
        }
        let own = rustix::process::geteuid().as_raw();
        if opened.uid() != own && opened.uid() != 0 {
            findings.push(Finding {
                refused: false,
                what: format!("belongs to another user (uid {})", opened.uid()),
            });
        }
        if path.symlink_metadata().is_ok_and(|link| link.is_symlink()) {
            findings.push(Finding {
                refused: false,
                what: "is a symbolic link".into(),
            });
        }
        findings
    }
}

#[cfg(not(unix))]
mod permissions {
    use super::Finding;
    use std::fs::Metadata;
    use std::path::Path;

    /// Access lists are not read: the folder's own protection counts.
    pub fn findings(_: &Path, _: &Metadata) -> Vec<Finding> {
        Vec::new()
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn file(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "s3cret").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn refuses_a_file_that_others_may_write() {
        for mode in [0o620, 0o602, 0o666] {
            let (_folder, path) = file(mode);
            let fault = read_guarded(&path, 100, false).unwrap_err();
            assert!(fault.to_string().contains("chmod go-w"), "{fault}");
        }
    }

    #[test]
    fn warns_of_a_file_that_others_may_read_and_refuses_it_when_strict() {
        let (_folder, path) = file(0o644);
        assert_eq!(*read_guarded(&path, 100, false).unwrap(), b"s3cret");
        let fault = read_guarded(&path, 100, true).unwrap_err();
        assert!(fault.to_string().contains("chmod go-r"), "{fault}");
    }

    #[test]
    fn follows_a_symbolic_link_unless_strict() {
        let (folder, path) = file(0o600);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        read_guarded(&link, 100, false).unwrap();
        read_guarded(&link, 100, true).unwrap_err();
    }

    #[test]
    fn names_a_missing_file_a_folder_and_a_large_file() {
        let (folder, path) = file(0o600);
        for (path, limit, says) in [
            (folder.path().join("nowhere"), 100, "does not exist"),
            (folder.path().to_owned(), 100, "is a folder"),
            (path, 3, "more than 3 bytes"),
        ] {
            let fault = read_guarded(&path, limit, false).unwrap_err();
            assert!(fault.to_string().contains(says), "{fault}");
        }
    }
}
