//! Workers that compete for one grant, while one of them after the other is killed and started again.

use std::sync::Arc;

use futures_util::future::select_all;
use oauth_stage::Endpoint;
use tokio::time::timeout;

use crate::chance::Chance;
use crate::lanes::{self, Kills};
use crate::orders::{Orders, Patience, Policy};
use crate::process::{Process, SILENCE};
use crate::said::Said;
use crate::scale::Scale;
use crate::scene::Scene;
use crate::stores::{Home, Kind};
use crate::tally::Tally;

/// How many compete for one grant.
pub const CREW: usize = 4;

/// Kills workers, whichever chance names, until so many are killed or the time is over. The server gives a
/// grace.
pub async fn kill(kind: Kind, scale: &Scale) -> Result<Tally, String> {
    lanes::run(kind, scale, scale.rivals, scale.crews, |home, kills| {
        run(home, kills)
    })
    .await
}

async fn run(home: Home, kills: Arc<Kills>) -> Tally {
    let scene = Scene::new(&home, Policy::Grace, Patience::Short).await;
    // the first of them brings the login, and nothing else
    let mut orders = scene.orders();
    orders.login = Some(scene.log_in());
    orders.renewals = Some(0);
    Process::start(&orders).until(&Said::Done).await;
    orders.login = None;
    orders.renewals = None;
    orders.tells = true;
    let before = scene.record().await.version;
    let mut lane = Lane {
        crew: (0..CREW).map(|_| Rival::start(&orders)).collect(),
        scene,
        orders,
        chance: Chance::new(),
        tally: Tally::default(),
    };
    // also until one was killed where it hurts, whom chance names
    while lane.is_whole() && (kills.has_next() || lane.tally.inside == 0) {
        lane.hear_of_renewals(1 + lane.chance.below(4)).await;
        match lane.chance.below(2) {
            0 => lane.kill_one_at_a_lease().await,
            _ => lane.kill_one_under_an_answer().await,
        }
    }
    lane.hear_of_renewals(4).await;
    lane.tally(before).await
}

/// One grant and those who renew it.
struct Lane {
    scene: Scene,
    orders: Orders,
    crew: Vec<Rival>,
    chance: Chance,
    tally: Tally,
}

struct Rival {
    process: Process,
    /// The version of the record that it holds the lease of.
    holds: Option<u64>,
}

impl Rival {
    fn start(orders: &Orders) -> Self {
        Self {
            process: Process::start(orders),
            holds: None,
        }
    }
}

impl Lane {
    /// Nobody has said that the grant is lost.
    fn is_whole(&self) -> bool {
        self.tally.reported == 0
    }

    /// Waits for so many renewals, whosever.
    async fn hear_of_renewals(&mut self, count: u64) {
        let enough = self.tally.rotations + count;
        while self.is_whole() && self.tally.rotations < enough {
            self.hear().await;
        }
    }

    /// When somebody has just leased the record.
    async fn kill_one_at_a_lease(&mut self) {
        while self.is_whole() && !matches!(self.hear().await, Said::Holds(_)) {}
        let victim = self.victim();
        self.kill(victim).await;
    }

    /// When the server has spent the refresh token, and nobody knows its successor yet.
    async fn kill_one_under_an_answer(&mut self) {
        let hold = self.scene.stage.hold_answer(Endpoint::Token);
        let arrived = timeout(SILENCE, hold.arrived(1)).await;
        arrived.expect("nobody asks");
        let version = Some(self.scene.record().await.version);
        let holder = loop {
            let holder = self.crew.iter().position(|rival| rival.holds == version);
            if let Some(holder) = holder {
                break holder;
            }
            self.hear().await;
            if !self.is_whole() {
                return;
            }
        };
        let victim = self.victim();
        self.kill(victim).await;
        self.tally.inside += usize::from(victim == holder);
    }

    fn victim(&self) -> usize {
        usize::try_from(self.chance.below(CREW as u64)).unwrap()
    }

    /// Kills a worker, and starts one in its place.
    async fn kill(&mut self, victim: usize) {
        let rival = self.crew.swap_remove(victim);
        for said in rival.process.kill().await {
            self.note(&said);
        }
        self.tally.kills += 1;
        self.crew.push(Rival::start(&self.orders));
    }

    /// What anybody says next.
    async fn hear(&mut self) -> Said {
        let next = self.crew.iter_mut();
        let next = next.map(|rival| Box::pin(rival.process.next()));
        let (said, index) = {
            let (said, index, _) = select_all(next).await;
            (said.expect("a worker ended"), index)
        };
        match said {
            Said::Ready => {}
            Said::Holds(version) => self.crew[index].holds = Some(version),
            _ => self.crew[index].holds = None,
        }
        self.note(&said);
        said
    }

    fn note(&mut self, said: &Said) {
        match said {
            Said::Ready | Said::Holds(_) => {}
            Said::Renewed => self.tally.rotations += 1,
            // who waits for longer than a lease says so as well: the one who has it goes on at once
            Said::Failed(why) => {
                self.tally.fail(why);
                let is_late = why.contains("whether the server processed it is unknown");
                self.tally.late += usize::from(is_late);
            }
            Said::LoggedOut(why) => {
                self.tally.reported += 1;
                self.tally.fail(why);
            }
            other => panic!("a worker said {other}"),
        }
    }

    /// What came of it; before, the record had that version.
    async fn tally(mut self, before: u64) -> Tally {
        let version = self.scene.record().await.version;
        if version < before + self.tally.rotations {
            self.tally.undone += 1;
        }
        self.tally.repeated = self.scene.stage.spent_again();
        self.tally.lost = self.scene.stage.reuse_detected();
        self.tally.silent = self.tally.lost.saturating_sub(self.tally.reported);
        self.tally
    }
}
