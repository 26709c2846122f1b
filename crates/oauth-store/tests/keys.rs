//! Keys in a file, a variable and a text.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use oauth_core::SecretRef;
use oauth_core::error::StoreFault;
use oauth_store::SealingKeys;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.key");
    (folder, path)
}

fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn r190_a_new_file_is_its_owner_s_alone_and_is_never_overwritten() {
    let (folder, path) = place();
    let keys = SealingKeys::generate(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let again = SealingKeys::generate(&path).unwrap_err();
    assert!(again.to_string().contains("exists already"), "{again}");
    let read = SealingKeys::from_file(&path).unwrap();
    assert_eq!(
        (read.store(), read.current_id()),
        (keys.store(), keys.current_id())
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn makers_at_the_same_time_make_one_file() {
    let (_folder, path) = place();
    let makers: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || SealingKeys::from_file_or_generate(path).unwrap())
        })
        .collect();
    let stores: std::collections::BTreeSet<_> = makers
        .into_iter()
        .map(|maker| maker.join().unwrap().store().to_owned())
        .collect();
    assert_eq!(stores.len(), 1);
}

#[test]
fn a_file_that_is_missing_or_no_text_of_keys_is_named() {
    let (_folder, path) = place();
    let missing = SealingKeys::from_file(&path).unwrap_err();
    assert_eq!(missing.fault(), StoreFault::KeyUnavailable);
    assert!(missing.to_string().contains("tokens.key"), "{missing}");
    fs::write(&path, "not keys").unwrap();
    set_mode(&path, 0o600);
    let other = SealingKeys::from_file(&path).unwrap_err();
    assert_eq!(other.fault(), StoreFault::KeyUnavailable);
    fs::write(&path, [0xff; 100]).unwrap();
    let binary = SealingKeys::from_file(&path).unwrap_err();
    assert_eq!(binary.fault(), StoreFault::KeyUnavailable);
}

#[test]
fn refuses_a_file_that_others_can_read_or_replace() {
    let (folder, path) = place();
    SealingKeys::generate(&path).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o666] {
        set_mode(&path, mode);
        let refused = SealingKeys::from_file(&path).unwrap_err();
        assert_eq!(refused.fault(), StoreFault::Permission, "{mode:o}");
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }
    set_mode(&path, 0o600);
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    let refused = SealingKeys::from_file(&link).unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Permission);
    set_mode(folder.path(), 0o777);
    let refused = SealingKeys::add(&path).unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Permission);
    let refused = SealingKeys::generate(folder.path().join("new")).unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Permission);
}

#[test]
fn a_key_is_added_and_then_made_the_current_one_and_the_store_stays_the_same() {
    let (_folder, path) = place();
    let first = SealingKeys::generate(&path).unwrap();
    let added = SealingKeys::add(&path).unwrap();
    let between = SealingKeys::from_file(&path).unwrap();
    assert_eq!(between.current_id(), first.current_id());
    let second = SealingKeys::make_current(&path, &added).unwrap();
    assert_eq!(
        (second.store(), second.current_id()),
        (first.store(), added.as_str())
    );
    assert!(SealingKeys::make_current(&path, "no such key").is_err());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let text = fs::read_to_string(&path).unwrap();
    let keys = text.lines().filter(|line| line.starts_with("\"k")).count();
    assert_eq!(keys, 2, "the former one still opens");
}

#[test]
fn keys_come_from_what_a_configuration_names() {
    let (_folder, path) = place();
    let keys = SealingKeys::generate(&path).unwrap();
    set_mode(&path, 0o440); // as a container is given it
    let named = SecretRef::parse(&format!("file:{}", path.display())).unwrap();
    assert_eq!(
        SealingKeys::from_secret(&named).unwrap().store(),
        keys.store()
    );
    set_mode(&path, 0o660);
    let refused = SealingKeys::from_secret(&named).unwrap_err();
    assert_eq!(
        refused.fault(),
        StoreFault::KeyUnavailable,
        "others may write it"
    );
    let text = SealingKeys::new_text().unwrap();
    let given = SealingKeys::from_secret(&SecretRef::given(text.clone())).unwrap();
    assert_eq!(
        given.store(),
        SealingKeys::from_text(&text).unwrap().store()
    );
    let variable = SecretRef::parse("env:OAUTH_STORE_NO_SUCH_VARIABLE").unwrap();
    let missing = SealingKeys::from_secret(&variable).unwrap_err();
    assert_eq!(missing.fault(), StoreFault::KeyUnavailable);
    assert!(
        missing.to_string().contains("OAUTH_STORE_NO_SUCH_VARIABLE"),
        "{missing}"
    );
}

#[test]
fn prints_ids_and_no_key() {
    let text = SealingKeys::new_text().unwrap();
    let keys = SealingKeys::from_text(&text).unwrap();
    let shown = format!("{keys:?} {text:?}");
    assert!(shown.contains(keys.current_id()));
    let line = text.expose().lines().last().unwrap();
    let key = line.split('"').nth(3).unwrap();
    assert!(key.len() == 44 && !shown.contains(&key[..8]), "{shown}");
}
