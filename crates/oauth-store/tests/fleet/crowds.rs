//! Many processes that renew one grant at once: nothing is presented twice, nothing is overwritten.

use oauth_stage::Fate;

use crate::orders::{Patience, Policy};
use crate::process::Process;
use crate::said::Said;
use crate::scene::Scene;
use crate::stores::Home;

/// So many processes renew so many times each, by a server that takes no refresh token twice.
pub async fn crowd(home: &Home, processes: usize, renewals: usize) -> Result<(), String> {
    let scene = Scene::new(home, Policy::Strict, Patience::Long).await;
    let mut orders = scene.orders();
    // the first of them brings the login, and nothing else
    orders.renewals = Some(0);
    orders.login = Some(scene.log_in());
    Process::start(&orders).until(&Said::Done).await;
    let before = scene.record().await.version;

    orders.login = None;
    orders.renewals = Some(renewals);
    let workers: Vec<_> = (0..processes)
        .map(|_| tokio::spawn(renewed(Process::start(&orders))))
        .collect();
    let mut sum = 0;
    let mut faults = Vec::new();
    for worker in workers {
        match worker.await.map_err(|error| error.to_string())? {
            Ok(renewals) => sum += renewals,
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    let all = processes * renewals;
    let version = usize::try_from(scene.record().await.version - before).unwrap_or(0);
    let counted = [
        ("renewals told", sum, all),
        ("tokens issued", scene.stage.tokens_issued(), all),
        ("versions written", version, all),
        (
            "refresh tokens presented twice",
            scene.stage.spent_again(),
            0,
        ),
    ];
    for (what, count, wanted) in counted {
        if count != wanted {
            return Err(format!("{what}: {count} instead of {wanted}"));
        }
    }
    match scene.fate(scene.held().await.as_deref()) {
        Some(Fate::Unspent) => Ok(()),
        fate => Err(format!("the store holds a refresh token that is {fate:?}")),
    }
}

/// How often a worker has renewed, when it is done.
async fn renewed(mut worker: Process) -> Result<usize, String> {
    let mut renewals = 0;
    loop {
        match worker.next().await {
            Some(Said::Ready) => {}
            Some(Said::Renewed) => renewals += 1,
            Some(Said::Done) => return Ok(renewals),
            said => return Err(format!("a worker said {said:?} after {renewals} renewals")),
        }
    }
}
