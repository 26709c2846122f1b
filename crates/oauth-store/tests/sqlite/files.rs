//! Who can read the file, and what may lie in its place.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use oauth_core::error::StoreFault;
use oauth_core::record::RecordStore as _;
use oauth_store::{SealingKeys, SqliteStore};

use crate::support::ordinary;
use crate::{Place, id, load, renew, value};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn every_file_of_a_store_is_its_owner_s_alone() {
    let place = Place::new();
    let store = place.open().await;
    renew(&store, "a", "x").await;
    let names = names(place.folder.path());
    assert_eq!(names, ["tokens.db", "tokens.db-shm", "tokens.db-wal"]);
    for name in names {
        assert_eq!(mode(&place.folder.path().join(&name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let place = Place::with("x").await;
    assert_eq!(names(place.folder.path()), ["tokens.db"]);
}

#[tokio::test]
async fn openers_at_the_same_time_make_one_store() {
    let place = Place::new();
    let mut openers = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (path, keys) = (place.path(), place.keys.clone());
        openers.spawn(async move {
            let store = SqliteStore::open(path, keys).await.unwrap();
            store
                .put(&id(&number.to_string()), value("x"))
                .await
                .unwrap();
        });
    }
    while let Some(opened) = openers.join_next().await {
        opened.unwrap();
    }
    let store = place.open().await;
    assert_eq!(store.list("token", "").await.unwrap().len(), 8);
    let names = names(place.folder.path());
    assert!(
        names.iter().all(|name| name.starts_with("tokens.db")),
        "{names:?}"
    );
}

#[tokio::test]
async fn what_a_maker_that_died_has_left_is_cleared_away() {
    let place = Place::new();
    for name in [
        ".tokens.db.0011223344556677.new",
        ".tokens.db.0011223344556677.new-wal",
    ] {
        fs::write(place.folder.path().join(name), "half").unwrap();
    }
    place.open().await.close().await.unwrap();
    assert_eq!(names(place.folder.path()), ["tokens.db"]);
}

#[tokio::test]
async fn r191_refuses_a_file_that_others_can_read_or_write() {
    let place = Place::with("x").await;
    for loose in [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o601] {
        set_mode(&place.path(), loose);
        assert_eq!(place.refused().await, StoreFault::Permission, "{loose:o}");
    }
    set_mode(&place.path(), 0o600);
    assert_eq!(load(&place.open().await, "a").await.value, Some(value("x")));
}

#[tokio::test]
async fn refuses_what_is_not_one_file_of_one_name() {
    let place = Place::with("x").await;
    let (kept, path) = (place.folder.path().join("kept"), place.path());
    fs::rename(&path, &kept).unwrap();

    symlink(&kept, &path).unwrap();
    assert_eq!(
        place.refused().await,
        StoreFault::Permission,
        "a symbolic link"
    );
    fs::remove_file(&path).unwrap();

    symlink("nowhere", &path).unwrap();
    assert_eq!(
        place.refused().await,
        StoreFault::Permission,
        "a link to nothing"
    );
    assert!(!place.folder.path().join("nowhere").exists());
    fs::remove_file(&path).unwrap();

    fs::hard_link(&kept, &path).unwrap();
    assert_eq!(place.refused().await, StoreFault::Permission, "a hard link");
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    assert_eq!(place.refused().await, StoreFault::Permission, "a folder");
    fs::remove_dir(&path).unwrap();

    let made = std::process::Command::new("mkfifo")
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    assert_eq!(place.refused().await, StoreFault::Permission, "a pipe");
    fs::remove_file(&path).unwrap();

    let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert_eq!(place.refused().await, StoreFault::Permission, "a socket");
    drop(socket);

    let keys = place.keys.clone();
    let device = SqliteStore::open("/dev/null", keys).await.unwrap_err();
    assert_eq!(device.fault(), StoreFault::Permission, "a device");
}

#[tokio::test]
async fn refuses_a_log_that_is_a_link() {
    let place = Place::with("x").await;
    symlink("elsewhere", place.folder.path().join("tokens.db-wal")).unwrap();
    assert_eq!(place.refused().await, StoreFault::Permission);
}

#[tokio::test]
async fn refuses_a_folder_that_everybody_may_write_unless_it_is_sticky() {
    let place = Place::with("x").await;
    set_mode(place.folder.path(), 0o777);
    assert_eq!(place.refused().await, StoreFault::Permission);
    set_mode(place.folder.path(), 0o1777);
    place.open().await;
    set_mode(place.folder.path(), 0o700);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let place = Place::new();
    let path = place.folder.path().join("missing/tokens.db");
    let error = SqliteStore::open(path, place.keys.clone())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("missing") && error.to_string().contains("create"),
        "{error}"
    );
}

#[test]
fn refuses_a_file_of_another_user() {
    let folder = tempfile::tempdir().unwrap();
    let Some(other) = ordinary::other_user(folder.path()) else {
        // an ordinary user cannot give a file away: everybody's file is one of another user
        let keys = crate::support::keys::new();
        let refused = block(SqliteStore::open("/etc/hostname", keys)).unwrap_err();
        assert_eq!(refused.fault(), StoreFault::Permission);
        return;
    };
    block(async {
        let place = Place::with("x").await;
        chown(place.path(), Some(other), Some(other)).unwrap();
        assert_eq!(place.refused().await, StoreFault::Permission);
    });
}

#[test]
fn a_file_that_is_read_only_is_read_and_not_leased() {
    ordinary::ordinary(
        "files::a_file_that_is_read_only_is_read_and_not_leased",
        |folder| {
            block(async {
                let keys = SealingKeys::generate(folder.join("keys")).unwrap();
                let path = folder.join("tokens.db");
                let store = SqliteStore::open(&path, keys.clone()).await.unwrap();
                store.put(&id("a"), value("x")).await.unwrap();
                store.close().await.unwrap();
                set_mode(&path, 0o400);
                let store = SqliteStore::open(&path, keys.clone()).await.unwrap();
                assert_eq!(load(&store, "a").await.value, Some(value("x")));
                let refused = store.lease(&id("a"), 1, crate::SPAN).await.unwrap_err();
                assert_eq!(refused.fault(), StoreFault::ReadOnly);
            });
        },
    );
}

#[test]
fn a_folder_that_is_read_only_takes_no_new_store() {
    ordinary::ordinary(
        "files::a_folder_that_is_read_only_takes_no_new_store",
        |folder| {
            let keys = crate::support::keys::new();
            let below = folder.join("below");
            fs::create_dir(&below).unwrap();
            set_mode(&below, 0o500);
            let refused = block(SqliteStore::open(below.join("tokens.db"), keys)).unwrap_err();
            set_mode(&below, 0o700);
            assert_eq!(refused.fault(), StoreFault::ReadOnly);
        },
    );
}

fn block<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}
