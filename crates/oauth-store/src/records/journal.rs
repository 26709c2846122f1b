//! What came too late for its lease: lines of `intent:sealed`, so that one is appended by one statement.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_core::record::{Committed, Lease, RecordId, RecordValue, StoreError};

use crate::engine::{Engine, damaged};
use crate::keys::SealingKeys;
use crate::records::{Records, TRIES, busy, name, number};
use crate::seal::{Kind, Parts, Place};

impl<E: Engine> Records<E> {
    /// A commit took no effect: it was made before, or the record is gone, or the value goes to the
    /// journal, once.
    pub(super) async fn append(
        &self,
        id: &RecordId,
        lease: &Lease,
        value: &RecordValue,
    ) -> Result<Committed, StoreError> {
        let intent = lease.intent.as_str();
        let line = line(&self.keys, id, intent, value)?;
        for _ in 0..TRIES {
            let Some(look) = self.look(id).await? else {
                return Ok(Committed::Gone);
            };
            if look.settled_by(lease) {
                return Ok(Committed::Yes);
            }
            if look.is_tombstone(id) {
                return Ok(Committed::Gone);
            }
            if look.journal.contains(intent) {
                return Ok(Committed::Journaled);
            }
            let mut arguments = name(id)?;
            arguments.push(number(look.version)?);
            arguments.push(number(look.fence)?);
            arguments.push(line.as_str().into());
            arguments.push(intent.into());
            let sql = self.engine.statements().append;
            if !self.engine.write(sql, arguments).await?.is_empty() {
                return Ok(Committed::Journaled);
            }
        }
        Err(busy(id))
    }
}

/// The values of a journal, oldest first.
pub fn open(
    keys: &SealingKeys,
    id: &RecordId,
    journal: &str,
) -> Result<Vec<RecordValue>, StoreError> {
    entries(journal)
        .map(|entry| {
            let (intent, sealed) = entry?;
            keys.unseal(Kind::Late, id, Place::Intent(intent), &sealed)
        })
        .collect()
}

/// The journal under the current key; `None` where it is under it already.
pub fn reseal(
    keys: &SealingKeys,
    id: &RecordId,
    journal: &str,
) -> Result<Option<String>, StoreError> {
    let mut changed = false;
    let mut resealed = String::with_capacity(journal.len());
    for entry in entries(journal) {
        let (intent, sealed) = entry?;
        changed |= Parts::of(&sealed, id)?.key_id != keys.current_id();
        let value = keys.unseal(Kind::Late, id, Place::Intent(intent), &sealed)?;
        resealed.push_str(&line(keys, id, intent, &value)?);
    }
    Ok(changed.then_some(resealed))
}

fn line(
    keys: &SealingKeys,
    id: &RecordId,
    intent: &str,
    value: &RecordValue,
) -> Result<String, StoreError> {
    let sealed = keys.seal(Kind::Late, id, Place::Intent(intent), value.expose())?;
    Ok(format!("{intent}:{}\n", STANDARD.encode(sealed)))
}

fn entries(journal: &str) -> impl Iterator<Item = Result<(&str, Vec<u8>), StoreError>> {
    journal.split_terminator('\n').map(|line| {
        let (intent, sealed) = line.split_once(':').ok_or_else(damaged)?;
        let sealed = STANDARD.decode(sealed).map_err(|_| damaged())?;
        Ok((intent, sealed))
    })
}
