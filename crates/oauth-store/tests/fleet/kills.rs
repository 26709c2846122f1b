//! `kill -9` at points by chance, again and again: what is lost, and is it told?

use std::sync::Arc;
use std::time::{Duration, Instant};

use oauth_stage::Fate;

use crate::chance::Chance;
use crate::lanes::{self, Kills};
use crate::orders::{Patience, Policy};
use crate::process::Process;
use crate::said::Said;
use crate::scale::Scale;
use crate::scene::{LATENCY, Scene};
use crate::stores::{Home, Kind};
use crate::tally::Tally;

/// Kills workers until so many are killed or the time is over. Many grants are renewed at once, since most of
/// the time a worker waits for the end of the lease of one that was killed.
pub async fn kill(kind: Kind, policy: Policy, scale: &Scale) -> Result<Tally, String> {
    lanes::run(kind, scale, scale.kills, scale.lanes, move |home, kills| {
        run(home, policy, kills)
    })
    .await
}

async fn run(home: Home, policy: Policy, kills: Arc<Kills>) -> Tally {
    let lane = Lane {
        scene: Scene::new(&home, policy, Patience::Short).await,
        kills,
        chance: Chance::new(),
        tally: Tally::default(),
        span: 2 * LATENCY,
        login: None,
        suspect: None,
        version: 0,
        renewed: 0,
    };
    lane.run().await
}

/// One grant, whose workers are killed one after the other.
struct Lane {
    scene: Scene,
    kills: Arc<Kills>,
    chance: Chance,
    tally: Tally,
    /// About how long a renewal takes.
    span: Duration,
    /// What the next worker is to adopt.
    login: Option<String>,
    /// A refresh token that the store held when a worker was killed, and that the server had spent: its
    /// successor was under way, and is lost unless there is a grace.
    suspect: Option<String>,
    /// The record's version after the last kill, and what was renewed since.
    version: u64,
    renewed: u64,
}

impl Lane {
    async fn run(mut self) -> Tally {
        self.login = Some(self.scene.log_in());
        while self.kills.has_next() {
            while !self.life().await {}
        }
        self.last_life().await;
        self.tally.repeated = self.scene.stage.spent_again();
        self.tally.lost = self.scene.stage.reuse_detected();
        self.tally.silent = self.tally.lost.saturating_sub(self.tally.reported);
        self.tally
    }

    /// A worker from its start to its kill. False where it ended before, since somebody has to log in.
    async fn life(&mut self) -> bool {
        let mut worker = self.start().await;
        // a few are killed while they take over from who was killed before
        let enough = match self.chance.below(8) {
            0 => 0,
            number => 1 + number % 3,
        };
        let mut seen = 0;
        let mut began = None;
        while seen < enough {
            match worker.next().await {
                Some(Said::Renewed) => {
                    if let Some(began) = began.replace(Instant::now()) {
                        self.span = (7 * self.span + began.elapsed().min(16 * LATENCY)) / 8;
                    }
                    seen += 1;
                    self.renewed += 1;
                }
                Some(Said::LoggedOut(why)) => {
                    self.logged_out(&why).await;
                    return false;
                }
                Some(Said::Failed(why)) => self.failed(&why).await,
                other => panic!("a worker said {other:?}"),
            }
        }
        // a little longer than a renewal, so that every point of it is hit
        tokio::time::sleep(self.chance.up_to(self.span * 5 / 4)).await;
        let rest = worker.kill().await;
        self.tally.kills += 1;
        for said in rest {
            match said {
                Said::Renewed => self.renewed += 1,
                Said::Failed(why) => self.failed(&why).await,
                // it has said so in time: nobody is killed any more
                Said::LoggedOut(why) => self.logged_out(&why).await,
                other => panic!("a worker said {other:?}"),
            }
        }
        self.look_after_the_kill().await;
        true
    }

    /// A worker that is ready, and has adopted what somebody has logged in for.
    async fn start(&mut self) -> Process {
        let mut orders = self.scene.orders();
        orders.login = self.login.take();
        let adopts = orders.login.is_some();
        let before = self.scene.record().await.version;
        let mut worker = Process::start(&orders);
        worker.until(&Said::Ready).await;
        if adopts {
            worker.until(&Said::Adopted).await;
            self.version = before + 1; // it goes on at once
            self.suspect = None;
        } else {
            // the server may have done by now what was asked for just before the kill
            self.suspect().await;
        }
        worker
    }

    /// A worker has said that a renewal failed. On a busy machine an answer may come later than it is waited
    /// for, and is lost without anybody's being killed; it is said, and counted for itself.
    async fn failed(&mut self, why: &str) {
        self.tally.fail(why);
        if why.contains("whether the server processed it is unknown") {
            self.suspect().await;
            self.tally.late += usize::from(self.suspect.is_some());
        }
    }

    async fn suspect(&mut self) {
        let held = self.scene.held().await;
        if self.scene.fate(held.as_deref()) == Some(Fate::Spent) {
            self.suspect = held;
        }
    }

    async fn look_after_the_kill(&mut self) {
        let record = self.scene.record().await;
        self.tally.rotations += self.renewed;
        if record.version < self.version + self.renewed {
            self.tally.undone += 1; // a token was handed out that the store has not
        }
        (self.version, self.renewed) = (record.version, 0);
        let former = self.suspect.take();
        self.suspect().await;
        if self.suspect.is_some() && self.suspect != former {
            self.tally.inside += 1;
        }
        self.suspect = self.suspect.take().or(former);
    }

    /// A worker has said that the grant is lost: was a successor under way when somebody was killed, and
    /// does it say so?
    async fn logged_out(&mut self, why: &str) {
        let held = self.scene.held().await;
        self.tally.reported += 1;
        if held.is_none() || held != self.suspect {
            self.tally.outside += 1;
            self.tally.fail(why);
        }
        if !why.contains("lost") {
            self.tally.unnamed += 1;
            self.tally.fail(why);
        }
        self.tally.rotations += self.renewed;
        self.renewed = 0;
        self.login = Some(self.scene.log_in());
    }

    /// Nothing that was lost stays untold: one worker more, until it has renewed or said so.
    async fn last_life(&mut self) {
        if self.login.is_some() {
            return; // it was said just now
        }
        let mut worker = self.start().await;
        loop {
            match worker.next().await {
                Some(Said::Renewed) => break,
                Some(Said::LoggedOut(why)) => return self.logged_out(&why).await,
                Some(Said::Failed(why)) => self.failed(&why).await,
                other => panic!("a worker said {other:?}"),
            }
        }
        worker.kill().await;
    }
}
