//! What a worker says, a line each, and what its parent makes of it.

use std::fmt;
use std::io::Write as _;

/// A line of a worker's stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The store is open; the next thing is a renewal, or an adoption.
    Ready,
    /// The login that it was given is in the store.
    Adopted,
    /// It holds the lease, and stops itself now.
    Leased,
    /// It holds the lease of the record of that version, and goes on.
    Holds(u64),
    /// It has an answer that the store does not have, and stops itself now.
    Answered,
    /// The same, and the answer is in the spool.
    Spooled,
    /// A new token, which is in the store.
    Renewed,
    /// A new token, which the store could not take.
    Unkept,
    /// Somebody must log in again; why. It ends.
    LoggedOut(String),
    /// No token this time; why. It goes on.
    Failed(String),
    /// It has done what it was asked for, and ends.
    Done,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Adopted => f.write_str("adopted"),
            Self::Leased => f.write_str("leased"),
            Self::Holds(version) => write!(f, "holds: {version}"),
            Self::Answered => f.write_str("answered"),
            Self::Spooled => f.write_str("spooled"),
            Self::Renewed => f.write_str("renewed"),
            Self::Unkept => f.write_str("unkept"),
            Self::LoggedOut(why) => write!(f, "logged out: {why}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Done => f.write_str("done"),
        }
    }
}

impl Said {
    /// Reads a line; `None`: it was cut off in the middle, or is no line of ours.
    pub fn read(line: &str) -> Option<Self> {
        Some(match line {
            "ready" => Self::Ready,
            "adopted" => Self::Adopted,
            "leased" => Self::Leased,
            "answered" => Self::Answered,
            "spooled" => Self::Spooled,
            "renewed" => Self::Renewed,
            "unkept" => Self::Unkept,
            "done" => Self::Done,
            _ => match line.split_once(": ")? {
                ("holds", version) => Self::Holds(version.parse().ok()?),
                ("logged out", why) => Self::LoggedOut(why.to_owned()),
                ("failed", why) => Self::Failed(why.to_owned()),
                _ => return None,
            },
        })
    }
}

/// Says it, as a worker.
pub fn say(said: &Said) {
    let mut out = std::io::stdout().lock();
    // one write, so that a kill cuts no line in two
    out.write_all(format!("{said}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
