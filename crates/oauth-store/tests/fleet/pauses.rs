//! A worker that stands still in the middle of a renewal, while another one takes over.

use oauth_stage::Fate;

use crate::orders::{Patience, Policy, Stop};
use crate::process::Process;
use crate::said::Said;
use crate::scene::Scene;
use crate::stores::Home;

/// Paused after it has leased the record and before it has sent anything: another one renews when the
/// lease is over. The first one wakes up with a lease that is not its own any more, and sends nothing
/// under it.
pub async fn before_it_sends(home: &Home) -> Result<(), String> {
    let scene = Scene::new(home, Policy::Strict, Patience::Short).await;
    let mut paused = pause(&scene, Stop::Leased, &Said::Leased).await;
    assert_eq!(scene.stage.tokens_issued(), 0);
    take_over(&scene).await;
    let held = scene.held().await;

    paused.go_on();
    done(&mut paused).await;
    assert_eq!(
        scene.stage.spent_again(),
        0,
        "a refresh token was presented twice"
    );
    assert_ne!(scene.held().await, held);
    whole(&scene).await
}

/// Paused with the answer in its hands: another one renews with the same refresh token, since the server
/// gives a grace. The late answer of the first one goes to the journal, and takes nothing away.
pub async fn with_the_answer(home: &Home) -> Result<(), String> {
    let scene = Scene::new(home, Policy::Grace, Patience::Short).await;
    let mut paused = pause(&scene, Stop::Answered, &Said::Answered).await;
    assert_eq!(scene.stage.tokens_issued(), 1);
    take_over(&scene).await;
    assert_eq!(
        (scene.stage.tokens_issued(), scene.stage.spent_again()),
        (2, 1)
    );

    paused.go_on();
    done(&mut paused).await;
    assert_eq!(
        (scene.stage.spent_again(), scene.stage.reuse_detected()),
        (1, 0)
    );
    assert!(scene.record().await.journal.is_empty(), "it was read");
    whole(&scene).await
}

/// A worker that has stopped there.
async fn pause(scene: &Scene, stop: Stop, said: &Said) -> Process {
    let mut orders = scene.orders();
    orders.login = Some(scene.log_in());
    orders.renewals = Some(1);
    orders.stop = Some(stop);
    let mut worker = Process::start(&orders);
    worker.until(said).await;
    worker.stopped().await;
    worker
}

/// Another worker renews once.
async fn take_over(scene: &Scene) {
    let mut orders = scene.orders();
    orders.renewals = Some(1);
    done(&mut Process::start(&orders)).await;
}

/// Until it is done; that it has to try again is no fault.
async fn done(worker: &mut Process) {
    loop {
        match worker.next().await {
            Some(Said::Done) => return,
            Some(Said::Ready | Said::Renewed | Said::Failed(_)) => {}
            said => panic!("a worker said {said:?}"),
        }
    }
}

async fn whole(scene: &Scene) -> Result<(), String> {
    match scene.fate(scene.held().await.as_deref()) {
        Some(Fate::Unspent) => Ok(()),
        fate => Err(format!("the store holds a refresh token that is {fate:?}")),
    }
}
