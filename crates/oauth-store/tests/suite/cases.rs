//! What every store does.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use oauth_core::record::{Change, Committed, Intent, Lease, Record, RecordId, RecordValue};

use crate::world::World;

pub type Case = fn(World) -> BoxFuture<'static, ()>;

macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident($world:ident) $body:block)*) => {
        /// By name.
        pub const CASES: &[(&str, Case)] = &[$((stringify!($name), $name)),*];
        $($(#[$doc])* fn $name($world: World) -> BoxFuture<'static, ()> {
            Box::pin(async move $body)
        })*
    };
}

const SPAN: Duration = Duration::from_secs(60);

fn named(id: &str) -> RecordId {
    RecordId {
        namespace: "token".into(),
        id: id.into(),
    }
}

fn id() -> RecordId {
    named("a")
}

fn value(text: &str) -> RecordValue {
    RecordValue::new(text.into())
}

fn replace(text: &str) -> Change {
    Change::Replace(value(text))
}

impl World {
    async fn load(&self) -> Option<Record> {
        self.store.load(&id()).await.unwrap()
    }

    async fn lease(&self, version: u64) -> Option<Lease> {
        self.store.lease(&id(), version, SPAN).await.unwrap()
    }

    async fn leased(&self, version: u64) -> Lease {
        self.lease(version).await.expect("nobody holds it")
    }

    async fn commit(&self, lease: &Lease, change: Change) -> Committed {
        self.store.commit(&id(), lease, change).await.unwrap()
    }
}

cases! {
    a_record_that_never_was_is_none(world) {
        assert!(world.load().await.is_none());
        assert!(world.lease(1).await.is_none(), "a version it does not have");
        assert!(world.load().await.is_none(), "and it was not created");
        assert!(!world.store.delete(&id()).await.unwrap());
    }

    a_lease_creates_the_record_without_a_value(world) {
        let lease = world.leased(0).await;
        assert!(!lease.abandoned && lease.fence > 0);
        assert_eq!((lease.record.version, &lease.record.value), (0, &None));
        let record = world.load().await.unwrap();
        assert_eq!((record.version, record.value), (0, None));
        assert!(world.store.list("token", "").await.unwrap().is_empty());
    }

    leases_to_one_at_a_time_and_to_whoever_read_the_newest_version(world) {
        let lease = world.leased(0).await;
        assert!(world.lease(0).await.is_none(), "held");
        assert!(world.other.lease(&id(), 0, SPAN).await.unwrap().is_none(), "held");
        assert_eq!(world.commit(&lease, replace("one")).await, Committed::Yes);
        assert!(world.lease(0).await.is_none(), "an old version");
        let record = world.other.load(&id()).await.unwrap().unwrap();
        assert_eq!((record.version, record.value), (1, Some(value("one"))));
        let again = world.leased(1).await;
        assert!(!again.abandoned);
        assert_eq!(again.record.value, Some(value("one")));
        assert!(again.fence > lease.fence && again.intent != lease.intent);
        assert_eq!(world.commit(&again, replace("two")).await, Committed::Yes);
        assert!(world.lease(1).await.is_none(), "an old version");
    }

    a_release_changes_nothing_and_frees_the_record(world) {
        world.store.put(&id(), value("one")).await.unwrap();
        let lease = world.leased(1).await;
        assert_eq!(world.commit(&lease, Change::Release).await, Committed::Yes);
        assert_eq!(world.commit(&lease, Change::Release).await, Committed::Yes, "repeated");
        let next = world.leased(1).await;
        assert!(!next.abandoned);
        assert_eq!(next.record.value, Some(value("one")));
    }

    a_release_that_comes_too_late_has_nothing_to_release(world) {
        let late = world.leased(0).await;
        world.pass(SPAN).await;
        let next = world.leased(0).await;
        assert_eq!(world.commit(&late, Change::Release).await, Committed::Gone);
        assert_eq!(world.commit(&next, replace("one")).await, Committed::Yes);
        let never = Lease { intent: Intent::new().unwrap(), ..next };
        let nowhere = world.store.commit(&named("b"), &never, Change::Release).await.unwrap();
        assert_eq!(nowhere, Committed::Gone);
        assert_eq!(world.store.commit(&named("b"), &never, replace("x")).await.unwrap(), Committed::Gone);
    }

    a_lease_ends_by_the_clock_of_the_store(world) {
        let first = world.leased(0).await;
        world.pass(SPAN - Duration::from_secs(10)).await;
        assert!(world.lease(0).await.is_none(), "ten seconds are left");
        world.pass(Duration::from_secs(10)).await;
        let second = world.leased(0).await;
        assert!(second.abandoned && second.fence > first.fence);
        assert_eq!(world.commit(&second, replace("one")).await, Committed::Yes);
        assert!(!world.leased(1).await.abandoned);
    }

    a_lease_that_has_run_out_commits_while_nobody_else_has_the_record(world) {
        let lease = world.leased(0).await;
        world.pass(SPAN * 10).await;
        assert_eq!(world.commit(&lease, replace("one")).await, Committed::Yes);
        assert_eq!(world.load().await.unwrap().value, Some(value("one")));
    }

    a_late_value_goes_to_the_journal_and_never_over_a_newer_one(world) {
        let late = world.leased(0).await;
        world.pass(SPAN).await;
        let next = world.leased(0).await;
        assert_eq!(world.commit(&late, replace("late")).await, Committed::Journaled);
        let record = world.load().await.unwrap();
        assert_eq!((record.value, record.journal), (None, vec![value("late")]));
        assert_eq!(world.commit(&next, replace("new")).await, Committed::Yes);
        let record = world.load().await.unwrap();
        assert_eq!((record.value, record.journal), (Some(value("new")), vec![]));
    }

    a_journal_keeps_its_order_and_is_handed_to_the_next_holder(world) {
        let mut late = Vec::new();
        for _ in 0..5 {
            late.push(world.leased(0).await);
            world.pass(SPAN).await;
        }
        let last = world.leased(0).await;
        for (number, lease) in late.iter().enumerate() {
            let change = replace(&number.to_string());
            assert_eq!(world.commit(lease, change).await, Committed::Journaled);
        }
        let expected: Vec<_> = (0..5).map(|number| value(&number.to_string())).collect();
        assert_eq!(world.load().await.unwrap().journal, expected);
        assert_eq!(world.commit(&last, Change::Release).await, Committed::Yes);
        assert_eq!(world.leased(0).await.record.journal, expected);
    }

    a_commit_that_is_repeated_is_made_once(world) {
        let lease = world.leased(0).await;
        for _ in 0..3 {
            assert_eq!(world.commit(&lease, replace("one")).await, Committed::Yes);
        }
        let record = world.load().await.unwrap();
        assert_eq!((record.version, record.journal.len()), (1, 0));
    }

    a_late_commit_that_is_repeated_is_kept_once(world) {
        let late = world.leased(0).await;
        world.pass(SPAN).await;
        let _next = world.leased(0).await;
        for _ in 0..3 {
            assert_eq!(world.commit(&late, replace("late")).await, Committed::Journaled);
        }
        assert_eq!(world.load().await.unwrap().journal, [value("late")]);
    }

    a_commit_is_known_again_after_a_restart(world) {
        let lease = world.leased(0).await;
        let kept = Lease {
            fence: lease.fence,
            intent: Intent::kept(lease.intent.as_str()),
            record: Record::default(),
            abandoned: false,
        };
        let committed = world.other.commit(&id(), &kept, replace("one")).await.unwrap();
        assert_eq!(committed, Committed::Yes);
        assert_eq!(world.commit(&lease, replace("one")).await, Committed::Yes);
        assert_eq!(world.load().await.unwrap().version, 1);
    }

    a_login_fences_off_the_holder_and_clears_the_journal(world) {
        let first = world.leased(0).await;
        world.pass(SPAN).await;
        let second = world.leased(0).await;
        assert_eq!(world.commit(&first, replace("late")).await, Committed::Journaled);
        assert_eq!(world.store.put(&id(), value("login")).await.unwrap(), 1);
        assert!(world.load().await.unwrap().journal.is_empty());
        assert_eq!(world.commit(&second, replace("later")).await, Committed::Journaled);
        let record = world.load().await.unwrap();
        assert_eq!((record.version, record.value), (1, Some(value("login"))));
        let next = world.leased(1).await;
        assert!(!next.abandoned, "the login settled it");
        assert_eq!(next.record.journal, [value("later")]);
        assert!(next.fence > second.fence);
    }

    a_deleted_record_does_not_come_back(world) {
        world.store.put(&id(), value("one")).await.unwrap();
        let lease = world.leased(1).await;
        assert!(world.store.delete(&id()).await.unwrap());
        assert_eq!(world.commit(&lease, replace("late")).await, Committed::Gone);
        assert_eq!(world.commit(&lease, Change::Release).await, Committed::Gone);
        let record = world.load().await.unwrap();
        assert!(record.value.is_none() && record.journal.is_empty());
        assert_eq!(record.version, 2);
        assert!(world.store.list("token", "").await.unwrap().is_empty());
        assert!(!world.store.delete(&id()).await.unwrap(), "there is none left");
    }

    a_deleted_record_can_be_written_again_and_its_version_goes_on(world) {
        let first = world.leased(0).await;
        assert_eq!(world.commit(&first, replace("one")).await, Committed::Yes);
        assert!(world.store.delete(&id()).await.unwrap());
        assert!(world.lease(0).await.is_none(), "it is no new record");
        let next = world.leased(2).await;
        assert!(next.fence > first.fence && next.record.value.is_none());
        assert_eq!(world.commit(&next, replace("two")).await, Committed::Yes);
        let record = world.load().await.unwrap();
        assert_eq!((record.version, record.value), (3, Some(value("two"))));
    }

    a_record_deleted_before_it_was_written_fences_off_its_holder(world) {
        let lease = world.leased(0).await;
        assert!(!world.store.delete(&id()).await.unwrap(), "it had no value");
        assert_eq!(world.commit(&lease, replace("late")).await, Committed::Gone);
        assert!(world.load().await.unwrap().value.is_none());
    }

    the_version_strictly_rises_whatever_changes_the_value(world) {
        let mut former = 0;
        for round in 0..4 {
            world.store.put(&id(), value(&format!("put {round}"))).await.unwrap();
            let lease = world.leased(former + 1).await;
            world.commit(&lease, replace("lease")).await;
            world.store.delete(&id()).await.unwrap();
            let now = world.load().await.unwrap().version;
            assert_eq!(now, former + 3);
            former = now;
        }
    }

    keeps_values_of_any_size_and_any_byte(world) {
        let all: Vec<u8> = (0..=255).collect();
        for bytes in [Vec::new(), vec![0], vec![b'\n'; 3], all, vec![7; 64 * 1024]] {
            let value = RecordValue::new(bytes);
            let version = world.store.put(&id(), value.clone()).await.unwrap();
            assert_eq!(world.load().await.unwrap().value, Some(value.clone()));
            let lease = world.leased(version).await;
            let change = Change::Replace(value.clone());
            assert_eq!(world.commit(&lease, change).await, Committed::Yes);
            assert_eq!(world.load().await.unwrap().value, Some(value));
        }
    }

    keeps_large_values_in_the_journal(world) {
        let late = world.leased(0).await;
        world.pass(SPAN).await;
        let _next = world.leased(0).await;
        let large = RecordValue::new(vec![9; 64 * 1024]);
        let change = Change::Replace(large.clone());
        assert_eq!(world.commit(&late, change).await, Committed::Journaled);
        assert_eq!(world.load().await.unwrap().journal, [large]);
    }

    lists_by_prefix_within_a_namespace_in_order(world) {
        let ids = ["a_b", "a%b", "axb", "a", "A", "a\\b", "ä", "b", "a%", "'; --", "a b"];
        for id in ids {
            world.store.put(&named(id), value("x")).await.unwrap();
        }
        let elsewhere = RecordId { namespace: "job".into(), id: "a".into() };
        world.store.put(&elsewhere, value("x")).await.unwrap();
        let found = async |prefix: &str| {
            let found = world.store.list("token", prefix).await.unwrap();
            found.iter().map(|id| id.id.to_string()).collect::<Vec<_>>()
        };
        let sorted = |wanted: &[&str]| {
            let sorted: BTreeSet<_> = wanted.iter().map(|id| (*id).to_string()).collect();
            sorted.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(found("").await, sorted(&ids));
        assert_eq!(found("a%").await, sorted(&["a%", "a%b"]));
        assert_eq!(found("a_").await, ["a_b"]);
        assert_eq!(found("a\\").await, ["a\\b"]);
        assert_eq!(found("ä").await, ["ä"]);
        assert_eq!(found("'").await, ["'; --"]);
        assert!(found("c").await.is_empty());
        assert_eq!(world.store.list("job", "").await.unwrap(), [elsewhere]);
    }

    records_of_like_names_are_apart(world) {
        let names = [("a", "bc"), ("ab", "c"), ("a", "b"), ("A", "bc"), ("", "abc")];
        for (namespace, id) in names {
            let id = RecordId { namespace: namespace.into(), id: id.into() };
            world.store.put(&id, value(&format!("{id:?}"))).await.unwrap();
        }
        for (namespace, id) in names {
            let id = RecordId { namespace: namespace.into(), id: id.into() };
            let record = world.store.load(&id).await.unwrap().unwrap();
            assert_eq!(record.value, Some(value(&format!("{id:?}"))));
        }
    }

    r195_of_a_thousand_that_want_a_lease_one_has_it(world) {
        let tasks: Vec<_> = (0..1000)
            .map(|number| {
                let store = if number % 2 == 0 { &world.store } else { &world.other };
                let store = store.clone();
                tokio::spawn(async move { store.lease(&id(), 0, SPAN).await.unwrap() })
            })
            .collect();
        let mut held = Vec::new();
        for task in tasks {
            held.extend(task.await.unwrap());
        }
        assert_eq!(held.len(), 1);
        assert_eq!(world.commit(&held[0], replace("one")).await, Committed::Yes);
    }

    no_update_is_lost_among_many_writers(world) {
        let tasks: Vec<_> = (0..8)
            .map(|number| {
                let store = if number % 2 == 0 { &world.store } else { &world.other };
                let store = store.clone();
                tokio::spawn(async move {
                    let mut done = 0;
                    while done < 10 {
                        let record = store.load(&id()).await.unwrap().unwrap_or_default();
                        let Some(lease) = store.lease(&id(), record.version, SPAN).await.unwrap()
                        else {
                            tokio::task::yield_now().await;
                            continue;
                        };
                        let text = lease.record.value.as_ref().map_or(0, |value| value.expose().len());
                        let change = Change::Replace(RecordValue::new(vec![b'x'; text + 1]));
                        let committed = store.commit(&id(), &lease, change).await.unwrap();
                        assert_eq!(committed, Committed::Yes);
                        done += 1;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let record = world.load().await.unwrap();
        assert_eq!(record.version, 80);
        assert_eq!(record.value.unwrap().expose().len(), 80);
    }

    logins_at_the_same_time_each_have_a_version_of_their_own(world) {
        let tasks: Vec<_> = (0..16)
            .map(|number| {
                let store = world.store.clone();
                tokio::spawn(async move { store.put(&id(), value(&number.to_string())).await.unwrap() })
            })
            .collect();
        let mut versions = BTreeSet::new();
        for task in tasks {
            versions.insert(task.await.unwrap());
        }
        assert_eq!(versions, (1..=16).collect());
    }
}
