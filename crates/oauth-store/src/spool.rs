//! A spool in a folder: a file for each lease.

mod folder;
mod slot;

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use oauth_core::error::StoreFault;
use oauth_core::record::{
    Intent, Lease, RecordId, RecordValue, Spool, Spooled, StoreError, Stored,
};

use crate::keys::SealingKeys;
use crate::spool::folder::Folder;
use crate::spool::slot::Slot;

/// Answers that are safe on this host before the store has them: a sealed file for each lease, in a
/// folder that the processes of this host share.
///
/// A slot that is taken holds room on the disk, so that its answer does not fail for want of it. What a
/// process that ended has left filled is told by [`Spool::left`], by which any other commits it; what it
/// had only taken is cleared away then. A process is known to be alive by a lock that the system frees
/// when it ends.
///
/// A slot that cannot be read (its key was removed, it was changed) is logged once, stays where it is, and
/// holds up neither the others nor any connection.
#[derive(Clone)]
pub struct FileSpool(Arc<Inner>);

struct Inner {
    folder: Folder,
    keys: SealingKeys,
    /// The slots of which it was told that they cannot be read.
    told: Mutex<HashSet<Intent>>,
}

impl FileSpool {
    /// Opens the folder, which is made where there is none, for this user alone. It lies on a local
    /// disk.
    ///
    /// # Errors
    /// [`StoreFault::Permission`] where others can write there; `ReadOnly` and `Full` where we cannot.
    pub fn open(folder: impl AsRef<Path>, keys: SealingKeys) -> Result<Self, StoreError> {
        let folder = Folder::open(folder.as_ref())?;
        Ok(Self(Arc::new(Inner {
            folder,
            keys,
            told: Mutex::default(),
        })))
    }

    /// Runs what waits for the disk where it keeps nobody waiting.
    fn run<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Stored<'a, T> {
        let inner = self.0.clone();
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&inner)).await;
            done.unwrap_or_else(|_| {
                let text = "the spool's work was broken off";
                Err(StoreError::new(StoreFault::Unavailable, text))
            })
        })
    }
}

impl Inner {
    /// A slot that cannot be read stays where it is, and holds nobody up: it is told, once.
    fn tell(&self, intent: Intent, error: &StoreError) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(&intent) {
            tracing::error!(
                intent = intent.as_str(),
                %error,
                "a spooled answer cannot be read; it is kept, and needs the key it was sealed with"
            );
            told.insert(intent);
        }
    }
}

impl Spool for FileSpool {
    fn reserve<'a>(&'a self, _: &'a RecordId, lease: &'a Lease) -> Stored<'a, ()> {
        let intent = lease.intent.clone();
        self.run(move |inner| inner.folder.take(&intent))
    }

    fn fill<'a>(
        &'a self,
        id: &'a RecordId,
        lease: &'a Lease,
        value: RecordValue,
    ) -> Stored<'a, ()> {
        let intent = lease.intent.clone();
        let slot = Slot::of(id, lease, &value);
        self.run(move |inner| {
            let sealed = slot.seal(&inner.keys, &intent)?;
            inner.folder.fill(&intent, &sealed)
        })
    }

    fn free<'a>(&'a self, _: &'a RecordId, intent: &'a Intent) -> Stored<'a, ()> {
        let intent = intent.clone();
        self.run(move |inner| inner.folder.free(&intent))
    }

    fn left<'a>(&'a self) -> Stored<'a, Vec<Spooled>> {
        self.run(|inner| {
            let mut found = Vec::new();
            for (intent, sealed) in inner.folder.left()? {
                match sealed.and_then(|sealed| Slot::unseal(&inner.keys, &intent, &sealed)) {
                    Ok(spooled) => found.push(spooled),
                    Err(error) => inner.tell(intent, &error),
                }
            }
            Ok(found)
        })
    }
}

impl fmt::Debug for FileSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSpool")
            .field("folder", &self.0.folder)
            .field("keys", &self.0.keys)
            .finish()
    }
}
