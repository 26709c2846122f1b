//! Fetching what is missing: a command, and one line that says what to run by hand where it fails.

use std::fmt::Display;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::child;
use crate::failure::Failure;

/// What takes longer than this waits for a network that is not there.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs a command that fetches something; one line says what to run by hand where it fails.
pub fn fetched(command: Command, fault: impl Display) -> Result<(), Failure> {
    let by_hand = typed(&command);
    tried(command).map_err(|reason| Failure::failed(format!("{fault} ({reason}); run `{by_hand}`")))
}

/// Runs a command that fetches something, for whoever knows another way where it fails.
///
/// # Errors
/// The line that says what went wrong.
pub fn tried(command: Command) -> Result<(), String> {
    match child::run(command, LIMIT) {
        Ok(ended) if ended.success() => Ok(()),
        Ok(ended) => Err(blamed(&ended.stderr).unwrap_or_else(|| ended.how())),
        Err(Failure::Failed(reason) | Failure::Usage(reason)) => Err(reason),
        Err(Failure::Told(code)) => Err(format!("exit status {code}")),
    }
}

/// The command as a person would type it, from wherever they are.
fn typed(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
    let folder = command.get_current_dir().map(Path::to_string_lossy);
    let there = folder.map(|folder| format!("cd {} && ", quoted(&folder)));
    format!("{}{}", there.unwrap_or_default(), words.join(" "))
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The line that says what went wrong.
fn blamed(stderr: &str) -> Option<String> {
    let mut lines = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let is_error = |line: &&str| {
        let line = line.to_lowercase();
        line.contains("error") && !line.contains("warn")
    };
    let line = lines.clone().find(is_error).or_else(|| lines.next_back());
    line.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_the_command_to_run() {
        let script = "printf 'WARNING: an error\\nERROR: no network\\nsee the log\\n' >&2; exit 1";
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let why = [
            (command, "(ERROR: no network)"),
            (
                Command::new("no-such-program-of-ours"),
                "(no-such-program-of-ours: ",
            ),
        ];
        for (command, why) in why {
            let by_hand = format!("; run `{}`", typed(&command));
            let Err(Failure::Failed(text)) = fetched(command, "it is missing") else {
                panic!("fetched")
            };
            assert!(text.starts_with(&format!("it is missing {why}")), "{text}");
            assert!(text.ends_with(&by_hand), "{text}");
        }
    }

    #[test]
    fn a_command_is_told_as_it_is_typed() {
        let mut command = Command::new("a b/npm");
        command
            .args(["ci", "--target=x", "it's"])
            .current_dir("/x/y z");
        assert_eq!(
            typed(&command),
            r"cd '/x/y z' && 'a b/npm' ci --target=x 'it'\''s'"
        );
        assert_eq!(typed(Command::new("npm").arg("ci")), "npm ci");
    }
}
