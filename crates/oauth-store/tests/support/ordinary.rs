//! What an ordinary user sees: for root no file is read-only, and PostgreSQL does not run.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// Tells a test that it runs as an ordinary user, in a folder that is its own.
const FOLDER: &str = "OAUTH_TEST_ORDINARY";

/// Runs the work as an ordinary user in a folder of its own: here, or where we are root in another
/// process, which runs the test of that name alone.
pub fn ordinary(test: &str, work: impl FnOnce(&Path)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return work(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(user) = other_user(folder.path()) else {
        return work(folder.path());
    };
    // the test itself may lie where that user sees nothing
    let program = folder.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    give(folder.path(), user);
    let status = Command::new(&program)
        .args([test, "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .current_dir("/")
        .uid(user)
        .gid(user)
        .status()
        .unwrap();
    assert!(status.success(), "{test} as user {user}: {status}");
}

/// Whom a program is run as where we are root.
pub fn other_user(ours: &Path) -> Option<u32> {
    const NOBODY: u32 = 65534;
    let owner = std::fs::metadata(ours).unwrap().uid();
    (owner == 0).then_some(NOBODY)
}

/// Hands a folder over.
pub fn give(folder: &Path, user: u32) {
    chown(folder, Some(user), Some(user)).unwrap();
}
