//! A look into DER without having decided beforehand what it is.

use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::{AnyRef, UintRef};
use pkcs8::der::{self, Decode as _, Reader as _, SliceReader, Tag, Tagged as _};

/// The elements of the one SEQUENCE that `der` is, to its last byte.
pub(super) fn sequence(der: &[u8]) -> der::Result<Vec<AnyRef<'_>>> {
    elements(AnyRef::from_der(der)?)
}

/// The elements of a SEQUENCE.
pub(super) fn elements(any: AnyRef<'_>) -> der::Result<Vec<AnyRef<'_>>> {
    any.tag().assert_eq(Tag::Sequence)?;
    all(any.value())
}

/// The elements that stand one after the other in `der`.
pub(super) fn all(der: &[u8]) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(der)?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(AnyRef::decode(&mut reader)?);
    }
    Ok(elements)
}

/// An AlgorithmIdentifier: which algorithm, and its parameters (RFC 5280 4.1.1.2).
pub(super) fn algorithm(any: AnyRef<'_>) -> Option<(ObjectIdentifier, Option<AnyRef<'_>>)> {
    match elements(any).ok()?.as_slice() {
        [name] => Some((oid(*name)?, None)),
        [name, parameters] => Some((oid(*name)?, Some(*parameters))),
        _ => None,
    }
}

pub(super) fn oid(any: AnyRef<'_>) -> Option<ObjectIdentifier> {
    any.decode_as().ok()
}

/// A number that is not negative, without leading zeros.
pub(super) fn unsigned(any: AnyRef<'_>) -> Option<&[u8]> {
    any.decode_as::<UintRef<'_>>()
        .ok()
        .map(|number| number.as_bytes())
}

/// The bytes of a BIT STRING's value, which must be whole bytes.
pub(super) fn bits(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(&[0])
}

/// The number of a context-specific tag.
pub(super) fn context(any: AnyRef<'_>) -> Option<u32> {
    match any.tag() {
        Tag::ContextSpecific { number, .. } => Some(number.value()),
        _ => None,
    }
}
