//! What a database says when it fails, as a [`StoreFault`] and one line.

use std::io;
use std::time::Duration;

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;

/// A failure, and whether the connection is gone, so that the statement can be tried on another.
#[derive(Debug)]
pub struct Failure {
    /// What the caller is told.
    pub error: StoreError,
    /// Whether the connection it happened on is of no use any more.
    pub lost: bool,
}

/// Reads what sqlx says. No value of a statement is in it: they are bound, and what a database quotes
/// of them is not taken over.
pub fn read(error: &sqlx::Error) -> Failure {
    let (fault, lost, text) = match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            let (fault, lost, remedy) = judge(&code);
            let text = format!(
                "the database refuses ({code}): {}{remedy}",
                line(database.message())
            );
            (fault, lost, text)
        }
        sqlx::Error::Io(error) => (
            StoreFault::Unavailable,
            true,
            format!(
                "the database cannot be reached: {}",
                line(&error.to_string())
            ),
        ),
        sqlx::Error::Tls(error) => (
            StoreFault::Unavailable,
            true,
            format!(
                "no TLS with the database: {}; check sslmode and sslrootcert of its URL",
                line(&error.to_string())
            ),
        ),
        sqlx::Error::PoolClosed => (StoreFault::Unavailable, false, "the store is closed".into()),
        sqlx::Error::WorkerCrashed => (
            StoreFault::Unavailable,
            true,
            "the thread of the database has ended".into(),
        ),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => (
            StoreFault::Corrupt,
            false,
            "a row of the store is damaged; restore it from a backup".into(),
        ),
        // its text may quote the URL
        sqlx::Error::Configuration(_) => (
            StoreFault::Unavailable,
            true,
            "the database's certificates or its address cannot be used; check its URL".into(),
        ),
        other => (
            StoreFault::Unavailable,
            true,
            format!(
                "the database did not answer as it should: {}",
                line(&other.to_string())
            ),
        ),
    };
    Failure {
        error: StoreError::new(fault, text),
        lost,
    }
}

/// Reads what sqlx says of a statement that changes the tables. Where it does not fit them nothing is damaged,
/// and no backup helps.
pub fn read_step(error: &sqlx::Error) -> StoreError {
    if let sqlx::Error::Database(database) = error {
        let code = database.code().unwrap_or_default();
        if does_not_fit(&code) {
            return StoreError::new(
                StoreFault::Version,
                format!(
                    "the database refuses ({code}): {}",
                    line(database.message())
                ),
            );
        }
    }
    read(error).error
}

/// A table or column that is missing, or there already, or no sense at all.
fn does_not_fit(code: &str) -> bool {
    const SQLITE_ERROR: &str = "1";
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    match code.len() {
        5 => code.starts_with("42") && code != INSUFFICIENT_PRIVILEGE,
        _ => code == SQLITE_ERROR,
    }
}

/// A deadline has passed.
pub fn late(deadline: Duration) -> StoreError {
    StoreError::new(
        StoreFault::Unavailable,
        format!(
            "the database did not answer within {} ms",
            deadline.as_millis()
        ),
    )
}

/// A file that could not be written or read.
pub fn io(what: &str, error: &io::Error) -> StoreError {
    let (fault, remedy) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            (StoreFault::Full, "; make room")
        }
        io::ErrorKind::ReadOnlyFilesystem => (StoreFault::ReadOnly, "; mount it for writing"),
        io::ErrorKind::PermissionDenied => (
            StoreFault::ReadOnly,
            "; give this process the right to write there",
        ),
        io::ErrorKind::NotFound => (StoreFault::ReadOnly, "; create the folder it lies in"),
        _ => (StoreFault::Unavailable, ""),
    };
    StoreError::new(fault, format!("{what}: {error}{remedy}"))
}

/// A code of SQLite (a number; <https://www.sqlite.org/rescode.html>) or of PostgreSQL (five
/// characters; its documentation, appendix A).
fn judge(code: &str) -> (StoreFault, bool, &'static str) {
    match code.parse::<i32>() {
        Ok(number) if code.len() < 5 => sqlite(number),
        _ => postgres(code),
    }
}

fn sqlite(code: i32) -> (StoreFault, bool, &'static str) {
    const SQLITE_IOERR_CORRUPTFS: i32 = 8458;
    // SQLite tells only ENOSPC as a full disk, and a full quota or a file at its limit as one of these
    const SQLITE_IOERR_WRITE: i32 = 778;
    const SQLITE_IOERR_SHMSIZE: i32 = 4874;
    if code == SQLITE_IOERR_CORRUPTFS {
        return (StoreFault::Corrupt, true, "; restore it from a backup");
    }
    if [SQLITE_IOERR_WRITE, SQLITE_IOERR_SHMSIZE].contains(&code) {
        return (
            StoreFault::Full,
            true,
            "; the disk takes no more: make room, raise its quota or limit, or mend it",
        );
    }
    match code & 0xff {
        3 | 23 => (StoreFault::Permission, false, "; check its permissions"),
        5 | 6 => (StoreFault::Locked, false, "; another process is writing"),
        8 => (
            StoreFault::ReadOnly,
            true,
            "; make file and folder writable",
        ),
        11 | 24 | 26 => (StoreFault::Corrupt, true, "; restore it from a backup"),
        13 => (StoreFault::Full, false, "; make room"),
        14 => (
            StoreFault::ReadOnly,
            true,
            "; make file and folder writable",
        ),
        // an unknown table or column: the tables are not ours
        1 => (StoreFault::Corrupt, true, "; restore it from a backup"),
        _ => (StoreFault::Unavailable, true, ""),
    }
}

fn postgres(code: &str) -> (StoreFault, bool, &'static str) {
    match code {
        "53100" => return (StoreFault::Full, false, "; make room on the server"),
        "25006" => {
            return (
                StoreFault::ReadOnly,
                true, // a standby: the name may lead to the primary by now
                "; connect to the primary",
            );
        }
        "42P01" | "42703" | "42804" | "42883" => {
            return (
                StoreFault::Corrupt,
                false,
                "; the store's tables are missing or changed",
            );
        }
        "42501" => return (StoreFault::Permission, false, "; grant it to this role"),
        "3D000" | "3F000" => {
            return (
                StoreFault::Unavailable,
                true,
                "; create it, or mend the URL",
            );
        }
        "40001" | "40P01" | "55P03" => return (StoreFault::Locked, false, ""),
        "57014" => return (StoreFault::Unavailable, false, ""),
        "0A000" | "08P01" | "26000" => {
            return (
                StoreFault::Unavailable,
                true,
                "; behind a pooler, say so with `behind_pooler`",
            );
        }
        _ => {}
    }
    match code.get(..2) {
        Some("28") => (StoreFault::Permission, true, "; check user and password"),
        Some("XX") => (StoreFault::Corrupt, true, "; see the server's log"),
        Some("08" | "53" | "57" | "58") => (StoreFault::Unavailable, true, ""),
        _ => (StoreFault::Unavailable, false, ""),
    }
}

/// One line of bounded length.
fn line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_each_code_means() {
        for (code, fault) in [
            ("13", StoreFault::Full),
            ("778", StoreFault::Full),
            ("53100", StoreFault::Full),
            ("8", StoreFault::ReadOnly),
            ("1032", StoreFault::ReadOnly),
            ("25006", StoreFault::ReadOnly),
            ("11", StoreFault::Corrupt),
            ("26", StoreFault::Corrupt),
            ("5", StoreFault::Locked),
            ("517", StoreFault::Locked),
            ("57P01", StoreFault::Unavailable),
            ("08006", StoreFault::Unavailable),
            ("28P01", StoreFault::Permission),
            ("42501", StoreFault::Permission),
            ("10", StoreFault::Unavailable),
        ] {
            assert_eq!(judge(code).0, fault, "{code}");
        }
    }

    #[test]
    fn a_full_disk_is_told_from_a_missing_folder() {
        let full = io("x", &io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.fault(), StoreFault::Full);
        let missing = io("x", &io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(missing.fault(), StoreFault::ReadOnly);
    }
}
