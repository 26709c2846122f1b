//! Where what must not be lost is kept: one primitive, on which tokens are a layer.

mod memory;
mod spool;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

pub use crate::record::memory::MemoryStore;
pub use crate::record::spool::{Spool, Spooled};

use crate::error::StoreFault;

/// Names a record: a namespace (one a kind of record) and an id within it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The kind of record, such as `token`.
    pub namespace: Cow<'static, str>,
    /// Unique within the namespace; it is no secret.
    pub id: Arc<str>,
}

/// The bytes of a record. A durable store seals them before they touch a disk; in memory they are
/// wiped when the last clone is dropped. `Debug` prints their number alone.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordValue(Arc<Zeroizing<Box<[u8]>>>);

impl RecordValue {
    /// Takes over bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        let bytes = match bytes.capacity() == bytes.len() {
            true => Zeroizing::new(bytes.into()),
            // what they stood in is wiped, and no more is kept than they need
            false => Zeroizing::new(Zeroizing::new(bytes).as_slice().into()),
        };
        Self(Arc::new(bytes))
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RecordValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[REDACTED {} bytes]", self.0.len())
    }
}

/// A record as it was read.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Rises with every change of the value; 0: it was never written.
    pub version: u64,
    /// The value; `None` where it was never written or has been deleted.
    pub value: Option<RecordValue>,
    /// Values that came too late for their lease, oldest first: never thrown away.
    pub journal: Vec<RecordValue>,
}

/// Names one lease among all there ever were, also after a restart and after a backup was played back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Intent(String);

impl Intent {
    /// A new one: 128 bits by chance.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new() -> Result<Self, StoreError> {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| {
            StoreError::new(StoreFault::Unavailable, "the system has no randomness")
        })?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bytes))))
    }

    /// One that a store has kept.
    pub fn kept(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As a store keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The right to change one record, until it is used or `span` has passed.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Rises with every lease of the record: a later holder fences off an earlier one.
    pub fence: u64,
    /// Names it. Stored with the fence, so that a commit whose acknowledgement was lost is known again,
    /// and one that a spool has kept is made after a restart.
    pub intent: Intent,
    /// The record as it stood when it was leased.
    pub record: Record,
    /// Whether the former holder neither committed nor released: it may have sent something.
    pub abandoned: bool,
}

/// What is done with a leased record.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new value, which takes the place of whatever came too late before; the lease ends.
    Replace(RecordValue),
    /// A new value that says more of the same thing; the journal stays, and the lease ends. One that comes
    /// too late is dropped.
    Note(RecordValue),
    /// Nothing; the lease ends.
    Release,
}

/// What became of a [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Committed {
    /// It holds.
    Yes,
    /// Somebody else holds the record now; the value went to its journal.
    Journaled,
    /// The record was deleted meanwhile and the value was dropped, or a [`Change::Release`] or
    /// [`Change::Note`] came too late, when somebody else had the record.
    Gone,
}

/// Why a store failed; no secret is in it.
#[derive(Clone, Debug)]
pub struct StoreError {
    fault: StoreFault,
    message: String,
}

impl StoreError {
    /// A failure in one line, which says what to do where the fault alone does not.
    pub fn new(fault: StoreFault, message: impl Into<String>) -> Self {
        Self {
            fault,
            message: message.into(),
        }
    }

    /// How it failed.
    pub fn fault(&self) -> StoreFault {
        self.fault
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}

/// What a store call answers.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Records that are changed under a lease, so that of many processes only one spends what can be
/// spent once. Object-safe.
pub trait RecordStore: fmt::Debug + Send + Sync {
    /// Reads a record; `None`: there never was one. A deleted record is `Some` with the value `None`:
    /// its version goes on rising.
    fn load<'a>(&'a self, id: &'a RecordId) -> Stored<'a, Option<Record>>;

    /// Leases a record for `span`, creating it where there is none. `None`: somebody else holds it,
    /// or its version is no longer `version`; read it again. That it succeeds proves that the store
    /// can be written.
    fn lease<'a>(
        &'a self,
        id: &'a RecordId,
        version: u64,
        span: Duration,
    ) -> Stored<'a, Option<Lease>>;

    /// Ends a lease. A value that comes too late goes to the journal; a value that is committed
    /// clears it. A commit may be repeated: where the same lease has ended in one before, that is
    /// [`Committed::Yes`], and nothing is written twice. It may also be made after the lease has run
    /// out, as long as nobody else has leased the record since.
    fn commit<'a>(
        &'a self,
        id: &'a RecordId,
        lease: &'a Lease,
        change: Change,
    ) -> Stored<'a, Committed>;

    /// Writes a value whoever holds the record (somebody logged in): the holder is fenced off, and
    /// the journal is cleared. Answers the new version.
    fn put<'a>(&'a self, id: &'a RecordId, value: RecordValue) -> Stored<'a, u64>;

    /// The records of a namespace whose ids begin with `prefix`, sorted, without deleted ones.
    fn list<'a>(&'a self, namespace: &'a str, prefix: &'a str) -> Stored<'a, Vec<RecordId>>;

    /// Whether what it holds outlives the process. Where it does not, a rotated refresh token is lost with
    /// the process, and a warning says so.
    fn is_durable(&self) -> bool {
        true
    }

    /// Deletes a record and its journal; a holder of its lease is fenced off. True where there was one.
    ///
    /// A token source that is alive does not look: it goes on serving its token until that ends.
    /// Drop the source too.
    fn delete<'a>(&'a self, id: &'a RecordId) -> Stored<'a, bool>;
}
