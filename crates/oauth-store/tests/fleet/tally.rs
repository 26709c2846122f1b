//! What came of it.

use std::collections::BTreeMap;
use std::fmt;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub kills: usize,
    /// Kills between the server's commit and the store's.
    pub inside: usize,
    /// Answers that were lost since they came too late for their deadline, and that were told at once.
    pub late: usize,
    /// Renewals that a worker has told.
    pub rotations: u64,
    /// How often a spent refresh token came again.
    pub repeated: usize,
    /// Grants that the server has ended, since a spent refresh token came again after its grace.
    pub lost: usize,
    /// How often a worker said that somebody must log in again.
    pub reported: usize,
    /// Lost, and nobody was told: judged lane by lane, so that none makes up for another.
    pub silent: usize,
    /// Of these: where nothing was under way when somebody was killed.
    pub outside: usize,
    /// Of these: where it is not said that an answer was lost.
    pub unnamed: usize,
    /// Tokens that were handed out and are not in the store.
    pub undone: usize,
    /// What else was said, and how often.
    pub failures: BTreeMap<String, usize>,
}

/// What a run promises beside that all is told.
#[derive(Clone, Copy, Debug)]
pub enum Promise {
    /// Nothing: an answer that is lost under strict rotation is lost.
    Told,
    /// With a grace nothing is lost.
    Kept,
    /// The same, where many compete: and each kill lets one refresh token be presented again, once.
    KeptByRivals,
    /// With a spool nothing is lost, and nothing presented twice.
    Spooled,
}

impl Tally {
    pub fn fail(&mut self, why: &str) {
        *self.failures.entry(why.to_owned()).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.inside += other.inside;
        self.late += other.late;
        self.rotations += other.rotations;
        self.repeated += other.repeated;
        self.lost += other.lost;
        self.reported += other.reported;
        self.silent += other.silent;
        self.outside += other.outside;
        self.unnamed += other.unnamed;
        self.undone += other.undone;
        for (why, count) in &other.failures {
            *self.failures.entry(why.clone()).or_default() += count;
        }
    }

    /// What must not be, one by one.
    pub fn faults(&self, promise: Promise) -> Vec<String> {
        let mut faults = Vec::new();
        let mut zero = |count: usize, what: &str| {
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        };
        match promise {
            Promise::Told => {}
            Promise::Kept => zero(self.lost.max(self.reported), "lost in spite of the grace"),
            Promise::KeptByRivals => {
                zero(self.lost.max(self.reported), "lost in spite of the grace");
                // what a kill or a late answer has left is presented once more, by one alone
                let allowed = self.kills + self.late;
                zero(
                    self.repeated.saturating_sub(allowed),
                    "presented again and nobody was killed",
                );
            }
            Promise::Spooled => {
                zero(self.lost.max(self.reported), "lost in spite of the spool");
                zero(self.repeated, "presented again in spite of the spool");
            }
        }
        zero(self.outside, "lost where no answer was under way");
        zero(self.silent, "lost without a word");
        zero(self.unnamed, "lost, and not told why");
        zero(self.undone, "handed out and not kept");
        if self.kills == 0 || self.rotations == 0 || self.inside == 0 {
            faults.push("nobody was killed where it hurts: nothing was tried".to_owned());
        }
        faults
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "kills {}, of them between the server's commit and ours {}, answers too late for their deadline {}, rotations {}, presented again {}, lost {}, reported {}, silent {}, lost outside that window {}",
            self.kills,
            self.inside,
            self.late,
            self.rotations,
            self.repeated,
            self.lost,
            self.reported,
            self.silent,
            self.outside,
        )?;
        for (why, count) in &self.failures {
            write!(f, "\n    {count} × {why}")?;
        }
        Ok(())
    }
}
