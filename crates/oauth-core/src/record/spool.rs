//! A place on this host where an answer is safe before the store has it.

use std::fmt;

use crate::record::{Intent, Lease, RecordId, RecordValue, Stored};

/// A place on this host where what a server answered is durable before the store has it: a file beside
/// a database that is far away. Optional; a container may have no disk.
///
/// A slot is taken before anything is spent, which proves that the answer can be written. It is filled
/// when the answer has come, and freed when the store has it. What a crash has left filled is committed
/// to the store at the next start, under the lease it was asked under: see [`Spooled`].
pub trait Spool: fmt::Debug + Send + Sync {
    /// Takes the slot of a lease, durably.
    ///
    /// # Errors
    /// It cannot be written: nothing may be sent.
    fn reserve<'a>(&'a self, id: &'a RecordId, lease: &'a Lease) -> Stored<'a, ()>;

    /// Writes the answer into the slot, durably.
    fn fill<'a>(&'a self, id: &'a RecordId, lease: &'a Lease, value: RecordValue)
    -> Stored<'a, ()>;

    /// Frees the slot of a lease; where there is none, nothing happens.
    fn free<'a>(&'a self, id: &'a RecordId, intent: &'a Intent) -> Stored<'a, ()>;

    /// The slots that are filled. Those that were only taken, and whose process is gone, are cleared
    /// away.
    fn left<'a>(&'a self) -> Stored<'a, Vec<Spooled>>;
}

/// An answer that a spool holds.
#[derive(Clone, Debug)]
pub struct Spooled {
    /// The record it is for.
    pub id: RecordId,
    /// The lease it was asked under. Of its record the version alone is known.
    pub lease: Lease,
    /// The record's new value.
    pub value: RecordValue,
}
