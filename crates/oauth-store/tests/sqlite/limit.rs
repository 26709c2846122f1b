//! A disk that takes no more, for real: the system refuses to let a file grow, as under a quota.

use std::process::Command;

use oauth_core::error::StoreFault;
use oauth_core::record::{RecordStore as _, RecordValue};
use oauth_store::SqliteStore;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Place, id, load, renew, value};

/// Tells a test that it is alone in a process that no such refusal kills.
const ALONE: &str = "OAUTH_TEST_LIMITED";

#[test]
fn a_disk_that_takes_no_more_costs_nothing_and_room_is_used_again() {
    if std::env::var_os(ALONE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        return runtime.unwrap().block_on(filled_again_and_again());
    }
    let test = "limit::a_disk_that_takes_no_more_costs_nothing_and_room_is_used_again";
    // the shell alone can have a signal ignored without unsafe code
    let ended = Command::new("sh")
        .args(["-c", r#"trap '' XFSZ; exec "$@""#, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(ALONE, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

async fn filled_again_and_again() {
    let place = Place::with("0").await;
    let store = place.open().await;
    let mut kept = 0;
    for (round, room) in [64, 128, 256].into_iter().enumerate() {
        limit(Some(room * 1024));
        let (name, error) = loop {
            assert!(kept < 1000, "it never is full");
            let name = format!("{kept:04}");
            match store.put(&id(&name), filler(&name)).await {
                Ok(_) => kept += 1,
                Err(error) => break (name, error),
            }
        };
        assert_eq!(error.fault(), StoreFault::Full, "{error}");
        assert!(store.load(&id(&name)).await.unwrap().is_none());
        whole(&store, kept, &round.to_string()).await;
        limit(None);
        renew(&store, "a", &(round + 1).to_string()).await;
    }
    store.close().await.unwrap();
    whole(&place.open().await, kept, "3").await;
}

/// All that was kept is there.
async fn whole(store: &SqliteStore, kept: usize, newest: &str) {
    assert_eq!(load(store, "a").await.value, Some(value(newest)));
    assert_eq!(store.list("token", "0").await.unwrap().len(), kept);
    for number in 0..kept {
        let name = format!("{number:04}");
        assert_eq!(load(store, &name).await.value, Some(filler(&name)));
    }
}

fn filler(name: &str) -> RecordValue {
    value(&name.repeat(400))
}

/// No file of this process grows beyond that.
fn limit(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limits = Rlimit {
        current: bytes.or(maximum),
        maximum,
    };
    setrlimit(Resource::Fsize, limits).unwrap();
}
