//! Texts of keys.

use oauth_core::Secret;
use oauth_store::SealingKeys;

/// New keys of a new store.
pub fn new() -> SealingKeys {
    SealingKeys::from_text(&SealingKeys::new_text().unwrap()).unwrap()
}

/// A new text of keys that says it belongs to the store of `text`.
pub fn of_the_same_store(text: &Secret) -> Secret {
    let store = |text: &Secret| {
        let mut lines = text.expose().lines();
        lines
            .find(|line| line.starts_with("store"))
            .unwrap()
            .to_owned()
    };
    let other = SealingKeys::new_text().unwrap();
    Secret::new(other.expose().replace(&store(&other), &store(text)))
}
