//! What is wanted of the figures.

use crate::bench::runs::{PROGRAMS, Runs};

/// One goal.
pub struct Goal {
    what: &'static str,
    wanted: Wanted,
}

/// What must hold, of which workload and figure.
enum Wanted {
    /// At most that many times the floor's.
    Ratio(&'static str, &'static str, f64),
    /// At most that much, of the median.
    AtMost(&'static str, &'static str, f64),
    /// In no round more than that.
    Never(&'static str, &'static str, f64),
}

pub const GOALS: &[Goal] = &[
    Goal {
        what: "a cached call, CPU by a bare client's",
        wanted: Wanted::Ratio("cached_seq", "cpu_us", 1.05),
    },
    Goal {
        what: "the same, by one with a deadline",
        wanted: Wanted::Ratio("cached_alike", "cpu_us", 1.05),
    },
    Goal {
        what: "64 callers at once, CPU by a bare client's",
        wanted: Wanted::Ratio("cached_c64", "cpu_us", 1.05),
    },
    Goal {
        what: "token() that is there, ns",
        wanted: Wanted::AtMost("lookup_1t", "ns", 40.0),
    },
    Goal {
        what: "token() on two threads, ns",
        wanted: Wanted::AtMost("lookup_2t", "ns_cpu", 70.0),
    },
    Goal {
        what: "a new token, RS384, by POST + signature",
        wanted: Wanted::Ratio("cold_RS384", "cpu_us", 1.15),
    },
    Goal {
        what: "a new token, ES384, by POST + signature",
        wanted: Wanted::Ratio("cold_ES384", "cpu_us", 1.15),
    },
    Goal {
        what: "1,000 callers, no token: requests",
        wanted: Wanted::Never("herd", "token_hits", 1.0),
    },
    Goal {
        what: "1,000 callers, a server of 200 ms: ms",
        wanted: Wanted::AtMost("herd", "wall_ms", 210.0),
    },
    Goal {
        what: "50 callers, a server of 503: requests",
        wanted: Wanted::Never("refused", "token_hits", 1.0),
    },
    Goal {
        what: "tokens of 4 s end: calls over 50 ms",
        wanted: Wanted::Never("expiry", "over50ms", 0.0),
    },
    Goal {
        what: "tokens of 2 s end: calls over 50 ms",
        wanted: Wanted::Never("expiry2", "over50ms", 0.0),
    },
    Goal {
        what: "tokens of 2 s end: calls refused",
        wanted: Wanted::Never("expiry2", "fail401", 0.0),
    },
    Goal {
        what: "all tokens revoked: calls refused",
        wanted: Wanted::Never("revoke", "fail401", 0.0),
    },
    Goal {
        what: "a tenant's memory with its token of 64, bytes",
        wanted: Wanted::AtMost("mem", "bytes_per_tenant", 1564.0),
    },
];

/// Whether a goal is met.
pub struct Verdict {
    what: &'static str,
    most: f64,
    measured: Option<f64>,
    /// `None`: it could not be measured.
    pub met: Option<bool>,
}

impl Goal {
    /// `None`: its workload was not run.
    pub fn verdict(&self, runs: &Runs) -> Option<Verdict> {
        let ours = PROGRAMS[0];
        let (workload, measured, most) = match self.wanted {
            Wanted::Ratio(workload, figure, most) => (workload, runs.ratio(workload, figure), most),
            Wanted::AtMost(workload, figure, most) => {
                (workload, runs.median(workload, ours, figure), most)
            }
            Wanted::Never(workload, figure, most) => {
                (workload, runs.most(workload, ours, figure), most)
            }
        };
        runs.has(workload).then(|| Verdict {
            what: self.what,
            most,
            measured,
            met: measured.map(|measured| measured <= most),
        })
    }
}

impl Verdict {
    /// As a row of the table.
    pub fn row(&self) -> Vec<String> {
        let shown = |value: f64| match value.fract() == 0.0 {
            true => format!("{value}"),
            false => format!("{value:.2}"),
        };
        let verdict = match self.met {
            Some(true) => "pass",
            Some(false) => "miss",
            None => "the cores were busy",
        };
        vec![
            self.what.into(),
            format!("≤ {}", shown(self.most)),
            self.measured.map_or("-".into(), shown),
            verdict.into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(what: usize, workload: &'static str, ours: serde_json::Value) -> Option<bool> {
        let floor = json!({"cpu_us": 100.0});
        let runs = Runs::sample(workload, ours, floor);
        GOALS[what].verdict(&runs).unwrap().met
    }

    #[test]
    fn a_goal_is_met_missed_or_not_measured() {
        assert_eq!(
            verdict(0, "cached_seq", json!({"cpu_us": 105.0})),
            Some(true)
        );
        assert_eq!(
            verdict(0, "cached_seq", json!({"cpu_us": 106.0})),
            Some(false)
        );
        assert_eq!(verdict(4, "lookup_2t", json!({"ns_cpu": null})), None);
        let runs = Runs::sample("mem", json!({}), json!({}));
        assert!(GOALS[0].verdict(&runs).is_none(), "it was not run");
    }
}
