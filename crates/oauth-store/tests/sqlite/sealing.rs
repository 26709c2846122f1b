//! Nothing is in the clear, nothing that was moved is taken, and keys can be exchanged.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_core::error::StoreFault;
use oauth_core::record::{Change, Committed, RecordStore as _};
use oauth_store::{SealingKeys, SqliteStore};

use crate::{Place, SPAN, id, load, renew, support, value};

const CANARY: &str = "canary-4f1c-token";

/// A store in which every place a value can stand holds one.
async fn filled(place: &Place) -> SqliteStore {
    let store = place.open().await;
    store.put(&id("a"), value(CANARY)).await.unwrap();
    renew(&store, "a", CANARY).await;
    let late = store.lease(&id("b"), 0, SPAN).await.unwrap().unwrap();
    store.put(&id("b"), value(CANARY)).await.unwrap();
    let committed = store
        .commit(&id("b"), &late, Change::Replace(value(CANARY)))
        .await;
    assert_eq!(committed.unwrap(), Committed::Journaled);
    store.put(&id("c"), value(CANARY)).await.unwrap();
    assert!(store.delete(&id("c")).await.unwrap());
    store
}

/// Every file of a folder.
fn bytes(place: &Place) -> Vec<u8> {
    let entries = fs::read_dir(place.folder.path()).unwrap();
    entries
        .flat_map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn no_value_is_in_the_clear_in_any_file_or_text() {
    let place = Place::new();
    let store = filled(&place).await;
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let spelt = [CANARY.to_owned(), STANDARD.encode(CANARY), hex];
    let mut searched = vec![bytes(&place)];
    assert!(
        holds(&searched[0], "oauth_record"),
        "the search finds what is there"
    );
    searched.push(format!("{store:?} {:?}", place.keys).into_bytes());
    store.close().await.unwrap();
    searched.push(bytes(&place));
    place
        .execute("UPDATE oauth_record SET sealed = CAST(x'0101' AS BLOB) || sealed")
        .await;
    let store = place.open().await;
    for name in ["a", "b", "c"] {
        let error = store.load(&id(name)).await.unwrap_err();
        searched.push(format!("{error} {error:?}").into_bytes());
    }
    for text in &spelt {
        assert!(
            !searched.iter().any(|searched| holds(searched, text)),
            "{text}"
        );
    }
}

#[tokio::test]
async fn r192_values_that_changed_places_are_refused_and_kept() {
    let place = Place::new();
    let store = place.open().await;
    for name in ["a", "b"] {
        store.put(&id(name), value(name)).await.unwrap();
    }
    let (a, b) = (sealed(&place, "a").await, sealed(&place, "b").await);
    let swap =
        format!("UPDATE oauth_record SET sealed = CASE id WHEN 'a' THEN x'{b}' ELSE x'{a}' END");
    place.execute(&swap).await;
    for name in ["a", "b"] {
        let refused = store.load(&id(name)).await.unwrap_err();
        assert_eq!(refused.fault(), StoreFault::Tampered);
        let refused = store.lease(&id(name), 1, SPAN).await.unwrap_err();
        assert_eq!(refused.fault(), StoreFault::Tampered);
    }
    assert_eq!(
        store.list("token", "").await.unwrap().len(),
        2,
        "they are there"
    );
}

#[tokio::test]
async fn a_value_of_an_older_version_of_the_record_is_refused() {
    let place = Place::with("old").await;
    let store = place.open().await;
    let old = sealed(&place, "a").await;
    renew(&store, "a", "new").await;
    place
        .execute(&format!("UPDATE oauth_record SET sealed = x'{old}'"))
        .await;
    let refused = store.load(&id("a")).await.unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Tampered);
}

/// What is stored, in hexadecimal.
async fn sealed(place: &Place, name: &str) -> String {
    let mut connection = crate::raw(&place.path()).await;
    let sql = "SELECT hex(sealed) FROM oauth_record WHERE id = $1";
    sqlx::query_scalar(sql)
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn neither_a_deletion_nor_a_new_record_can_be_forged() {
    for sql in [
        "UPDATE oauth_record SET sealed = NULL",
        "UPDATE oauth_record SET sealed = NULL, version = 7",
        "UPDATE oauth_record SET version = 0",
        "UPDATE oauth_record SET version = -1",
        "UPDATE oauth_record SET sealed = 'text'",
        "UPDATE oauth_record SET sealed = CAST(x'0102' || substr(sealed, 3) AS BLOB)",
        "UPDATE oauth_record SET journal = 'x'",
        "UPDATE oauth_record SET journal = 'x:AAAA' || char(10)",
    ] {
        let place = Place::with("x").await;
        let store = place.open().await;
        place.execute(sql).await;
        let refused = store.load(&id("a")).await.unwrap_err().fault();
        let expected = [StoreFault::Corrupt, StoreFault::Tampered];
        assert!(expected.contains(&refused), "{sql}: {refused:?}");
    }
}

#[tokio::test]
async fn a_format_of_a_newer_library_is_told_from_damage() {
    let place = Place::with("x").await;
    place
        .execute("UPDATE oauth_record SET sealed = CAST(x'02' || substr(sealed, 2) AS BLOB)")
        .await;
    let refused = place.open().await.load(&id("a")).await.unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Version);
}

#[tokio::test]
async fn r193_a_key_that_is_not_at_hand_is_named_and_the_row_kept() {
    let text = SealingKeys::new_text().unwrap();
    let place = Place {
        folder: tempfile::tempdir().unwrap(),
        keys: SealingKeys::from_text(&text).unwrap(),
    };
    let store = place.open().await;
    store.put(&id("a"), value("x")).await.unwrap();
    let other = SealingKeys::from_text(&support::keys::of_the_same_store(&text)).unwrap();
    let without = SqliteStore::open(place.path(), other).await.unwrap();
    for refused in [
        without.load(&id("a")).await.map(drop),
        without.lease(&id("a"), 1, SPAN).await.map(drop),
        without.reseal().await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.fault(), StoreFault::KeyUnavailable);
        assert!(
            error.to_string().contains(place.keys.current_id()),
            "{error}"
        );
    }
    assert_eq!(load(&store, "a").await.value, Some(value("x")));
    assert!(
        store.lease(&id("a"), 1, SPAN).await.unwrap().is_some(),
        "it was not left leased"
    );
}

#[tokio::test]
async fn another_key_under_the_same_name_opens_nothing() {
    let text = SealingKeys::new_text().unwrap();
    let place = Place {
        folder: tempfile::tempdir().unwrap(),
        keys: SealingKeys::from_text(&text).unwrap(),
    };
    place.open().await.put(&id("a"), value("x")).await.unwrap();
    let other = support::keys::of_the_same_store(&text);
    let other_id = SealingKeys::from_text(&other)
        .unwrap()
        .current_id()
        .to_owned();
    let renamed = other.expose().replace(&other_id, place.keys.current_id());
    let other = SealingKeys::from_text(&oauth_core::Secret::new(renamed)).unwrap();
    let store = SqliteStore::open(place.path(), other).await.unwrap();
    let refused = store.load(&id("a")).await.unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Tampered);
}

#[tokio::test]
async fn everything_is_sealed_anew_and_then_the_old_key_can_go() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let keys = SealingKeys::generate(&file).unwrap();
    let old = keys.current_id().to_owned();
    let mut place = Place {
        folder: tempfile::tempdir().unwrap(),
        keys,
    };
    filled(&place).await.close().await.unwrap();
    let new = SealingKeys::add(&file).unwrap();
    assert_eq!(
        SealingKeys::from_file(&file).unwrap().current_id(),
        old,
        "others must have it first"
    );
    place.keys = SealingKeys::make_current(&file, &new).unwrap();
    assert_eq!(place.keys.current_id(), new);
    let store = place.open().await;
    assert!(holds(&bytes(&place), &old));
    let report = store.reseal().await.unwrap();
    assert_eq!((report.changed, report.unchanged), (3, 0));
    let report = store.reseal().await.unwrap();
    assert_eq!(
        (report.changed, report.unchanged),
        (0, 3),
        "there is nothing left to do"
    );
    assert!(
        !holds(&bytes(&place), &old),
        "not even in the log or in free pages"
    );
    store.close().await.unwrap();
    // as a person does
    let text = fs::read_to_string(&file).unwrap();
    let left: Vec<_> = text.lines().filter(|line| !line.contains(&old)).collect();
    fs::write(&file, left.join("\n")).unwrap();
    place.keys = SealingKeys::from_file(&file).unwrap();
    let store = place.open().await;
    assert_eq!(load(&store, "a").await.value, Some(value(CANARY)));
    let record = load(&store, "b").await;
    assert_eq!(
        (record.value, record.journal),
        (Some(value(CANARY)), vec![value(CANARY)])
    );
    assert_eq!(load(&store, "c").await.value, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealing_anew_disturbs_nobody() {
    let text = SealingKeys::new_text().unwrap();
    let (text, key) = SealingKeys::add_to_text(&text).unwrap();
    let mut place = Place {
        folder: tempfile::tempdir().unwrap(),
        keys: SealingKeys::from_text(&text).unwrap(),
    };
    let old = place.open().await;
    old.put(&id("a"), value("0")).await.unwrap();
    let text = SealingKeys::make_current_in_text(&text, &key).unwrap();
    place.keys = SealingKeys::from_text(&text).unwrap();
    let new = place.open().await;
    let writer = tokio::spawn(async move {
        for round in 1..=50 {
            renew(&old, "a", &round.to_string()).await;
        }
    });
    let mut rounds = 0;
    while !writer.is_finished() || rounds == 0 {
        new.reseal().await.unwrap();
        rounds += 1;
    }
    writer.await.unwrap();
    new.reseal().await.unwrap();
    let record = load(&new, "a").await;
    assert_eq!((record.version, record.value), (51, Some(value("50"))));
}
