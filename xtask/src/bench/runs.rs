//! The workloads, run in turns, and what was measured.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::bench::server::Server;
use crate::child;
use crate::failure::{Context, Failure};
use crate::terminal::{say, table};
use crate::workspace::forget_xtask;

/// Ours, and the one below which nobody gets.
pub const PROGRAMS: [&str; 2] = ["bench-driver", "bench-floor"];

/// A workload under that server.
pub struct Workload {
    pub name: &'static str,
    /// The driver's name for it, and its arguments.
    call: &'static [&'static str],
    /// The server's settings.
    server: &'static str,
    /// Whether the floor takes part.
    floor: bool,
    /// What of it is shown.
    shown: &'static [&'static str],
}

/// The order in which they are run: the quiet ones first.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "cached_seq",
        call: &["cached_seq"],
        server: "",
        floor: true,
        shown: &["cpu_us", "p50_us", "rps"],
    },
    Workload {
        name: "cached_alike",
        call: &["cached_seq", "alike=1"],
        server: "",
        floor: true,
        shown: &["cpu_us", "p50_us", "rps"],
    },
    Workload {
        name: "cached_c64",
        call: &["cached_c64"],
        server: "",
        floor: true,
        shown: &["cpu_us", "p50_us", "rps"],
    },
    Workload {
        name: "lookup_1t",
        call: &["lookup_1t"],
        server: "",
        floor: true,
        shown: &["ns"],
    },
    Workload {
        name: "lookup_2t",
        call: &["lookup_2t"],
        server: "",
        floor: true,
        shown: &["ns_cpu", "clean"],
    },
    Workload {
        name: "cold_secret",
        call: &["cold"],
        server: "",
        floor: true,
        shown: &["cpu_us", "p50_us"],
    },
    Workload {
        name: "cold_RS384",
        call: &["cold", "alg=RS384"],
        server: "",
        floor: true,
        shown: &["cpu_us", "p50_us"],
    },
    Workload {
        name: "cold_ES384",
        call: &["cold", "alg=ES384"],
        server: "",
        floor: true,
        shown: &["cpu_us", "p50_us"],
    },
    Workload {
        name: "herd",
        call: &["herd"],
        server: "latency_ms=200",
        floor: false,
        shown: &["token_hits", "wall_ms", "cpu_ms", "ok"],
    },
    Workload {
        name: "refused",
        call: &["refused"],
        server: "status=503",
        floor: false,
        shown: &["token_hits", "wall_ms"],
    },
    Workload {
        name: "expiry",
        call: &["expiry"],
        server: "latency_ms=200&expires_in=4",
        floor: false,
        shown: &["p50_ms", "max_ms", "over50ms", "fail401", "n"],
    },
    Workload {
        name: "expiry2",
        call: &["expiry"],
        server: "latency_ms=200&expires_in=2",
        floor: false,
        shown: &["p50_ms", "max_ms", "over50ms", "fail401", "n"],
    },
    Workload {
        name: "revoke",
        call: &["revoke", "secs=4"],
        server: "latency_ms=20",
        floor: false,
        shown: &["max_ms", "fail401", "err", "n"],
    },
    Workload {
        name: "mem",
        call: &["mem"],
        server: "",
        floor: false,
        shown: &["bytes_per_tenant", "peak_bytes_per_tenant", "setup_s"],
    },
];

/// One run of one driver: what it printed, with what the server counted.
struct Run {
    workload: &'static str,
    driver: &'static str,
    round: usize,
    result: Value,
}

/// All of them.
#[derive(Default)]
pub struct Runs(Vec<Run>);

/// The drivers in turns, so that what else the machine does falls on all of them.
pub fn run_all(
    server: &mut Server,
    drivers: &[(&'static str, PathBuf)],
    keys: &Path,
    rounds: usize,
    wanted: impl Fn(&str) -> bool,
) -> Result<Runs, Failure> {
    let mut runs = Runs::default();
    for workload in WORKLOADS.iter().filter(|workload| wanted(workload.name)) {
        for round in 0..rounds {
            let mut turn: Vec<_> = drivers.iter().collect();
            turn.rotate_left(round % drivers.len());
            for (driver, program) in turn {
                if *driver != PROGRAMS[0] && !workload.floor {
                    continue;
                }
                server.configure(workload.server)?;
                let mut result = run_one(program, workload, server, keys)?;
                if let (Value::Object(result), Value::Object(counted)) =
                    (&mut result, server.counted()?)
                {
                    result.extend(counted);
                }
                runs.0.push(Run {
                    workload: workload.name,
                    driver,
                    round,
                    result,
                });
            }
        }
        say(&format!("{}\n", workload.name));
    }
    Ok(runs)
}

/// A run that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(180);

fn run_one(
    program: &Path,
    workload: &Workload,
    server: &Server,
    keys: &Path,
) -> Result<Value, Failure> {
    let [name, arguments @ ..] = workload.call else {
        return Err(Failure::failed("a workload without a call"));
    };
    let mut command = Command::new(program);
    command.arg(name).arg(server.url()).args(arguments);
    command.env("BENCH_KEYS", keys);
    forget_xtask(&mut command);
    let ended = child::run(command, LIMIT)?;
    if !ended.success() {
        let problem = format!("{}: {}\n{}", workload.name, ended.how(), ended.tail());
        return Err(Failure::failed(problem));
    }
    let result: Value = serde_json::from_str(&ended.stdout).context(workload.name)?;
    match &result["error"] {
        Value::Null => Ok(result),
        error => Err(Failure::failed(format!("{}: {error}", workload.name))),
    }
}

impl Runs {
    fn of<'a>(&'a self, workload: &'a str, driver: &'a str) -> impl Iterator<Item = &'a Run> {
        let is_it = move |run: &&Run| run.workload == workload && run.driver == driver;
        self.0.iter().filter(is_it)
    }

    /// Whether a workload was run.
    pub fn has(&self, workload: &str) -> bool {
        self.of(workload, PROGRAMS[0]).next().is_some()
    }

    /// The median of one figure; `None`: it was not measured.
    pub fn median(&self, workload: &str, driver: &str, figure: &str) -> Option<f64> {
        median(
            self.of(workload, driver)
                .filter_map(|run| run.result[figure].as_f64()),
        )
    }

    /// The worst of one figure.
    pub fn most(&self, workload: &str, driver: &str, figure: &str) -> Option<f64> {
        let values = self.of(workload, driver);
        values
            .filter_map(|run| run.result[figure].as_f64())
            .max_by(f64::total_cmp)
    }

    /// Ours by the floor's in the same round: the median of the rounds.
    pub fn ratio(&self, workload: &str, figure: &str) -> Option<f64> {
        let [ours, floor] = PROGRAMS;
        let ratios = self.of(workload, ours).filter_map(|run| {
            let mut others = self.of(workload, floor);
            let other = others.find(|other| other.round == run.round)?;
            Some(run.result[figure].as_f64()? / other.result[figure].as_f64()?)
        });
        median(ratios)
    }

    /// One line of JSON a run.
    pub fn lines(&self) -> String {
        let line = |run: &Run| {
            let Run {
                workload,
                driver,
                round,
                result,
            } = run;
            let line =
                serde_json::json!({"wl": workload, "drv": driver, "round": round, "res": result});
            format!("{line}\n")
        };
        self.0.iter().map(line).collect()
    }

    /// The medians of all that was measured.
    pub fn table(&self) -> String {
        let mut rows = Vec::new();
        for workload in WORKLOADS {
            for driver in PROGRAMS {
                if self.of(workload.name, driver).next().is_none() {
                    continue;
                }
                let figures = workload.shown.iter().map(|figure| {
                    let value = self.median(workload.name, driver, figure);
                    let value = value.map_or("-".into(), |value| format!("{value}"));
                    format!("{figure} {value}")
                });
                let figures: Vec<_> = figures.collect();
                rows.push(vec![
                    workload.name.into(),
                    driver.into(),
                    figures.join(", "),
                ]);
            }
        }
        table(&["workload", "driver", "medians"], &rows, |_, _, cell| {
            cell.into()
        })
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values.get(middle).copied(),
        _ => Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0),
    }
}

#[cfg(test)]
impl Runs {
    /// One round with these figures of ours and of the floor.
    pub fn sample(workload: &'static str, ours: Value, floor: Value) -> Self {
        let run = |driver, result| Run {
            workload,
            driver,
            round: 0,
            result,
        };
        Self(vec![run(PROGRAMS[0], ours), run(PROGRAMS[1], floor)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_between_the_others() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }
}
