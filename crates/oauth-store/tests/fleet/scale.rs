//! How much is tried: as much as a build server has time for, or what `cargo xtask soak` asks for.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Two stores, two rotation policies.
const TRIALS: u32 = 4;

/// The numbers of a run.
#[derive(Clone, Debug)]
pub struct Scale {
    /// By store and rotation policy.
    pub kills: usize,
    /// How many grants of one store are renewed at once by workers that are killed.
    pub lanes: usize,
    /// After it nobody of the same store and policy is killed any more.
    pub time: Option<Duration>,
    /// Processes, and renewals of each.
    pub sqlite_crowd: (usize, usize),
    pub postgres_crowd: (usize, usize),
    /// Where a line for each trial is added.
    report: Option<PathBuf>,
}

impl Scale {
    /// As `OAUTH_FLEET_KILLS` (all together), `OAUTH_FLEET_LANES`, `OAUTH_FLEET_MINUTES`, `OAUTH_FLEET_SQLITE` and
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
        let minutes = number("OAUTH_FLEET_MINUTES");
        Self {
            kills: kills.div_ceil(usize::try_from(TRIALS).unwrap()),
            lanes: number("OAUTH_FLEET_LANES").unwrap_or(16),
            time: minutes.map(|minutes| {
                let all = Duration::from_secs(60 * u64::try_from(minutes).unwrap());
                all / TRIALS
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
