//! A line per step and per check, as they happen.

use std::io::IsTerminal as _;

use lab::journal::Event;

use crate::cli::Format;
use crate::output::{self, wrap};

/// Shows events, and remembers whether every check held.
#[derive(Debug)]
pub struct Progress {
    format: Format,
    colour: bool,
    checks: usize,
    broken: Vec<String>,
}

impl Progress {
    /// Lines on standard output; colours only on a terminal, and not where `NO_COLOR` is set.
    #[must_use]
    pub fn new(format: Format) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = std::io::stdout().is_terminal() && !no_colour;
        Self { format, colour, checks: 0, broken: Vec::new() }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event) {
        if let Event::Check { name, held, .. } = event {
            self.checks += 1;
            if !held {
                self.broken.push(name.clone());
            }
        }
        match self.format {
            Format::Json => {
                if let Err(error) = output::json_line(event) {
                    output::error(&error);
                }
            }
            Format::Table => output::data(&self.line(event)),
        }
    }

    /// Whether every check so far held.
    #[must_use]
    pub fn all_held(&self) -> bool {
        self.broken.is_empty()
    }

    /// How many checks were made.
    #[must_use]
    pub const fn checks(&self) -> usize {
        self.checks
    }

    /// The names of the checks that did not hold.
    #[must_use]
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    fn line(&self, event: &Event) -> String {
        let (mark, colour, text, milliseconds) = match event {
            Event::Step { text, milliseconds } => ("done", "32", text.clone(), Some(milliseconds)),
            Event::Note { text } => ("note", "33", text.clone(), None),
            Event::Check { name, held: true, text, milliseconds } => {
                ("held", "32", format!("{name}: {text}"), Some(milliseconds))
            }
            Event::Check { name, held: false, text, milliseconds } => {
                ("FAIL", "31", format!("{name}: {text}"), Some(milliseconds))
            }
            Event::Done => return String::new(),
            Event::Failed { error } => ("FAIL", "31", error.clone(), None),
        };
        let mark =
            if self.colour { format!("\x1b[{colour}m{mark}\x1b[0m") } else { mark.to_owned() };
        let took = milliseconds.map_or_else(|| " ".repeat(8), |ms| format!("{ms:>5} ms"));
        wrap(&format!("{mark} {took}  "), 15, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Progress {
        Progress { format: Format::Table, colour: false, checks: 0, broken: Vec::new() }
    }

    #[test]
    fn a_broken_check_is_remembered_and_visible_without_colour() {
        let mut progress = plain();
        let check = |held| Event::Check {
            name: "flat".into(),
            held,
            text: "755 of 756 pod pairs connect".into(),
            milliseconds: 12,
        };
        progress.show(&check(true));
        assert!(progress.all_held());
        progress.show(&check(false));
        assert_eq!(progress.broken(), ["flat"]);
        assert_eq!(progress.checks(), 2);
        insta::assert_snapshot!(
            progress.line(&check(false)),
            @"FAIL    12 ms  flat: 755 of 756 pod pairs connect"
        );
    }

    #[test]
    fn long_lines_break_between_words_within_100_columns() {
        let text = "word ".repeat(60);
        let event = Event::Step { text: text.trim().into(), milliseconds: 1 };
        let line = plain().line(&event);
        assert!(line.lines().all(|line| line.chars().count() <= output::WIDTH), "{line}");
        assert_eq!(line.matches("word").count(), 60);
    }
}
