//! `breaks`: the proof that the tests can fail. Each patch breaks one promise and names the trial
//! that must then fail.

mod patch;
pub mod tree;
mod trial;

use std::time::{Duration, Instant};

use crate::args::{Args, Given};
use crate::failure::{Context, Failure};
use crate::services::Services;
use crate::terminal::{Colour, Paint, count, indented, say, span, table};
use crate::workspace::Workspace;
use patch::Patch;
use tree::Tree;
use trial::Verdict;

pub fn run(workspace: &Workspace, args: Args) -> Result<(), Failure> {
    let mut names = Vec::new();
    args.each(|given, _| match given {
        Given::Word(name) => {
            names.push(name.clone());
            Ok(true)
        }
        _ => Ok(false),
    })?;
    let began = Instant::now();
    let patches = chosen(read(workspace)?, &names)?;
    let tree = Tree::copy(workspace, "breaks")?;
    let packages: Vec<String> = patches
        .iter()
        .map(|patch| patch.trial.package.clone())
        .collect();
    let services = Services::start(workspace, Some(&packages))?;
    whole(&tree, &services, &patches)?;
    let mut results = Vec::new();
    for patch in &patches {
        let began = Instant::now();
        let result = broken(&tree, &services, patch)?;
        say(&format!("{}: {}\n", patch.name, result.word()));
        results.push((patch, result, began.elapsed()));
    }
    say(&told(&results, began.elapsed(), Paint::from_environment()));
    match results
        .iter()
        .all(|(_, result, _)| matches!(result, Caught))
    {
        true => Ok(()),
        false => Err(Failure::told()),
    }
}

/// What a break led to.
enum Outcome {
    /// The trial it names failed, as it must.
    Caught,
    /// Nothing noticed, or the patch itself is at fault; and why.
    Missed(&'static str, String),
}
use Outcome::{Caught, Missed};

impl Outcome {
    fn word(&self) -> &str {
        match self {
            Caught => "caught",
            Missed(word, _) => word,
        }
    }
}

/// Every patch there is, by name.
fn read(workspace: &Workspace) -> Result<Vec<Patch>, Failure> {
    let folder = workspace.root.join("xtask/breaks");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .context(folder.display())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "patch")
        })
        .collect();
    files.sort();
    files.iter().map(|file| Patch::read(file)).collect()
}

/// Those asked for by name, or all of them; there must be one.
fn chosen(all: Vec<Patch>, names: &[String]) -> Result<Vec<Patch>, Failure> {
    if all.is_empty() {
        return Err(Failure::failed(
            "no promise is broken: xtask/breaks has no patch",
        ));
    }
    for name in names {
        if !all.iter().any(|patch| patch.name == *name) {
            let there: Vec<_> = all.iter().map(|patch| patch.name.as_str()).collect();
            let there = there.join(", ");
            return Err(Failure::usage(format!(
                "no break `{name}`; there are {there}"
            )));
        }
    }
    let wanted = |patch: &Patch| names.is_empty() || names.contains(&patch.name);
    Ok(all.into_iter().filter(wanted).collect())
}

/// On the whole tree every trial exists and passes: else its failure would prove nothing.
fn whole(tree: &Tree, services: &Services, patches: &[Patch]) -> Result<(), Failure> {
    let mut faults = String::new();
    for patch in patches {
        match trial::run(tree, services, &patch.trial)? {
            Verdict::Passed => {}
            verdict => faults.push_str(&format!(
                "{}: {}\n",
                patch.name,
                verdict.on_the_whole_tree(&patch.trial)
            )),
        }
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "without any break:\n{}",
            indented(&faults, 2).trim_end()
        ))),
    }
}

/// Breaks the promise in the copy, runs its trial, and mends the copy again.
fn broken(tree: &Tree, services: &Services, patch: &Patch) -> Result<Outcome, Failure> {
    if let Err(reason) = tree.apply(patch) {
        return Ok(Missed("patch does not apply", reason));
    }
    let verdict = trial::run(tree, services, &patch.trial);
    tree.mend(patch)?;
    Ok(match verdict? {
        Verdict::Failed => Caught,
        Verdict::Passed => Missed(
            "NOT caught",
            format!("`{}` passes with the promise broken", patch.trial),
        ),
        Verdict::DoesNotCompile => Missed(
            "patch does not compile",
            "a compiler is not a trial; see above".to_owned(),
        ),
        Verdict::Missing => Missed(
            "trial is gone",
            format!("`{}` is not there with the patch", patch.trial),
        ),
        Verdict::Died(how) => Missed("trial died", how),
    })
}

fn told(results: &[(&Patch, Outcome, Duration)], time: Duration, paint: Paint) -> String {
    let rows: Vec<Vec<String>> = results
        .iter()
        .map(|(patch, result, time)| {
            vec![
                patch.name.clone(),
                patch.promise.clone(),
                result.word().to_owned(),
                span(*time),
            ]
        })
        .collect();
    let head = ["break", "the promise it breaks", "outcome", "time"];
    let mut text = table(&head, &rows, |row, column, cell| {
        match (column, &results[row].1) {
            (2, Caught) => paint.paint(Colour::Good, cell),
            (2, Missed(..)) => paint.paint(Colour::Bad, cell),
            _ => cell.to_owned(),
        }
    });
    text.insert(0, '\n');
    for (patch, result, _) in results {
        if let Missed(_, reason) = result {
            text.push_str(&format!(
                "\n{}\n{}",
                paint.paint(Colour::Bad, &patch.name),
                indented(reason, 4)
            ));
        }
    }
    let caught = results
        .iter()
        .filter(|(_, result, _)| matches!(result, Caught))
        .count();
    text.push_str(&format!(
        "\n{}: {caught} caught, in {}\n",
        count(results.len(), "break"),
        span(time)
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_patch_at_all_is_a_failure() {
        assert!(matches!(chosen(Vec::new(), &[]), Err(Failure::Failed(_))));
    }
}
