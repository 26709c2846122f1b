//! A database that goes down in the middle of a renewal.

use oauth_stage::{Endpoint, Fate, Hold};

use crate::orders::{Patience, Policy};
use crate::process::Process;
use crate::said::Said;
use crate::scene::Scene;
use crate::stores::Home;
use crate::support::Server;

/// While the server has spent the refresh token and holds its answer, the database goes down and comes up
/// again: the answer is kept all the same.
pub async fn while_it_asks() -> Result<(), String> {
    let (database, scene, mut worker, hold) = asking().await?;
    database.crash();
    database.run();
    hold.release();
    worker.until(&Said::Renewed).await;
    whole(&scene, worker).await
}

/// It is still down when the answer comes. The token is used, and the worker says that it is not kept;
/// when the database is there again, it is written before anything else is asked for.
pub async fn when_it_is_answered() -> Result<(), String> {
    let (database, scene, mut worker, hold) = asking().await?;
    database.crash();
    hold.release();
    worker.until(&Said::Unkept).await;
    database.run();
    worker.until(&Said::Renewed).await;
    whole(&scene, worker).await
}

/// A worker whose refresh token the server has spent, and whose answer is held.
async fn asking() -> Result<(Server, Scene, Process, Hold), String> {
    let database = Server::start("");
    let home = Home::at(database.url.clone())?;
    let scene = Scene::new(&home, Policy::Strict, Patience::Long).await;
    let worker = logged_in(&scene).await;
    let hold = scene.stage.hold_answer(Endpoint::Token);
    hold.arrived(1).await;
    Ok((database, scene, worker, hold))
}

/// A worker that has adopted a login and goes on.
async fn logged_in(scene: &Scene) -> Process {
    let mut orders = scene.orders();
    orders.login = Some(scene.log_in());
    let mut worker = Process::start(&orders);
    worker.until(&Said::Renewed).await;
    worker
}

/// Nothing was presented twice, and another worker goes on with what the store holds.
async fn whole(scene: &Scene, worker: Process) -> Result<(), String> {
    worker.kill().await;
    // killed in the middle of a renewal it may have left a spent refresh token, which is another trial's
    assert_eq!(
        scene.stage.spent_again(),
        0,
        "a refresh token was presented twice"
    );
    match scene.fate(scene.held().await.as_deref()) {
        Some(Fate::Unspent | Fate::Spent) => Ok(()),
        fate => Err(format!("the store holds a refresh token that is {fate:?}")),
    }
}
