//! Sealing: what is stored opens at its place alone.
//!
//! Sealed bytes are `format, kind, length of key id, key id, nonce, ciphertext and tag`. Associated data
//! are all that stands before the nonce, and the store's id, the record's namespace and id, and its
//! version or the intent it was asked under.

use oauth_core::error::StoreFault;
use oauth_core::record::{RecordId, RecordValue, StoreError};
use zeroize::Zeroizing;

use crate::key::NONCE;
use crate::keys::SealingKeys;

/// The format that this library writes, and the newest it reads.
const FORMAT: u8 = 1;

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A record's value.
    Value = 1,
    /// The mark of a record that was deleted.
    Tombstone = 2,
    /// A value that came too late.
    Late = 3,
    /// The slot of a spool.
    Slot = 4,
}

/// What tells one sealed text of a record from every other.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// The record's version.
    Version(u64),
    /// The lease it was asked under.
    Intent(&'a str),
}

impl SealingKeys {
    /// Seals under the current key.
    pub(crate) fn seal(
        &self,
        kind: Kind,
        id: &RecordId,
        place: Place<'_>,
        value: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let (key_id, key) = self.current();
        let header = header(kind, key_id);
        let mut text = value.to_vec();
        let nonce = key
            .seal(self.associated(&header, id, place), &mut text)
            .map_err(|_| {
                StoreError::new(StoreFault::Unavailable, "the system has no randomness")
            })?;
        let mut sealed = header;
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Opens what was sealed there.
    pub(crate) fn unseal(
        &self,
        kind: Kind,
        id: &RecordId,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<RecordValue, StoreError> {
        let parts = Parts::of(sealed, id)?;
        if parts.kind != kind as u8 {
            return Err(tampered(id));
        }
        let key = self.by_id(parts.key_id).ok_or_else(|| {
            StoreError::new(
                StoreFault::KeyUnavailable,
                format!(
                    "{}: sealed with the key `{}`, which is not among the keys given; add it",
                    shown(id),
                    parts.key_id.escape_debug()
                ),
            )
        })?;
        let associated = self.associated(parts.header, id, place);
        let mut text = Zeroizing::new(parts.text.to_vec());
        key.open(parts.nonce, associated, &mut text)
            .map_err(|_| tampered(id))?;
        Ok(RecordValue::new(std::mem::take(&mut *text)))
    }

    /// What is proven beside the text: each part with its length, so that no two places are alike.
    fn associated(&self, header: &[u8], id: &RecordId, place: Place<'_>) -> Vec<u8> {
        let version;
        let (tag, place) = match place {
            Place::Version(number) => {
                version = number.to_be_bytes();
                (0_u8, &version[..])
            }
            Place::Intent(intent) => (1, intent.as_bytes()),
        };
        let mut data = vec![tag];
        let parts = [
            header,
            self.store().as_bytes(),
            id.namespace.as_bytes(),
            id.id.as_bytes(),
            place,
        ];
        for part in parts {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        data
    }
}

/// What a sealed value says of itself, before it is opened.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    kind: u8,
    /// The key it was sealed with.
    pub key_id: &'a str,
    header: &'a [u8],
    nonce: &'a [u8],
    text: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Takes sealed bytes apart.
    pub fn of(sealed: &'a [u8], id: &RecordId) -> Result<Self, StoreError> {
        match sealed.first() {
            Some(&FORMAT) => {}
            Some(&format) if format > FORMAT => {
                return Err(StoreError::new(
                    StoreFault::Version,
                    format!(
                        "{}: sealed in format {format}, this library knows {FORMAT}; update it",
                        shown(id)
                    ),
                ));
            }
            _ => return Err(tampered(id)),
        }
        let split = || {
            let kind = *sealed.get(1)?;
            let start = 3 + usize::from(*sealed.get(2)?);
            let key_id = std::str::from_utf8(sealed.get(3..start)?).ok()?;
            Some(Self {
                kind,
                key_id,
                header: sealed.get(..start)?,
                nonce: sealed.get(start..start + NONCE)?,
                text: sealed.get(start + NONCE..)?,
            })
        };
        split().ok_or_else(|| tampered(id))
    }

    /// Whether it is the mark of a deleted record.
    pub fn is_tombstone(&self) -> bool {
        self.kind == Kind::Tombstone as u8
    }
}

fn header(kind: Kind, key_id: &str) -> Vec<u8> {
    let mut header = vec![FORMAT, kind as u8];
    // an id has 64 characters at most
    header.push(u8::try_from(key_id.len()).unwrap_or(u8::MAX));
    header.extend_from_slice(key_id.as_bytes());
    header
}

fn tampered(id: &RecordId) -> StoreError {
    StoreError::new(
        StoreFault::Tampered,
        format!(
            "{}: what is stored was changed, or sealed with another key; restore record or key, \
             or delete the record",
            shown(id)
        ),
    )
}

/// A record's name, on one line.
pub fn shown(id: &RecordId) -> String {
    let name: String = id.id.escape_debug().take(80).collect();
    format!("record {}/{name}", id.namespace.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> RecordId {
        RecordId {
            namespace: "token".into(),
            id: text.into(),
        }
    }

    fn keys() -> SealingKeys {
        SealingKeys::new_random().unwrap()
    }

    #[test]
    fn opens_what_it_sealed_and_only_there() {
        let keys = keys();
        let at = Place::Version(3);
        let sealed = keys.seal(Kind::Value, &id("a"), at, b"s3cret").unwrap();
        assert!(!sealed.windows(6).any(|bytes| bytes == b"s3cret"));
        let value = keys.unseal(Kind::Value, &id("a"), at, &sealed).unwrap();
        assert_eq!(value.expose(), b"s3cret");
        let elsewhere = [
            keys.unseal(Kind::Value, &id("b"), at, &sealed),
            keys.unseal(Kind::Value, &id("a"), Place::Version(4), &sealed),
            keys.unseal(Kind::Value, &id("a"), Place::Intent("3"), &sealed),
            keys.unseal(Kind::Tombstone, &id("a"), at, &sealed),
        ];
        for refused in elsewhere {
            assert_eq!(refused.unwrap_err().fault(), StoreFault::Tampered);
        }
    }

    #[test]
    fn notices_every_flipped_bit_and_every_cut() {
        let keys = keys();
        let at = Place::Version(1);
        let sealed = keys.seal(Kind::Value, &id("a"), at, b"s3cret").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(keys.unseal(Kind::Value, &id("a"), at, &flipped).is_err());
        }
        for length in 0..sealed.len() {
            let cut = keys.unseal(Kind::Value, &id("a"), at, &sealed[..length]);
            assert!(cut.is_err(), "cut to {length}");
        }
    }

    #[test]
    fn tells_a_newer_format_and_an_unknown_key_from_damage() {
        let keys = keys();
        let at = Place::Version(1);
        let mut sealed = keys.seal(Kind::Value, &id("a"), at, b"x").unwrap();
        let foreign = SealingKeys::new_random().unwrap();
        let refused = foreign.unseal(Kind::Value, &id("a"), at, &sealed);
        assert_eq!(refused.unwrap_err().fault(), StoreFault::KeyUnavailable);
        sealed[0] = FORMAT + 1;
        let refused = keys.unseal(Kind::Value, &id("a"), at, &sealed);
        assert_eq!(refused.unwrap_err().fault(), StoreFault::Version);
    }

    #[test]
    fn seals_nothing_twice_alike() {
        let keys = keys();
        let seal = || {
            keys.seal(Kind::Value, &id("a"), Place::Version(1), b"x")
                .unwrap()
        };
        assert_ne!(seal(), seal());
    }
}
