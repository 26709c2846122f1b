//! Reading files that others must not be able to write.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
#[cfg(unix)]
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use crate::text::escape;

/// Why a file was not read: one line that names the file and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    path: PathBuf,
    what: String,
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file {} {}", shown(&self.path), self.what)
    }
}

impl std::error::Error for FileFault {}

/// Reads a file of at most `limit` bytes that holds a secret.
///
/// Writable by group or others: refused, as whoever can write it can choose the secret. Readable by
/// others, owned by somebody else, or a symbolic link (as container secrets are mounted): a warning
/// event, one for each file and finding in a process, or refused when `strict`.
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
        if WARNED.first(path, &finding.what) {
            tracing::warn!(path = %shown(path), "a file with a secret {}", finding.what);
        }
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

/// What a file looks like from outside: every write, change of mode and renaming changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Look {
    /// Of the file at that path now. `None`: it cannot tell one content from another, because there is
    /// none, the system has no such marks, or it changed so lately that the next change may bear the
    /// same time.
    #[cfg(unix)]
    pub fn at(path: &Path) -> Option<Self> {
        Self::of(&std::fs::metadata(path).ok()?, SystemTime::now())
    }

    #[cfg(unix)]
    fn of(seen: &std::fs::Metadata, now: SystemTime) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        /// Longer than the clocks of file systems take from one tick to the next.
        const LATELY: Duration = Duration::from_secs(3);
        let changed = Duration::from_secs(u64::try_from(seen.ctime()).ok()?);
        let age = now.duration_since(SystemTime::UNIX_EPOCH + changed);
        (age.ok()? > LATELY).then(|| Self {
            device: seen.dev(),
            inode: seen.ino(),
            size: seen.size(),
            modified: (seen.mtime(), seen.mtime_nsec()),
            changed: (seen.ctime(), seen.ctime_nsec()),
        })
    }

    /// Of the file at that path now: here nothing can be told.
    #[cfg(not(unix))]
    pub fn at(_: &Path) -> Option<Self> {
        None
    }
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

fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// Of what the process has warned: a secret is read at every request, and nobody reads a warning
/// that comes as often.
static WARNED: Warned = Warned(Mutex::new(BTreeSet::new()));

struct Warned(Mutex<BTreeSet<(PathBuf, String)>>);

impl Warned {
    /// The most that is remembered; then it begins anew, so that no file goes without its warning.
    const LIMIT: usize = 1024;

    /// Whether this was not yet found of that file.
    fn first(&self, path: &Path, what: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::LIMIT {
            known.clear();
        }
        known.insert((path.to_owned(), what.to_owned()))
    }
}

#[derive(Debug)]
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
        let own = rustix::process::geteuid().as_raw();
        let link = path.symlink_metadata().is_ok_and(|link| link.is_symlink());
        judge(opened.mode() & 0o777, opened.uid(), own, link)
    }

    /// What is wrong with a file of these permission bits and that owner, for a process of user `own`.
    pub fn judge(mode: u32, owner: u32, own: u32, link: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        if mode & 0o022 != 0 {
            findings.push(Finding {
                refused: true,
                what: format!("may be written by others (mode {mode:o}); run `chmod go-w` on it"),
            });
        }
        if mode & 0o044 != 0 {
            findings.push(Finding {
                refused: false,
                what: format!("may be read by others (mode {mode:o}); run `chmod go-r` on it"),
            });
        }
        if owner != own && owner != 0 {
            findings.push(Finding {
                refused: false,
                what: format!("belongs to another user (uid {owner})"),
            });
        }
        if link {
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
    fn a_look_tells_files_apart_once_their_last_change_is_past() {
        let (folder, path) = file(0o600);
        let seen = || std::fs::metadata(&path).unwrap();
        let later = || SystemTime::now() + Duration::from_secs(10);
        let first = Look::of(&seen(), later()).unwrap();
        assert_eq!(Look::of(&seen(), later()), Some(first));
        // as long as the next change may bear the same time, nothing is told
        assert_eq!(Look::of(&seen(), SystemTime::now()), None);
        // put in its place, as secrets are rotated: of the same size
        let other = folder.path().join("other");
        std::fs::write(&other, "s3cre2").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(Look::of(&seen(), later()), Some(first));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Look::at(&path), None);
    }

    #[test]
    fn r191_refuses_a_file_that_others_may_write() {
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

    // KEY-038: the owner
    #[test]
    fn warns_of_a_file_of_another_user_but_not_of_the_administrators() {
        let found = |owner, own| permissions::judge(0o600, owner, own, false);
        assert!(found(1000, 1000).is_empty());
        assert!(found(0, 1000).is_empty());
        for own in [0, 1000] {
            let found = found(1001, own);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(!found[0].refused && found[0].what.contains("uid 1001"));
        }
    }

    #[test]
    fn warns_once_of_a_file_and_a_finding_and_remembers_no_more_than_it_may() {
        let warned = Warned(Mutex::default());
        let [a, b] = ["a", "b"].map(Path::new);
        assert!(warned.first(a, "is a symbolic link"));
        for _ in 0..3 {
            assert!(!warned.first(a, "is a symbolic link"));
        }
        assert!(warned.first(a, "may be read by others"));
        assert!(warned.first(b, "is a symbolic link"));
        for index in 0..3 * Warned::LIMIT {
            assert!(warned.first(b, &index.to_string()));
            assert!(warned.0.lock().unwrap().len() <= Warned::LIMIT);
        }
    }

    #[test]
    fn a_path_with_control_characters_stays_one_line() {
        let fault = read_guarded(Path::new("a\n\u{1b}[2J"), 100, false).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "the file a\\u{a}\\u{1b}[2J does not exist; check the path"
        );
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
