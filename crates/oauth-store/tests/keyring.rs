//! Keys in a keyring: one in memory, whose failures the test makes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use keyring_core::mock::{Cred, Store};
use keyring_core::{Entry, Error, set_default_store};
use oauth_core::error::StoreFault;
use oauth_store::SealingKeys;

/// The keyring of the process: every test has an entry of its own in it.
fn user(name: &str) -> String {
    static STORE: std::sync::Once = std::sync::Once::new();
    STORE.call_once(|| set_default_store(Store::new().unwrap()));
    name.to_owned()
}

const SERVICE: &str = "oauth-store-tests";

/// The next use of an entry fails in that way.
fn fail_next(user: &str, error: Error) {
    let entry = Entry::new(SERVICE, user).unwrap();
    let credential: &Cred = entry.as_any().downcast_ref().unwrap();
    credential.set_error(error);
}

#[test]
fn keys_are_made_once_and_read_again() {
    let user = user("made");
    let missing = SealingKeys::from_keyring(SERVICE, &user).unwrap_err();
    assert_eq!(missing.fault(), StoreFault::KeyUnavailable);
    let made = SealingKeys::generate_in_keyring(SERVICE, &user).unwrap();
    let again = SealingKeys::generate_in_keyring(SERVICE, &user).unwrap_err();
    assert_eq!(again.fault(), StoreFault::Locked);
    let read = SealingKeys::from_keyring(SERVICE, &user).unwrap();
    assert_eq!(
        (read.store(), read.current_id()),
        (made.store(), made.current_id())
    );
}

#[test]
fn a_key_is_added_and_made_the_current_one() {
    let user = user("rotated");
    let made = SealingKeys::generate_in_keyring(SERVICE, &user).unwrap();
    let added = SealingKeys::add_in_keyring(SERVICE, &user).unwrap();
    let between = SealingKeys::from_keyring(SERVICE, &user).unwrap();
    assert_eq!(between.current_id(), made.current_id());
    let now = SealingKeys::make_current_in_keyring(SERVICE, &user, &added).unwrap();
    assert_eq!(
        (now.store(), now.current_id()),
        (made.store(), added.as_str())
    );
}

#[test]
fn a_keyring_that_is_locked_or_absent_gives_no_keys_and_nothing_else_is_tried() {
    let user = user("locked");
    SealingKeys::generate_in_keyring(SERVICE, &user).unwrap();
    for error in [
        Error::NoStorageAccess("locked".into()),
        Error::NoDefaultStore,
        Error::PlatformFailure("no D-Bus".into()),
        Error::BadEncoding(b"s3cret".to_vec()),
    ] {
        fail_next(&user, error);
        let refused = SealingKeys::from_keyring(SERVICE, &user).unwrap_err();
        assert_eq!(refused.fault(), StoreFault::KeyUnavailable, "{refused}");
        assert!(!format!("{refused} {refused:?}").contains("s3cret"));
    }
    SealingKeys::from_keyring(SERVICE, &user).unwrap();
    fail_next(&user, Error::NoStorageAccess("locked".into()));
    let refused = SealingKeys::generate_in_keyring(SERVICE, &user).unwrap_err();
    assert_eq!(
        refused.fault(),
        StoreFault::KeyUnavailable,
        "a locked one is no empty one"
    );
}

#[test]
fn an_entry_that_is_too_large_is_told_and_the_former_one_stays() {
    let user = user("large");
    let made = SealingKeys::generate_in_keyring(SERVICE, &user).unwrap();
    let text = SealingKeys::new_text().unwrap();
    fail_next(&user, Error::TooLong("password".into(), 2560));
    let refused = SealingKeys::restore_to_keyring(SERVICE, &user, &text).unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Full, "{refused}");
    assert_eq!(
        SealingKeys::from_keyring(SERVICE, &user).unwrap().store(),
        made.store()
    );
    let restored = SealingKeys::restore_to_keyring(SERVICE, &user, &text).unwrap();
    assert_ne!(restored.store(), made.store());
}
