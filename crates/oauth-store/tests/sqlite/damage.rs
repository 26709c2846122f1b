//! A file that was cut, overwritten, emptied or exchanged.

use std::fs;
use std::path::Path;

use oauth_core::error::StoreFault;
use oauth_core::record::{Change, Committed, RecordStore as _};
use oauth_store::{SealingKeys, SqliteStore};

use crate::{Place, SPAN, id, load, renew, value};

/// What a store with a journal holds.
const NEW: &str = "the newest token";
const LATE: &str = "a token that came too late";

/// A closed store whose record has a value and a journal.
async fn sample() -> Place {
    let place = Place::with(NEW).await;
    let store = place.open().await;
    let late = store.lease(&id("a"), 1, SPAN).await.unwrap().unwrap();
    assert_eq!(store.put(&id("a"), value(NEW)).await.unwrap(), 2);
    let committed = store
        .commit(&id("a"), &late, Change::Replace(value(LATE)))
        .await;
    assert_eq!(committed.unwrap(), Committed::Journaled);
    store.close().await.unwrap();
    place
}

/// Opens a damaged copy: it fails, or it holds exactly what there was.
async fn harmless(path: &Path, keys: &SealingKeys, what: &str) -> bool {
    let Ok(store) = SqliteStore::open(path, keys.clone()).await else {
        return false;
    };
    let loaded = store.load(&id("a")).await;
    let listed = store.list("token", "").await;
    store.close().await.ok();
    if let Ok(record) = loaded {
        let record = record.unwrap_or_else(|| panic!("{what}: the record is gone"));
        assert_eq!(
            (record.version, record.value),
            (2, Some(value(NEW))),
            "{what}"
        );
        assert_eq!(record.journal, [value(LATE)], "{what}");
        if let Ok(listed) = listed {
            assert_eq!(listed, [id("a")], "{what}");
        }
        return true;
    }
    false
}

#[tokio::test]
async fn a_file_cut_anywhere_is_damage_and_no_empty_store() {
    let place = sample().await;
    let whole = fs::read(place.path()).unwrap();
    let page = 4096;
    assert_eq!(whole.len() % page, 0);
    let boundaries = (0..whole.len()).step_by(page);
    let within = (1..whole.len()).step_by(997);
    for length in boundaries.chain(within) {
        fs::write(place.path(), &whole[..length]).unwrap();
        assert_eq!(
            place.refused().await,
            StoreFault::Corrupt,
            "cut to {length}"
        );
    }
    fs::write(place.path(), &whole).unwrap();
    assert!(harmless(&place.path(), &place.keys, "whole").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r193_a_bit_flipped_anywhere_never_makes_another_token_or_an_empty_store() {
    let place = std::sync::Arc::new(sample().await);
    let whole = std::sync::Arc::new(fs::read(place.path()).unwrap());
    // every byte that means something, and a sample of the room between
    let offsets = |worker: usize| {
        let whole = whole.clone();
        (0..whole.len())
            .filter(move |at| whole[*at] != 0 || at % 64 == 0)
            .enumerate()
            .filter(move |(number, _)| number % 4 == worker)
            .map(|(_, at)| at)
            .collect::<Vec<_>>()
    };
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..4 {
        let (place, whole, offsets) = (place.clone(), whole.clone(), offsets(worker));
        workers.spawn(async move {
            let path = place.folder.path().join(format!("copy{worker}.db"));
            let (mut tried, mut noticed) = (0, 0);
            for at in offsets {
                let mut flipped = (*whole).clone();
                flipped[at] ^= 1 << (at % 8);
                for beside in ["-wal", "-shm"] {
                    let _ = fs::remove_file(format!("{}{beside}", path.display()));
                }
                write_private(&path, &flipped);
                let what = format!("bit {} of byte {at}", at % 8);
                tried += 1;
                noticed += usize::from(!harmless(&path, &place.keys, &what).await);
            }
            (tried, noticed)
        });
    }
    let (mut tried, mut noticed) = (0, 0);
    while let Some(done) = workers.join_next().await {
        let done = done.unwrap();
        tried += done.0;
        noticed += done.1;
    }
    println!("{tried} bits flipped, {noticed} noticed, the others without effect");
    assert!(tried > 1000 && noticed > tried / 2);
}

fn write_private(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Copies the file and its log while the store is open, as a crash leaves them.
async fn crashed() -> (Place, Vec<u8>) {
    let place = Place::with("old").await;
    let store = place.open().await;
    renew(&store, "a", "new").await;
    let copy = Place {
        folder: tempfile::tempdir().unwrap(),
        keys: place.keys.clone(),
    };
    write_private(&copy.path(), &fs::read(place.path()).unwrap());
    let log = fs::read(format!("{}-wal", place.path().display())).unwrap();
    assert!(log.len() > 4096, "the log holds what is new");
    (copy, log)
}

/// What the store holds with that log.
async fn recovered(place: &Place, file: &[u8], log: Option<&[u8]>) -> String {
    write_private(&place.path(), file);
    let beside = |ending: &str| format!("{}{ending}", place.path().display());
    let _ = fs::remove_file(beside("-shm"));
    let _ = fs::remove_file(beside("-wal"));
    if let Some(log) = log {
        write_private(beside("-wal").as_ref(), log);
    }
    let store = place.open().await;
    let record = load(&store, "a").await;
    store.close().await.unwrap();
    String::from_utf8(record.value.unwrap().expose().to_vec()).unwrap()
}

#[tokio::test]
async fn a_log_that_is_cut_or_gone_is_an_older_state_and_no_error() {
    let (place, log) = crashed().await;
    let file = fs::read(place.path()).unwrap();
    assert_eq!(recovered(&place, &file, Some(&log)).await, "new");
    assert_eq!(recovered(&place, &file, None).await, "old");
    let mut found = std::collections::BTreeSet::new();
    for length in (0..log.len()).step_by(509).chain([log.len() - 1]) {
        found.insert(recovered(&place, &file, Some(&log[..length])).await);
    }
    assert!(
        found.is_subset(&["old".to_owned(), "new".to_owned()].into()),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_bit_flipped_in_the_log_is_an_older_state_and_never_a_wrong_token() {
    let (place, log) = crashed().await;
    let file = fs::read(place.path()).unwrap();
    for at in (32..log.len()).step_by(211) {
        let mut flipped = log.clone();
        flipped[at] ^= 1 << (at % 8);
        let found = recovered(&place, &file, Some(&flipped)).await;
        assert!(
            ["old", "new"].contains(&found.as_str()),
            "byte {at}: {found}"
        );
    }
}

#[tokio::test]
async fn r194_an_older_file_that_is_whole_cannot_be_told_from_the_newest() {
    let place = Place::with("old").await;
    let old = fs::read(place.path()).unwrap();
    let store = place.open().await;
    renew(&store, "a", "new").await;
    store.close().await.unwrap();
    assert_eq!(recovered(&place, &old, None).await, "old");
}

#[tokio::test]
async fn a_file_that_is_missing_is_a_new_store() {
    let place = Place::new();
    let store = place.open().await;
    assert!(store.list("token", "").await.unwrap().is_empty());
    assert!(store.load(&id("a")).await.unwrap().is_none());
}

#[tokio::test]
async fn an_emptied_file_is_damage_and_no_new_store() {
    let place = Place::with("x").await;
    fs::write(place.path(), "").unwrap();
    assert_eq!(place.refused().await, StoreFault::Corrupt);
    assert_eq!(fs::read(place.path()).unwrap(), b"", "it is left as it is");
}

#[tokio::test]
async fn a_file_without_our_tables_or_facts_is_damage_and_no_new_store() {
    for sql in [
        "DROP TABLE oauth_record",
        "DROP TABLE oauth_store",
        "DELETE FROM oauth_store",
        "DELETE FROM oauth_store WHERE name = 'store'",
        "ALTER TABLE oauth_record RENAME COLUMN journal TO diary",
    ] {
        let place = Place::with("x").await;
        place.execute(sql).await;
        assert_eq!(place.refused().await, StoreFault::Corrupt, "{sql}");
    }
    let place = Place::new();
    let mut options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.path());
    options = options.create_if_missing(true);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let made = sqlx::raw_sql("CREATE TABLE somebody_elses (x TEXT)");
    made.execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    write_private(&place.path(), &fs::read(place.path()).unwrap());
    assert_eq!(place.refused().await, StoreFault::Corrupt);
}

#[tokio::test]
async fn another_store_s_file_is_not_taken_for_ours() {
    let (place, other) = (Place::with("ours").await, Place::with("theirs").await);
    fs::copy(other.path(), place.path()).unwrap();
    assert_eq!(place.refused().await, StoreFault::Corrupt);
}

#[tokio::test]
async fn tables_of_a_newer_library_are_left_alone() {
    let place = Place::with("x").await;
    place
        .execute("UPDATE oauth_store SET value = '2' WHERE name = 'schema'")
        .await;
    assert_eq!(place.refused().await, StoreFault::Version);
}

#[tokio::test]
async fn tables_of_an_older_version_are_no_empty_store() {
    let place = Place::new();
    place.open().await.close().await.unwrap();
    place
        .execute("UPDATE oauth_store SET value = '0' WHERE name = 'schema'")
        .await;
    assert_eq!(place.refused().await, StoreFault::Version);
}
