//! What a store says of itself: the version of its tables, and its id.

use std::ops::RangeInclusive;

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;

use crate::engine::Row;
use crate::keys::SealingKeys;

/// The names of the facts.
pub const SCHEMA_FACT: &str = "schema";
/// The id that stands beside the keys.
pub const STORE_FACT: &str = "store";

/// The version of a store that is the keys' own; one that is not is refused, and one of a version that is none of
/// those that this library knows.
pub fn check(
    rows: Vec<Row>,
    keys: &SealingKeys,
    known: RangeInclusive<i64>,
) -> Result<i64, StoreError> {
    let (oldest, newest) = known.into_inner();
    let mut schema = None;
    let mut store = None;
    for mut row in rows {
        match row.text()?.as_str() {
            SCHEMA_FACT => schema = Some(row.text()?),
            STORE_FACT => store = Some(row.text()?),
            _ => {}
        }
    }
    let schema = schema.and_then(|text| text.parse::<i64>().ok());
    match (schema, store) {
        (Some(schema), _) if schema > newest => Err(StoreError::new(
            StoreFault::Version,
            format!(
                "the store's tables are of version {schema}, this library knows {newest}; update it"
            ),
        )),
        (Some(schema), _) if schema < oldest => Err(StoreError::new(
            StoreFault::Version,
            format!(
                "the store's tables are of version {schema}, older than any that this library knows ({oldest}); \
                 open it with a library that knows them"
            ),
        )),
        (Some(schema), Some(store)) if store == keys.store() => Ok(schema),
        (Some(_), Some(_)) => Err(StoreError::new(
            StoreFault::Corrupt,
            "this is not the store that the keys belong to; give the right keys, or the right store",
        )),
        _ => Err(StoreError::new(
            StoreFault::Corrupt,
            "the store was emptied: it does not say what it is; restore it from a backup",
        )),
    }
}
