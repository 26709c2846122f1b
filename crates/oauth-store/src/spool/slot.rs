//! What a slot holds: an answer, and the lease it was asked under.

use oauth_core::record::{Intent, Lease, Record, RecordId, RecordValue, Spooled, StoreError};
use zeroize::Zeroizing;

use crate::engine::damaged;
use crate::keys::SealingKeys;
use crate::seal::{Kind, Place};

/// Fence, version, whether the former holder left it open; then namespace and id, each with its length;
/// then the value.
pub struct Slot(Zeroizing<Vec<u8>>);

/// Under what name slots are sealed: which record one is for stands within.
fn place() -> RecordId {
    RecordId {
        namespace: "spool".into(),
        id: "".into(),
    }
}

impl Slot {
    pub fn of(id: &RecordId, lease: &Lease, value: &RecordValue) -> Self {
        let length = 33 + id.namespace.len() + id.id.len() + value.expose().len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        bytes.extend_from_slice(&lease.fence.to_be_bytes());
        bytes.extend_from_slice(&lease.record.version.to_be_bytes());
        bytes.push(u8::from(lease.abandoned));
        for name in [id.namespace.as_bytes(), id.id.as_bytes()] {
            bytes.extend_from_slice(&(name.len() as u64).to_be_bytes());
            bytes.extend_from_slice(name);
        }
        bytes.extend_from_slice(value.expose());
        Self(bytes)
    }

    pub fn seal(&self, keys: &SealingKeys, intent: &Intent) -> Result<Vec<u8>, StoreError> {
        keys.seal(
            Kind::Slot,
            &place(),
            Place::Intent(intent.as_str()),
            &self.0,
        )
    }

    pub fn unseal(
        keys: &SealingKeys,
        intent: &Intent,
        sealed: &[u8],
    ) -> Result<Spooled, StoreError> {
        let place_of = Place::Intent(intent.as_str());
        let opened = keys.unseal(Kind::Slot, &place(), place_of, sealed)?;
        read(opened.expose(), intent).ok_or_else(damaged)
    }
}

fn read(mut bytes: &[u8], intent: &Intent) -> Option<Spooled> {
    let fence = u64::from_be_bytes(*bytes.split_off(..8)?.first_chunk()?);
    let version = u64::from_be_bytes(*bytes.split_off(..8)?.first_chunk()?);
    let abandoned = *bytes.split_off_first()? != 0;
    let mut name = || {
        let length = u64::from_be_bytes(*bytes.split_off(..8)?.first_chunk()?);
        let name = bytes.split_off(..usize::try_from(length).ok()?)?;
        String::from_utf8(name.to_vec()).ok()
    };
    let id = RecordId {
        namespace: name()?.into(),
        id: name()?.into(),
    };
    let record = Record {
        version,
        ..Record::default()
    };
    Some(Spooled {
        id,
        lease: Lease {
            fence,
            intent: intent.clone(),
            record,
            abandoned,
        },
        value: RecordValue::new(bytes.to_vec()),
    })
}
