//! How much is tried: as much as a build server has time for, or what `cargo xtask soak` asks for.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Two stores, two rotation policies.
const TRIALS: usize = 4;
/// Those, and of each store the ones with a spool and the ones that compete.
const TIMED: u32 = 8;

/// The numbers of a run.
#[derive(Clone, Debug)]
pub struct Scale {
    /// By store and rotation policy.
    pub kills: usize,
    /// By store: with the answer in a spool, and while others compete.
    pub spooled: usize,
    pub rivals: usize,
    /// How many grants of one store are renewed at once by workers that are killed.
    pub lanes: usize,
    /// The same where each has several workers, or its workers wait for nothing.
    pub crews: usize,
    /// After it nobody is killed any more in the same trial.
    pub time: Option<Duration>,
    /// Processes, and renewals of each.
    pub sqlite_crowd: (usize, usize),
    pub postgres_crowd: (usize, usize),
    /// Where a line for each trial is added.
    report: Option<PathBuf>,
}

impl Scale {
    /// As `OAUTH_FLEET_KILLS` (of all stores and policies together; the others are so many more), `OAUTH_FLEET_LANES`, `OAUTH_FLEET_MINUTES`, `OAUTH_FLEET_SQLITE` and
    /// `OAUTH_FLEET_POSTGRES` (`64x1000`) and `OAUTH_FLEET_REPORT` (a file) say.
    pub fn from_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
        let crowd = |name: &str, usual: (usize, usize)| {
            std::env::var(name).map_or(usual, |text| {
                let (processes, renewals) = text.split_once('x').unwrap();
                (processes.parse().unwrap(), renewals.parse().unwrap())
            })
        };
        let kills: usize = number("OAUTH_FLEET_KILLS").unwrap_or(300);
        let lanes: usize = number("OAUTH_FLEET_LANES").unwrap_or(16);
        let minutes = number("OAUTH_FLEET_MINUTES");
        Self {
            kills: kills.div_ceil(TRIALS),
            spooled: kills.div_ceil(10),
            rivals: kills.div_ceil(12),
            lanes,
            crews: lanes.div_ceil(4),
            time: minutes.map(|minutes| {
                let all = Duration::from_secs(60 * u64::try_from(minutes).unwrap());
                all / TIMED
            }),
            sqlite_crowd: crowd("OAUTH_FLEET_SQLITE", (8, 100)),
            postgres_crowd: crowd("OAUTH_FLEET_POSTGRES", (8, 100)),
            report: std::env::var_os("OAUTH_FLEET_REPORT").map(PathBuf::from),
        }
    }

    /// Tells what came of a trial.
    pub fn report(&self, text: &str, took: Duration) {
        let line = format!("{text} ({:.1} s)\n", took.as_secs_f64());
        eprint!("{line}");
        if let Some(path) = &self.report {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
    }
}
