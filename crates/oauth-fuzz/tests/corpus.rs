//! The kept inputs, replayed: what was found once is not lost again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail loudly"
)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

use oauth_fuzz::{TARGETS, Target};

/// Fewer inputs than that are no corpus.
const FEWEST: usize = 10;
/// No input is longer.
const LONGEST: u64 = 16 * 1024;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn replay(name: &str) {
    let target = Target::named(name).expect("a target of that name");
    let mut faults = Vec::new();
    let mut inputs = 0;
    for entry in fs::read_dir(corpus().join(name)).unwrap() {
        let path = entry.unwrap().path();
        assert!(fs::metadata(&path).unwrap().len() <= LONGEST, "{path:?}");
        let data = fs::read(&path).unwrap();
        inputs += 1;
        if catch_unwind(|| (target.check)(&data)).is_err() {
            faults.push(path);
        }
    }
    assert!(inputs >= FEWEST, "{inputs} inputs: the corpus is gone");
    assert!(
        faults.is_empty(),
        "of {inputs} inputs these fail: {faults:#?}"
    );
}

macro_rules! replays {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*
        const REPLAYED: &[&str] = &[$(stringify!($name)),*];
    };
}

replays! {
    callback challenge config jwks jwt metadata pending_authorization retry_after signing_key token_error token_response
}

#[test]
fn every_target_and_every_folder_is_replayed() {
    let replayed: BTreeSet<String> = REPLAYED.iter().map(|name| (*name).to_owned()).collect();
    let targets: BTreeSet<String> = TARGETS.iter().map(|one| one.name.to_owned()).collect();
    let folders = fs::read_dir(corpus()).unwrap();
    let folders: BTreeSet<String> = folders
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!((&replayed, &replayed), (&targets, &folders));
}
