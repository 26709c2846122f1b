//! A crash at each step of a renewal. A process is a runtime of its own with an env of its own, and ends
//! where it stands; the server, the store and the spool outlive it.

use std::sync::Arc;
use std::time::Duration;

use crate::support::spool::MemorySpool;
use crate::support::store::Faulty;
use crate::support::{Wanted, builder, clock};
use crate::{declared, rotating};
use oauth_core::clock::ManualClock;
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery, StoreFault};
use oauth_core::record::{RecordId, RecordStore as _, RecordValue, Spool as _};
use oauth_core::server::RotationPolicy;
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_stage::{Endpoint, Rotation, Strict};

const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const GRACE: RotationPolicy = RotationPolicy::Grace(HOUR);

/// What outlives a process.
pub(crate) struct Scene {
    pub clock: Arc<ManualClock>,
    pub stage: Strict,
    seed: String,
    pub store: Arc<Faulty>,
    spool: Option<Arc<MemorySpool>>,
    policy: RotationPolicy,
}

/// A process that can be ended at any moment.
pub(crate) struct Process {
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    pub async fn new(policy: RotationPolicy) -> Self {
        let clock = clock();
        let (stage, seed) = rotating(&clock).await;
        if let RotationPolicy::Grace(grace) = policy {
            stage.set_rotation(Rotation::Rotate { grace });
        }
        Self {
            store: Arc::new(Faulty::new(&clock)),
            clock,
            stage,
            seed,
            spool: None,
            policy,
        }
    }

    async fn with_spool(policy: RotationPolicy) -> Self {
        Self {
            spool: Some(Arc::default()),
            ..Self::new(policy).await
        }
    }

    pub fn env(&self) -> Env {
        let mut builder = builder(&self.clock, |_| ()).store(self.store.clone());
        if let Some(spool) = &self.spool {
            builder = builder.spool(spool.clone());
        }
        builder.build().unwrap()
    }

    pub fn source(&self, env: &Env) -> RenewingToken {
        declared(Wanted::of(env, &self.stage), self.policy).refreshing(&self.seed)
    }

    /// A process that wants a token.
    pub fn begin(&self) -> Process {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let source = self.source(&self.env());
        runtime.spawn(async move {
            let _ = source.token().await;
            source.token().await // a stored one is served first, and renewed behind this
        });
        Process { runtime }
    }

    /// What the next process is answered.
    pub async fn next(&self) -> Result<String, oauth_core::Error> {
        let token = self.source(&self.env()).token().await?;
        assert!(token.is_persisted());
        Ok(token.access_token().expose().to_owned())
    }

    pub fn presented(&self) -> usize {
        self.stage.count(Endpoint::Token)
    }
}

impl Process {
    pub fn crash(self) {
        self.runtime.shutdown_background();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_lease_nothing_has_happened() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    scene.store.fail_leases(true);
    scene.next().await.unwrap_err();
    scene.store.fail_leases(false);
    scene.clock.advance(HOUR);
    scene.next().await.unwrap();
    assert_eq!((scene.presented(), scene.stage.reuse_detected()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_the_lease_and_the_server_the_refresh_token_is_presented_after_the_lease() {
    for policy in [
        RotationPolicy::None,
        GRACE,
        RotationPolicy::Strict,
        RotationPolicy::Unknown,
    ] {
        let scene = Scene::new(policy).await;
        let leased = scene.store.hold_leases();
        let process = scene.begin();
        leased.reached().await;
        process.crash();
        scene.next().await.unwrap();
        assert_eq!((scene.presented(), scene.stage.reuse_detected()), (1, 0));
        assert!(
            scene.clock.slept().iter().sum::<Duration>() > Duration::from_secs(90),
            "it waited for the lease to end"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_crashes_before_the_server_lose_nothing() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    for _ in 0..3 {
        let leased = scene.store.hold_leases();
        let process = scene.begin();
        leased.reached().await;
        process.crash();
    }
    scene.next().await.unwrap();
    assert_eq!((scene.presented(), scene.stage.reuse_detected()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_server_has_committed_a_grace_brings_it_back() {
    let scene = Scene::new(GRACE).await;
    let answer = scene.stage.hold_answer(Endpoint::Token);
    let process = scene.begin();
    answer.arrived(1).await;
    process.crash();
    answer.release();
    scene.next().await.unwrap();
    assert_eq!((scene.presented(), scene.stage.reuse_detected()), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_server_has_committed_strict_rotation_reports_that_the_answer_was_lost() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    let answer = scene.stage.hold_answer(Endpoint::Token);
    let process = scene.begin();
    answer.arrived(1).await;
    process.crash();
    answer.release();
    let error = scene.next().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::LoggedOut, Recovery::LogInAgain)
    );
    assert!(
        error
            .to_string()
            .contains("the answer to an earlier renewal was lost"),
        "{error}"
    );
    assert_eq!(scene.presented(), 2, "it was presented once more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_answer_is_durable_a_grace_brings_it_back() {
    let scene = Scene::new(GRACE).await;
    let writing = scene.store.hold_before_commit();
    let process = scene.begin();
    writing.reached().await;
    process.crash();
    scene.next().await.unwrap();
    assert_eq!((scene.presented(), scene.stage.reuse_detected()), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_spool_holds_is_kept_without_asking_again() {
    let scene = Scene::with_spool(RotationPolicy::Strict).await;
    let writing = scene.store.hold_before_commit();
    let process = scene.begin();
    writing.reached().await;
    assert_eq!(scene.spool.as_ref().unwrap().taken(), (1, 1));
    process.crash();
    let slept = scene.clock.slept().len();
    scene.next().await.unwrap();
    assert_eq!(scene.clock.slept().len(), slept, "no lease was waited for");
    assert_eq!((scene.presented(), scene.stage.reuse_detected()), (1, 0));
    assert_eq!(scene.spool.as_ref().unwrap().taken(), (0, 0));
    scene.clock.advance(HOUR);
    scene.next().await.unwrap();
    assert_eq!((scene.presented(), scene.stage.reuse_detected()), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_spool_holds_after_another_host_has_leased_goes_to_the_journal_and_is_used() {
    let scene = Scene::with_spool(RotationPolicy::Strict).await;
    let writing = scene.store.hold_before_commit();
    let process = scene.begin();
    writing.reached().await;
    process.crash();
    // another host, which has no such spool, waits for the lease and crashes on its own
    let elsewhere = Scene {
        spool: None,
        clock: scene.clock.clone(),
        stage: scene.stage,
        seed: scene.seed.clone(),
        store: scene.store.clone(),
        policy: scene.policy,
    };
    scene.clock.advance(HOUR);
    let leased = elsewhere.store.hold_leases();
    let process = elsewhere.begin();
    leased.reached().await;
    process.crash();
    let back = Scene {
        spool: scene.spool,
        ..elsewhere
    };
    back.next().await.unwrap();
    back.clock.advance(HOUR);
    back.next().await.unwrap();
    assert_eq!(back.stage.reuse_detected(), 0);
}

#[tokio::test]
async fn an_answer_that_no_record_takes_stays_in_the_spool_and_holds_nobody_up() {
    let scene = Scene::with_spool(RotationPolicy::Strict).await;
    let other = RecordId {
        namespace: "token".into(),
        id: "another token".into(),
    };
    let lease = scene.store.lease(&other, 0, HOUR).await.unwrap().unwrap();
    let spool = scene.spool.as_ref().unwrap();
    let answer = RecordValue::new(b"an answer".to_vec());
    spool.fill(&other, &lease, answer).await.unwrap();
    scene.store.damage(other);
    scene.next().await.unwrap();
    assert_eq!((scene.presented(), spool.taken()), (1, (1, 1)));
}

#[tokio::test]
async fn nothing_is_sent_while_the_spool_cannot_be_written() {
    let scene = Scene::with_spool(RotationPolicy::Strict).await;
    let spool = scene.spool.as_ref().unwrap();
    spool.fail(true);
    let error = scene.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(StoreFault::Full));
    assert_eq!(scene.presented(), 0);
    spool.fail(false);
    scene.next().await.unwrap();
    assert_eq!((scene.presented(), spool.taken()), (1, (0, 0)));
}

#[tokio::test]
async fn a_lost_acknowledgement_is_known_again_and_nothing_is_asked_or_written_twice() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    scene.store.lose_acknowledgements(1);
    scene.next().await.unwrap();
    let env = scene.env();
    let id = scene.source(&env).key().record_id();
    let record = env.store().load(&id).await.unwrap().unwrap();
    assert_eq!((record.version, record.journal.len()), (1, 0));
    scene.clock.advance(HOUR);
    scene.next().await.unwrap();
    assert_eq!((scene.presented(), scene.stage.reuse_detected()), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r089_after_the_commit_the_next_process_goes_on_from_there() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    let written = scene.store.hold_commits();
    let process = scene.begin();
    written.reached().await;
    process.crash();
    scene.next().await.unwrap();
    assert_eq!(scene.presented(), 1, "the token that was kept is served");
    scene.clock.advance(HOUR);
    scene.next().await.unwrap();
    assert_eq!((scene.presented(), scene.stage.reuse_detected()), (2, 0));
}

#[tokio::test]
async fn a_holder_that_was_stopped_past_its_lease_sends_nothing() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    let leased = scene.store.hold_leases();
    let source = scene.source(&scene.env());
    let waiting = crate::waiting(&source);
    leased.reached().await;
    scene.clock.advance(HOUR); // stopped, with the lease in its hand
    scene.next().await.unwrap();
    leased.open();
    let token = waiting.await.unwrap();
    assert_eq!((scene.presented(), scene.stage.reuse_detected()), (1, 0));
    let error = token.unwrap_err();
    assert!(error.to_string().contains("ran out"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_strict_rotation_a_live_token_is_served_almost_to_its_end_after_a_crash() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    let first = scene.next().await.unwrap();
    scene.clock.advance(Duration::from_secs(3100)); // within the margin
    let leased = scene.store.hold_leases();
    let process = scene.begin();
    leased.reached().await;
    process.crash();
    scene.clock.advance(Duration::from_secs(160)); // the lease has ended
    let env = scene.env();
    let source = scene.source(&env);
    for _ in 0..3 {
        assert_eq!(source.token().await.unwrap().access_token().expose(), first);
        env.idle().await;
    }
    assert_eq!(
        scene.presented(),
        1,
        "not while the live token can be spent"
    );
    scene.clock.advance(Duration::from_secs(332));
    source.token().await.unwrap();
    env.idle().await;
    assert_eq!((scene.presented(), scene.stage.reuse_detected()), (2, 0));
}
