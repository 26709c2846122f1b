//! The slot of a renewal in the spool of this host: what is spent there is durable here first.

use crate::error::Error;
use crate::record::Lease;
use crate::source::renewing::Renewing;
use crate::source::start::Start;
use crate::tokens::TokenRecord;

impl Renewing {
    /// Whether what a renewal brings could be lost.
    fn is_spooled(&self) -> bool {
        matches!(self.start, Start::RefreshToken { .. })
    }

    /// Hands what a crash has left in the spool to the store, before anything is read from there.
    pub(super) async fn drain_spool(&self) -> Result<(), Error> {
        match self.env.drain_spool().await {
            Err(error) if self.is_spooled() => Err(self.store_failed(&error)),
            Err(error) => {
                tracing::warn!(%error, "the spool could not be handed to the store");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Takes a slot, which proves that the answer can be written here. If that fails nothing is sent.
    pub(super) async fn reserve_slot(&self, lease: &Lease) -> Result<(), Error> {
        match self.env.spool().filter(|_| self.is_spooled()) {
            None => Ok(()),
            Some(spool) => {
                let reserved = spool.reserve(&self.id, lease).await;
                reserved.map_err(|error| self.store_failed(&error))
            }
        }
    }

    /// Writes what was answered into the slot.
    pub(super) async fn fill_slot(&self, lease: &Lease, record: &TokenRecord) {
        let Some(spool) = self.env.spool().filter(|_| self.is_spooled()) else {
            return;
        };
        if let Err(error) = spool.fill(&self.id, lease, record.write(&self.id)).await {
            tracing::error!(%error, "a new token could not be written to the spool; the store is next");
        }
    }

    /// Frees the slot once the store knows all there is.
    pub(super) async fn free_slot(&self, lease: &Lease) {
        let Some(spool) = self.env.spool().filter(|_| self.is_spooled()) else {
            return;
        };
        if let Err(error) = spool.free(&self.id, &lease.intent).await {
            tracing::warn!(%error, "a slot of the spool could not be freed; what it holds is handed on once more");
        }
    }
}
