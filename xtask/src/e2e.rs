//! `e2e`: every adapter against its contract and its fixtures, as a table, a JUnit file, an exit code.
//! With `--live`, against an authorization server that others wrote.

mod binary;
mod filter;
mod junit;
mod report;
mod trial;

pub use binary::artifacts;
pub use filter::Filter;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::args::{Args, Given, wrong};
use crate::failure::Failure;
use crate::live;
use crate::terminal::{Colour, Paint, count, indented, say, span, table};
use crate::workspace::Workspace;
use binary::Target;
use report::{Outcome, Row};
use trial::Trial;

/// What was asked for.
#[derive(Default)]
struct Options {
    filters: Vec<Filter>,
    junit: Option<PathBuf>,
    list: bool,
    live: bool,
}

impl Options {
    fn parse(args: Args) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut words = Vec::new();
        args.each(|given, value| {
            match given {
                Given::Flag(name) if name == "junit" => options.junit = Some(value.path()?),
                Given::Flag(name) if name == "list" => options.list = true,
                Given::Flag(name) if name == "live" => options.live = true,
                Given::Word(word) => words.push(word.clone()),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let filter = |word: &String| match options.live {
            true => Filter::live(word),
            false => Filter::new(word),
        };
        options.filters = words.iter().map(filter).collect();
        Ok(options)
    }

    fn takes(&self, trial: &Trial) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| filter.takes(&trial.name))
    }
}

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let usage = args.usage();
    let options = Options::parse(args)?;
    let began = Instant::now();
    let targets = match options.live {
        true => vec![Target::live()],
        false => adapters(asked_for(workspace.adapters()?, &options.filters, &usage)?),
    };
    let mut names = String::new();
    let mut rows = Vec::new();
    for mut binary in binary::build(workspace, &targets)? {
        let (chosen, left): (Vec<_>, Vec<_>) = binary
            .list()?
            .into_iter()
            .partition(|trial| options.takes(trial));
        for trial in &chosen {
            names.push_str(&format!("{}\n", trial.name));
        }
        if !options.list && !chosen.is_empty() {
            if options.live {
                binary.set(live::environment(workspace)?);
            }
            rows.extend(binary.run(workspace, &chosen, &left)?);
        }
    }
    if names.is_empty() {
        return Err(Failure::failed(nothing_ran(&options)));
    }
    if options.list {
        say(&names);
        return Ok(());
    }
    let columns = match options.live {
        true => &LIVE,
        false => &ADAPTERS,
    };
    let paint = Paint::from_environment();
    say(&told(columns, &rows, began.elapsed(), paint));
    if let Some(file) = &options.junit {
        junit::write(file, &rows, began.elapsed())?;
    }
    match rows.iter().all(|row| row.outcome == Outcome::Passed) {
        true => Ok(()),
        false => Err(Failure::told()),
    }
}

/// The names of every trial there is, the live ones too; builds what has them if need be.
pub fn names(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut targets = adapters(workspace.adapters()?);
    targets.push(Target::live());
    for binary in binary::build(workspace, &targets)? {
        names.extend(binary.list()?.into_iter().map(|trial| trial.name));
    }
    Ok(names)
}

fn adapters(names: Vec<String>) -> Vec<Target> {
    names.iter().map(|name| Target::adapter(name)).collect()
}

/// Only the adapters a filter begins with are built.
fn asked_for(all: Vec<String>, filters: &[Filter], usage: &str) -> Result<Vec<String>, Failure> {
    for filter in filters {
        if !all.iter().any(|name| name == filter.adapter()) {
            let fault = format!(
                "no adapter `{}`; there are {}",
                filter.adapter(),
                all.join(", ")
            );
            return Err(wrong(&fault, usage));
        }
    }
    let wanted =
        |name: &String| filters.is_empty() || filters.iter().any(|filter| filter.adapter() == name);
    Ok(all.into_iter().filter(wanted).collect())
}

fn nothing_ran(options: &Options) -> String {
    let filters = options.filters.iter();
    let filters: Vec<_> = filters.map(|filter| format!("`{filter}`")).collect();
    let list = match options.live {
        true => "cargo xtask e2e --live --list",
        false => "cargo xtask e2e --list",
    };
    match filters.is_empty() {
        true => "nothing ran: there is no trial".to_owned(),
        false => format!(
            "nothing ran: no trial matches {}; `{list}` shows them",
            filters.join(" or ")
        ),
    }
}

/// The columns of a table; outcome and time are the last two.
struct Columns {
    head: [&'static str; 5],
    cells: fn(&Row) -> Vec<String>,
}

const ADAPTERS: Columns = Columns {
    head: ["adapter", "scenario or clause", "kind", "outcome", "time"],
    cells: Row::cells,
};

const LIVE: Columns = Columns {
    head: ["server", "flow", "what comes of it", "outcome", "time"],
    cells: Row::live_cells,
};

/// The table, what failed and why, and the counts.
fn told(columns: &Columns, rows: &[Row], time: Duration, paint: Paint) -> String {
    let cells: Vec<Vec<String>> = rows.iter().map(columns.cells).collect();
    let mut text = table(&columns.head, &cells, |row, column, cell| {
        match (column, rows[row].outcome) {
            (3, Outcome::Passed) => paint.paint(Colour::Good, cell),
            (3, Outcome::Failed) => paint.paint(Colour::Bad, cell),
            (4, _) => paint.paint(Colour::Faint, cell),
            _ => cell.to_owned(),
        }
    });
    let failed: Vec<&Row> = rows
        .iter()
        .filter(|row| row.outcome == Outcome::Failed)
        .collect();
    for row in &failed {
        text.push_str(&format!("\n{}\n", paint.paint(Colour::Bad, &row.trial)));
        text.push_str(&indented(
            row.detail.as_deref().unwrap_or("it gave no reason"),
            4,
        ));
    }
    text.push_str(&format!(
        "\n{}: {} passed, {} failed, in {}\n",
        count(rows.len(), "trial"),
        rows.len() - failed.len(),
        failed.len(),
        span(time)
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(trial: &str, outcome: Outcome, detail: Option<&str>) -> Row {
        Row {
            trial: trial.into(),
            kind: "clause".into(),
            outcome,
            millis: 12,
            detail: detail.map(str::to_owned),
        }
    }

    #[test]
    fn a_failure_is_told_with_its_detail_and_counted() {
        let rows = [
            row("template/static/bears_the_token", Outcome::Passed, None),
            row(
                "template/static/never_leaves_the_api",
                Outcome::Failed,
                Some("request 1\n  path: …"),
            ),
        ];
        let text = told(
            &ADAPTERS,
            &rows,
            Duration::from_millis(1_500),
            Paint::plain(),
        );
        assert!(
            text.contains("template/static  bears_the_token       clause  passed   12 ms"),
            "{text}"
        );
        assert!(
            text.contains("\ntemplate/static/never_leaves_the_api\n    request 1\n      path: …\n"),
            "{text}"
        );
        assert!(
            text.ends_with("\n2 trials: 1 passed, 1 failed, in 1.5 s\n"),
            "{text}"
        );
    }

    #[test]
    fn a_live_row_names_server_flow_and_outcome() {
        let rows = [
            row("live/a-server/refresh/rotates", Outcome::Passed, None),
            row("live/run", Outcome::Failed, None),
        ];
        let text = told(&LIVE, &rows, Duration::from_secs(1), Paint::plain());
        assert!(
            text.contains("a-server  refresh  rotates           passed   12 ms"),
            "{text}"
        );
        assert!(
            text.contains("                   run               failed   12 ms"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_adapter_is_told_which_exist() {
        let filters = [Filter::new("tmplate/refresh")];
        let all = vec!["fhir".to_owned(), "template".to_owned()];
        let Err(Failure::Usage(text)) = asked_for(all, &filters, "cargo xtask e2e") else {
            panic!("accepted")
        };
        assert!(
            text.contains("`tmplate`; there are fhir, template"),
            "{text}"
        );
    }
}
