//! What a spool keeps, and what of a process that has ended.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use std::fs;
use std::path::Path;

use oauth_core::error::StoreFault;
use oauth_core::record::{Intent, Lease, Record, RecordId, RecordValue, Spool as _};
use oauth_store::{FileSpool, SealingKeys};

fn keys() -> SealingKeys {
    SealingKeys::from_text(&SealingKeys::new_text().unwrap()).unwrap()
}

fn id() -> RecordId {
    RecordId {
        namespace: "token".into(),
        id: "a/b é".into(),
    }
}

fn lease() -> Lease {
    Lease {
        fence: 7,
        intent: Intent::new().unwrap(),
        record: Record {
            version: 3,
            ..Record::default()
        },
        abandoned: true,
    }
}

fn value(text: &str) -> RecordValue {
    RecordValue::new(text.into())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

/// The one file of that kind.
fn file(folder: &Path, kind: &str) -> std::path::PathBuf {
    let mut found = names(folder);
    found.retain(|name| name.ends_with(kind));
    assert_eq!(found.len(), 1, "{found:?}");
    folder.join(&found[0])
}

#[tokio::test]
async fn what_is_filled_is_told_to_the_next_process_with_its_lease() {
    let (folder, keys, lease) = (tempfile::tempdir().unwrap(), keys(), lease());
    let dead = FileSpool::open(folder.path(), keys.clone()).unwrap();
    dead.reserve(&id(), &lease).await.unwrap();
    dead.fill(&id(), &lease, value("s3cret")).await.unwrap();
    drop(dead);
    let spool = FileSpool::open(folder.path(), keys).unwrap();
    let left = spool.left().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0].id, &left[0].value), (&id(), &value("s3cret")));
    let kept = &left[0].lease;
    assert_eq!(
        (kept.fence, kept.record.version, kept.abandoned),
        (7, 3, true)
    );
    assert_eq!(kept.intent, lease.intent);
    spool.free(&id(), &kept.intent).await.unwrap();
    assert!(spool.left().await.unwrap().is_empty() && names(folder.path()).is_empty());
}

#[tokio::test]
async fn what_was_only_taken_goes_with_its_process_and_not_before() {
    let (folder, keys) = (tempfile::tempdir().unwrap(), keys());
    let living = FileSpool::open(folder.path(), keys.clone()).unwrap();
    living.reserve(&id(), &lease()).await.unwrap();
    let other = FileSpool::open(folder.path(), keys).unwrap();
    assert!(other.left().await.unwrap().is_empty());
    assert_eq!(names(folder.path()).len(), 1, "it is alive");
    let orphan = file(folder.path(), "taken").with_extension("new");
    fs::write(&orphan, "half").unwrap();
    drop(living);
    assert!(other.left().await.unwrap().is_empty());
    assert!(names(folder.path()).is_empty());
    let locks = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(locks, 1, "the other's");
}

#[tokio::test]
async fn an_answer_under_way_in_a_living_process_is_its_own_business() {
    let (folder, keys, lease) = (tempfile::tempdir().unwrap(), keys(), lease());
    let living = FileSpool::open(folder.path(), keys.clone()).unwrap();
    living.reserve(&id(), &lease).await.unwrap();
    living.fill(&id(), &lease, value("x")).await.unwrap();
    let other = FileSpool::open(folder.path(), keys).unwrap();
    assert!(other.left().await.unwrap().is_empty());
    assert_eq!(living.left().await.unwrap().len(), 1);
}

#[tokio::test]
async fn freeing_what_is_not_there_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(folder.path(), keys()).unwrap();
    spool.free(&id(), &lease().intent).await.unwrap();
}

#[tokio::test]
async fn r190_a_slot_is_sealed_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let (folder, lease) = (tempfile::tempdir().unwrap(), lease());
    let folder = folder.path().join("spool");
    let spool = FileSpool::open(&folder, keys()).unwrap();
    spool.reserve(&id(), &lease).await.unwrap();
    spool
        .fill(&id(), &lease, value("s3cret-canary"))
        .await
        .unwrap();
    let slot = file(&folder, "filled");
    let bytes = fs::read(&slot).unwrap();
    assert!(!bytes.windows(6).any(|part| part == b"canary"));
    assert_eq!(
        fs::metadata(&slot).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert!(!format!("{spool:?}").contains("canary"));
}

#[tokio::test]
async fn a_slot_that_was_changed_is_kept_and_costs_no_other() {
    let (folder, keys, lost) = (tempfile::tempdir().unwrap(), keys(), lease());
    let spool = FileSpool::open(folder.path(), keys).unwrap();
    spool.fill(&id(), &lost, value("lost")).await.unwrap();
    let slot = file(folder.path(), "filled");
    let mut bytes = fs::read(&slot).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&slot, bytes).unwrap();
    assert!(spool.left().await.unwrap().is_empty(), "it stops nobody");
    spool.fill(&id(), &lease(), value("good")).await.unwrap();
    let left = spool.left().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].value, value("good"));
    assert!(slot.exists());
}

#[tokio::test]
async fn a_slot_under_another_lease_s_name_is_not_its() {
    let (folder, keys, lost) = (tempfile::tempdir().unwrap(), keys(), lease());
    let spool = FileSpool::open(folder.path(), keys).unwrap();
    spool.fill(&id(), &lost, value("x")).await.unwrap();
    let slot = file(folder.path(), "filled");
    let name = slot.file_name().unwrap().to_str().unwrap();
    let renamed = name.replace(lost.intent.as_str(), lease().intent.as_str());
    fs::rename(&slot, folder.path().join(renamed)).unwrap();
    assert!(spool.left().await.unwrap().is_empty());
    assert_eq!(names(folder.path()).len(), 1, "it is kept");
}

#[tokio::test]
async fn a_slot_whose_key_was_removed_waits_for_it() {
    let (folder, former, lease) = (tempfile::tempdir().unwrap(), keys(), lease());
    let dead = FileSpool::open(folder.path(), former.clone()).unwrap();
    dead.fill(&id(), &lease, value("x")).await.unwrap();
    drop(dead);
    let without = FileSpool::open(folder.path(), keys()).unwrap();
    assert!(without.left().await.unwrap().is_empty());
    let with = FileSpool::open(folder.path(), former).unwrap();
    assert_eq!(with.left().await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_cannot_be_asked_whether_he_lives_is_alive() {
    let (folder, keys, lease) = (tempfile::tempdir().unwrap(), keys(), lease());
    let living = FileSpool::open(folder.path(), keys.clone()).unwrap();
    living.reserve(&id(), &lease).await.unwrap();
    let taken = file(folder.path(), "taken");
    let owner = taken.file_name().unwrap().to_str().unwrap();
    let owner = owner.split_once('.').unwrap().0;
    // opening it fails, and not since it is missing
    let lock = folder.path().join(format!("{owner}.lock"));
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink(&lock, &lock).unwrap();
    let other = FileSpool::open(folder.path(), keys).unwrap();
    assert!(other.left().await.unwrap().is_empty());
    assert!(taken.exists());
}

#[tokio::test]
async fn refuses_a_folder_that_everybody_may_write() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = FileSpool::open(folder.path(), keys()).unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Permission);
}
