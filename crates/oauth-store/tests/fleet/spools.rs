//! `kill -9` when the answer is in the spool and not in the store: the next worker goes on with it.

use std::sync::Arc;

use oauth_stage::Fate;
use tempfile::TempDir;

use crate::chance::Chance;
use crate::lanes::{self, Kills};
use crate::orders::{Orders, Patience, Policy, Stop};
use crate::process::Process;
use crate::said::Said;
use crate::scale::Scale;
use crate::scene::Scene;
use crate::stores::{Home, Kind};
use crate::tally::Tally;

/// Kills until so many are killed or the time is over. The server takes no refresh token twice, and a lease is
/// longer than anybody waits here: only the spool brings a successor, and ends the lease of who was killed.
pub async fn kill(kind: Kind, scale: &Scale) -> Result<Tally, String> {
    lanes::run(kind, scale, scale.spooled, scale.crews, |home, kills| {
        run(home, kills)
    })
    .await
}

async fn run(home: Home, kills: Arc<Kills>) -> Tally {
    let scene = Scene::new(&home, Policy::Strict, Patience::Long).await;
    let login = Some(scene.log_in());
    let mut lane = Lane {
        scene,
        spool: TempDir::new().unwrap(),
        chance: Chance::new(),
        tally: Tally::default(),
        login,
        version: 0,
    };
    while kills.has_next() && lane.life().await {}
    if lane.tally.reported == 0 {
        lane.last_life().await;
    }
    lane.tally.repeated = lane.scene.stage.spent_again();
    lane.tally.lost = lane.scene.stage.reuse_detected();
    lane.tally.silent = lane.tally.lost.saturating_sub(lane.tally.reported);
    lane.tally
}

/// One grant, and the spool of the host that its workers run on.
struct Lane {
    scene: Scene,
    spool: TempDir,
    chance: Chance,
    tally: Tally,
    /// What the next worker is to adopt.
    login: Option<String>,
    /// The version that the record must have.
    version: u64,
}

impl Lane {
    /// A worker from its start to its kill. False where it said that somebody has to log in.
    async fn life(&mut self) -> bool {
        let is_left = self.filled() > 0;
        let mut orders = self.orders();
        // some are killed while they hand over what the one before has left
        if is_left && self.chance.below(4) == 0 {
            orders.stop = Some(Stop::Answered);
        } else {
            orders.stop = Some(Stop::Spooled);
            orders.passes = self.chance.below(3);
        }
        orders.renewals = Some(usize::try_from(orders.passes).unwrap() + 1);
        let mut worker = Process::start(&orders);
        let Some(said) = self.until_it_stops(&mut worker).await else {
            return false;
        };
        assert_ne!(said, Said::Done, "it has not stopped itself");
        if said == Said::Spooled {
            self.tally.rotations += 1;
            self.version += u64::from(is_left);
        }
        worker.stopped().await;
        let held = self.scene.held().await;
        let is_spent = self.scene.fate(held.as_deref()) == Some(Fate::Spent);
        assert!(
            is_spent,
            "the server has answered, and the store does not know it"
        );
        assert_eq!(self.filled(), 1, "the spool has what it answered");
        worker.kill().await;
        self.tally.kills += 1;
        self.tally.inside += 1;
        self.look().await;
        true
    }

    /// Nothing stays in the spool: one worker more, which is not killed.
    async fn last_life(&mut self) {
        self.version += u64::from(self.filled() > 0);
        let mut orders = self.orders();
        orders.renewals = Some(2);
        let mut worker = Process::start(&orders);
        if self.until_it_stops(&mut worker).await.is_some() {
            self.look().await;
            let held = self.scene.held().await;
            assert_eq!(self.scene.fate(held.as_deref()), Some(Fate::Unspent));
            assert_eq!(self.filled(), 0, "the spool is empty");
        }
    }

    /// What a worker does that has a spool.
    fn orders(&mut self) -> Orders {
        let mut orders = self.scene.orders();
        orders.login = self.login.take();
        orders.spool = Some(self.spool.path().to_string_lossy().into_owned());
        orders
    }

    /// The last that it says. `None`: somebody has to log in.
    async fn until_it_stops(&mut self, worker: &mut Process) -> Option<Said> {
        loop {
            match worker.next().await {
                Some(Said::Ready) => {}
                Some(Said::Adopted) => self.version += 1,
                Some(Said::Renewed) => {
                    self.version += 1;
                    self.tally.rotations += 1;
                }
                Some(said @ (Said::Spooled | Said::Answered | Said::Done)) => return Some(said),
                Some(Said::LoggedOut(why)) => {
                    self.tally.reported += 1;
                    self.tally.fail(&why);
                    return None;
                }
                Some(Said::Failed(why)) => self.tally.fail(&why),
                other => panic!("a worker said {other:?}"),
            }
        }
    }

    /// Whether the store has what was told, and nothing else.
    async fn look(&mut self) {
        if self.scene.record().await.version != self.version {
            self.tally.undone += 1;
        }
    }

    /// How many answers are in the spool.
    fn filled(&self) -> usize {
        let entries = std::fs::read_dir(self.spool.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().ends_with(".filled"))
            .count()
    }
}
