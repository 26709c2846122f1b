//! The right to renew: how long it lasts, and who waits for it.

use std::time::Duration;

use crate::clock::Moment;
use crate::error::{Error, ErrorKind, StoreFault};
use crate::record::Lease;
use crate::retry::fraction;
use crate::source::renewing::Renewing;
use crate::tokens::TokenRecord;

/// Between two looks at a record that somebody else holds.
const POLL: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(500));

/// How long to wait before the next look.
pub(super) fn poll() -> Duration {
    let (shortest, longest) = POLL;
    shortest + (longest - shortest).mul_f64(fraction())
}

impl Renewing {
    /// Longer than all that a renewal may take.
    pub(super) fn lease_span(&self) -> Duration {
        let settings = self.env.http().settings();
        settings.overall_timeout
            + settings.request_timeout
            + settings.late_answer
            + settings.lease_margin
    }

    /// The record that was leased.
    pub(super) fn record_of(&self, lease: &Lease) -> Result<TokenRecord, Error> {
        match &lease.record.value {
            Some(value) => {
                TokenRecord::read(value, &self.id).map_err(|error| self.store_failed(&error))
            }
            None => Ok(TokenRecord::default()),
        }
    }

    /// Gives a lease back with which nothing was done. Where a renewal was broken off before, it runs out by
    /// itself, so that whoever comes next knows of that.
    pub(super) async fn give_back(&self, lease: &Lease) {
        if !lease.abandoned {
            self.release(lease).await;
        }
    }

    pub(super) fn held_for_too_long(&self) -> Error {
        let problem = "another process has held the right to renew this token for too long";
        Error::new(ErrorKind::Store(StoreFault::Locked), problem)
    }

    /// Notes in a record that its former holder neither committed nor released.
    pub(super) fn note_what_was_broken_off(&self, lease: &Lease, record: &mut TokenRecord) {
        if !lease.abandoned {
            return;
        }
        record.broken_off += 1;
        // when it was begun is not known; at the latest a whole lease ago
        let begun = Moment::now(self.env.clock()).before(self.lease_span());
        record.lost_at.get_or_insert(begun);
        tracing::warn!(
            broken_off = record.broken_off,
            "a former renewal of this token was broken off; the refresh token may be spent"
        );
    }
}
