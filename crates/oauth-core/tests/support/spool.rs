//! A spool in memory, which outlives the process that a test plays.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use oauth_core::error::StoreFault;
use oauth_core::record::{
    Intent, Lease, RecordId, RecordValue, Spool, Spooled, StoreError, Stored,
};

#[derive(Debug, Default)]
pub struct MemorySpool {
    slots: Mutex<BTreeMap<String, Option<Spooled>>>,
    full: AtomicBool,
}

impl MemorySpool {
    pub fn fail(&self, fail: bool) {
        self.full.store(fail, Ordering::SeqCst);
    }

    /// The slots that are taken, and those of them that are filled.
    pub fn taken(&self) -> (usize, usize) {
        let slots = self.slots.lock().unwrap();
        (slots.len(), slots.values().flatten().count())
    }

    fn write(&self, lease: &Lease, slot: Option<Spooled>) -> Result<(), StoreError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreFault::Full, "the disk is full"));
        }
        let name = lease.intent.as_str().to_owned();
        self.slots.lock().unwrap().insert(name, slot);
        Ok(())
    }
}

impl Spool for MemorySpool {
    fn reserve<'a>(&'a self, _: &'a RecordId, lease: &'a Lease) -> Stored<'a, ()> {
        Box::pin(async { self.write(lease, None) })
    }

    fn fill<'a>(
        &'a self,
        id: &'a RecordId,
        lease: &'a Lease,
        value: RecordValue,
    ) -> Stored<'a, ()> {
        Box::pin(async move {
            let (id, lease_kept) = (id.clone(), lease.clone());
            let spooled = Spooled {
                id,
                lease: lease_kept,
                value,
            };
            self.write(lease, Some(spooled))
        })
    }

    fn free<'a>(&'a self, _: &'a RecordId, intent: &'a Intent) -> Stored<'a, ()> {
        Box::pin(async {
            self.slots.lock().unwrap().remove(intent.as_str());
            Ok(())
        })
    }

    fn left<'a>(&'a self) -> Stored<'a, Vec<Spooled>> {
        Box::pin(async {
            let mut slots = self.slots.lock().unwrap();
            slots.retain(|_, slot| slot.is_some());
            Ok(slots.values().flatten().cloned().collect())
        })
    }
}
