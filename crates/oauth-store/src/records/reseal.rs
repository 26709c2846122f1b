//! Sealing everything under the current key.

use oauth_core::record::{RecordId, StoreError};

use crate::engine::{Argument, Engine, Row};
use crate::records::{Records, TRIES, busy, journal, name, number};
use crate::seal::{Kind, Parts, Place};

/// What became of the records of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resealed {
    /// Records that are under the current key now.
    pub changed: u64,
    /// Records that were under it before.
    pub unchanged: u64,
}

/// How many records are read at once.
const PAGE: i64 = 64;

impl<E: Engine> Records<E> {
    /// Seals what is under another key under the current one. Nobody is kept from anything meanwhile:
    /// a record that changes is looked at again.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        let mut report = Resealed::default();
        let mut after = (String::new(), String::new());
        let mut failed = None;
        loop {
            let sql = self.engine.statements().page;
            let arguments = vec![
                Argument::Text(after.0.clone()),
                Argument::Text(after.1.clone()),
                PAGE.into(),
            ];
            let rows = self.engine.read(sql, arguments).await?;
            if rows.is_empty() {
                break;
            }
            for mut row in rows {
                after = (row.text()?, row.text()?);
                let id = RecordId {
                    namespace: after.0.clone().into(),
                    id: after.1.as_str().into(),
                };
                match self.reseal_one(&id, row).await {
                    Ok(true) => report.changed += 1,
                    Ok(false) => report.unchanged += 1,
                    // the others are worth it all the same
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
        failed.map_or(Ok(report), Err)
    }

    async fn reseal_one(&self, id: &RecordId, row: Row) -> Result<bool, StoreError> {
        let mut row = Some(row);
        for _ in 0..TRIES {
            let Some(mut found) = row.take() else {
                return Ok(false); // removed meanwhile
            };
            let version = found.count()?;
            let sealed = found.maybe_bytes()?;
            let journal = found.text()?;
            let new_sealed = self.resealed(id, version, sealed.as_deref())?;
            let new_journal = journal::reseal(&self.keys, id, &journal)?;
            if new_sealed.is_none() && new_journal.is_none() {
                return Ok(false);
            }
            let mut arguments = name(id)?;
            arguments.push(number(version)?);
            arguments.push(Argument::Bytes(sealed.clone()));
            arguments.push(journal.as_str().into());
            arguments.push(Argument::Bytes(new_sealed.or(sealed)));
            arguments.push(Argument::Text(new_journal.unwrap_or(journal)));
            let sql = self.engine.statements().reseal;
            if !self.engine.write(sql, arguments).await?.is_empty() {
                return Ok(true);
            }
            let sql = self.engine.statements().load;
            row = self.engine.read(sql, name(id)?).await?.into_iter().next();
        }
        Err(busy(id))
    }

    /// A value under the current key; `None` where it is already, or there is none.
    fn resealed(
        &self,
        id: &RecordId,
        version: u64,
        sealed: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let parts = Parts::of(sealed, id)?;
        if parts.key_id == self.keys.current_id() {
            return Ok(None);
        }
        let kind = match parts.is_tombstone() {
            true => Kind::Tombstone,
            false => Kind::Value,
        };
        let place = Place::Version(version);
        let value = self.keys.unseal(kind, id, place, sealed)?;
        self.keys.seal(kind, id, place, value.expose()).map(Some)
    }
}
