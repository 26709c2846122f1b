//! What the person at the terminal sees.

use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Writes to stdout; a reader that went away (`| head`) is no failure.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A colour that means something; without a terminal, or with `NO_COLOR` set, plain text.
#[derive(Clone, Copy)]
pub enum Colour {
    Good,
    Bad,
    Faint,
}

/// Paints text, or leaves it as it is.
#[derive(Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    /// As stdout and the environment (`NO_COLOR`, no-color.org) ask for.
    pub fn from_environment() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(!refused && std::io::stdout().is_terminal())
    }

    /// No colour, whoever reads.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self(false)
    }

    pub fn paint(self, colour: Colour, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Good => 32,
            Colour::Bad => 31,
            Colour::Faint => 2,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Rows under headings, columns aligned; the last column is aligned to the right.
pub fn table(
    head: &[&str],
    rows: &[Vec<String>],
    style: impl Fn(usize, usize, &str) -> String,
) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String], paint: &dyn Fn(usize, &str) -> String| {
        let mut text = String::new();
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let gap = " ".repeat(width - cell.chars().count());
            let cell_text = paint(column, cell);
            text.push_str(&match column {
                0 => format!("{cell_text}{gap}"),
                _ if column + 1 == cells.len() => format!("  {gap}{cell_text}"),
                _ => format!("  {cell_text}{gap}"),
            });
        }
        format!("{}\n", text.trim_end())
    };
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let mut text = line(&head, &|_, cell| cell.to_owned());
    for (index, row) in rows.iter().enumerate() {
        text.push_str(&line(row, &|column, cell| style(index, column, cell)));
    }
    text
}

/// A span as a person reads it: `12 ms`, `3.4 s`, `2 min 05 s`.
pub fn span(time: Duration) -> String {
    match time.as_millis() {
        millis @ ..1_000 => format!("{millis} ms"),
        millis @ ..100_000 => format!("{:.1} s", millis as f64 / 1_000.0),
        _ => format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

/// `1 trial`, `2 trials`.
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Each line moved to the right.
pub fn indented(text: &str, by: usize) -> String {
    let margin = " ".repeat(by);
    text.lines()
        .map(|line| format!("{margin}{line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_as_a_person_would_say_it() {
        assert_eq!(span(Duration::from_millis(999)), "999 ms");
        assert_eq!(span(Duration::from_millis(3_420)), "3.4 s");
        assert_eq!(span(Duration::from_secs(125)), "2 min 05 s");
    }

    #[test]
    fn columns_stand_under_their_heading() {
        let rows = vec![vec!["template".into(), "12 ms".into()]];
        let text = table(&["adapter", "time"], &rows, |_, _, cell| cell.to_owned());
        assert_eq!(text, "adapter    time\ntemplate  12 ms\n");
    }

    #[test]
    fn nothing_is_painted_without_a_terminal() {
        assert_eq!(Paint(false).paint(Colour::Bad, "failed"), "failed");
        assert!(
            Paint(true)
                .paint(Colour::Bad, "failed")
                .contains("\u{1b}[31m")
        );
    }
}
