//! The files of a spool. Each name begins with its owner, one a process and opening:
//! `OWNER.lock` is locked while that lives, `OWNER.INTENT.taken` holds room, `OWNER.INTENT.new` is being
//! written, `OWNER.INTENT.filled` is an answer.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use oauth_core::error::StoreFault;
use oauth_core::record::{Intent, StoreError};

use crate::random::random_digits;
use crate::{fault, files, guard};

/// A folder, and what of it is ours.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    owner: String,
    /// Holds the lock by which others know that we are alive.
    _lock: File,
}

/// A slot that is filled, by the lease it was asked under.
pub type Found = (Intent, Result<Vec<u8>, StoreError>);

/// How many bytes of the disk a slot holds until it is filled: more than an answer has.
const ROOM: usize = 32 * 1024;
/// The most bytes of a file that is read.
const LIMIT: u64 = 16 * 1024 * 1024;
/// How often the lock is made, where somebody takes its file for an orphan at this moment.
const TRIES: usize = 8;

impl Folder {
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make(path)?;
        guard::folder(path)?;
        let mut failed = None;
        for _ in 0..TRIES {
            let owner = random_digits(8)?;
            match lock(path, &owner) {
                Ok(lock) => {
                    return Ok(Self {
                        path: path.to_owned(),
                        owner,
                        _lock: lock,
                    });
                }
                Err(error) => failed = Some(fault::io(&path.display().to_string(), &error)),
            }
        }
        Err(failed.unwrap_or_else(|| missing(path)))
    }

    /// Makes a file that holds room.
    pub fn take(&self, intent: &Intent) -> Result<(), StoreError> {
        let path = self.file(intent, "taken")?;
        self.told(durable(&path, &[0; ROOM]))?;
        self.told(files::sync_folder(&self.path))
    }

    /// Makes the file of an answer.
    pub fn fill(&self, intent: &Intent, sealed: &[u8]) -> Result<(), StoreError> {
        let (new, taken) = (self.file(intent, "new")?, self.file(intent, "taken")?);
        let mut written = durable(&new, sealed);
        if written.as_ref().is_err_and(is_full) {
            // what the slot held was held for this
            let _ = OpenOptions::new().write(true).truncate(true).open(&taken);
            written = durable(&new, sealed);
        }
        self.told(written)?;
        let filled = self.file(intent, "filled")?;
        self.told(fs::rename(&new, &filled))?;
        self.told(files::sync_folder(&self.path))?;
        let _ = fs::remove_file(taken);
        Ok(())
    }

    /// Removes what there is of a slot, whosever it was. That it is gone need not be durable: what
    /// comes back after a power failure is committed a second time, which changes nothing.
    pub fn free(&self, intent: &Intent) -> Result<(), StoreError> {
        let mut found = false;
        for kind in ["filled", "taken", "new"] {
            found |= self.remove(&self.file(intent, kind)?)?;
        }
        if found {
            return Ok(());
        }
        for name in self.names()? {
            if Name::of(&name).is_some_and(|name| name.intent == Some(intent.as_str())) {
                self.remove(&self.path.join(&name))?;
            }
        }
        Ok(())
    }

    /// What is filled, of ours and of those that are gone, and what of it cannot be read; of those that are
    /// gone, all else is removed.
    pub fn left(&self) -> Result<Vec<Found>, StoreError> {
        let names = self.names()?;
        let parsed: Vec<Name<'_>> = names.iter().filter_map(|name| Name::of(name)).collect();
        let owners: BTreeSet<&str> = parsed.iter().map(|name| name.owner).collect();
        let mut found = Vec::new();
        for owner in owners {
            let lock = match owner == self.owner {
                true => None,
                false => match self.lock_of_dead(owner) {
                    Some(lock) => Some(lock),
                    None => continue, // alive: its own business
                },
            };
            let mut filled = false;
            for name in parsed.iter().filter(|name| name.owner == owner) {
                let path = self.path.join(name.whole);
                match (name.intent, name.kind) {
                    (Some(intent), "filled") => {
                        filled = true;
                        if let Some(sealed) = self.read(&path).transpose() {
                            found.push((Intent::kept(intent), sealed));
                        }
                    }
                    (Some(_), "taken" | "new") if lock.is_some() => {
                        self.remove(&path)?;
                    }
                    _ => {}
                }
            }
            if lock.is_some() && !filled {
                self.remove(&self.path.join(format!("{owner}.lock")))?;
                self.remove(&self.path.join(format!("{owner}.making")))?;
            }
        }
        Ok(found)
    }

    /// The lock of an owner that is gone; `None`: it is alive, or may be.
    fn lock_of_dead(&self, owner: &str) -> Option<Option<File>> {
        // in the order in which it has them, so that neither is missed
        for kind in ["making", "lock"] {
            match File::open(self.path.join(format!("{owner}.{kind}"))) {
                Ok(file) => return file.try_lock().is_ok().then_some(Some(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => return None, // it cannot be told: nothing of it is touched
            }
        }
        Some(None)
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        match guard::file(path, &[guard::own()]) {
            Err(_) if path.symlink_metadata().is_err() => return Ok(None), // freed meanwhile
            checked => checked?,
        };
        let length = path.symlink_metadata().map_or(0, |file| file.len());
        if length > LIMIT {
            let text = format!("{} is no slot: it is too large", path.display());
            return Err(StoreError::new(StoreFault::Corrupt, text));
        }
        match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => self.told(read.map(Some)),
        }
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let entries = self.told(fs::read_dir(&self.path))?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
        let names: Result<Vec<_>, io::Error> = names.collect();
        let names = self.told(names)?.into_iter();
        Ok(names.filter_map(|name| name.into_string().ok()).collect())
    }

    /// Whether there was one.
    fn remove(&self, path: &Path) -> Result<bool, StoreError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => self.told(removed.map(|()| true)),
        }
    }

    fn file(&self, intent: &Intent, kind: &str) -> Result<PathBuf, StoreError> {
        let intent = intent.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if intent.is_empty() || intent.len() > 64 || !intent.chars().all(plain) {
            let text = "the name of a lease cannot be that of a file";
            return Err(StoreError::new(StoreFault::Binding, text));
        }
        Ok(self.path.join(format!("{}.{intent}.{kind}", self.owner)))
    }

    fn told<T>(&self, done: io::Result<T>) -> Result<T, StoreError> {
        done.map_err(|error| fault::io(&format!("the spool {}", self.path.display()), &error))
    }
}

/// A file's name, taken apart.
struct Name<'a> {
    whole: &'a OsStr,
    owner: &'a str,
    intent: Option<&'a str>,
    kind: &'a str,
}

impl<'a> Name<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let (owner, rest) = name.split_once('.')?;
        let (intent, kind) = match rest.split_once('.') {
            Some((intent, kind)) => (Some(intent), kind),
            None => (None, rest),
        };
        let ours = matches!(
            (intent, kind),
            (Some(_), "taken" | "new" | "filled") | (None, "lock" | "making")
        );
        ours.then_some(Self {
            whole: name.as_ref(),
            owner,
            intent,
            kind,
        })
    }
}

/// A lock that is held before its file has the name by which it is looked for.
fn lock(folder: &Path, owner: &str) -> io::Result<File> {
    let making = folder.join(format!("{owner}.making"));
    let file = files::private(&making)?;
    file.try_lock()?;
    fs::rename(making, folder.join(format!("{owner}.lock")))?;
    Ok(file)
}

fn make(path: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(fault::io(&format!("the spool {}", path.display()), &error))
        }
        _ => Ok(()),
    }
}

fn durable(path: &Path, content: &[u8]) -> io::Result<()> {
    let _ = fs::remove_file(path); // of a former try
    let mut file = files::private(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn missing(path: &Path) -> StoreError {
    let text = format!("the spool {} is taken away again and again", path.display());
    StoreError::new(StoreFault::Locked, text)
}
