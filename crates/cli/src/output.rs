//! Data goes to standard output, everything else to standard error. Nothing depends on colour.

use std::io::{self, Write as _};

use serde::Serialize;

/// Where a line breaks, in columns.
pub const WIDTH: usize = 100;

/// As a shell reports a program that SIGPIPE ended.
const BROKEN_PIPE: i32 = 128 + 13;

/// Prints data. A reader that goes away (`| head`) ends the program quietly, but not as a success:
/// what was to be done is not done.
pub fn data(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            std::process::exit(BROKEN_PIPE);
        }
        Err(error) => {
            tell(&format!("flatnet: could not write to standard output: {error}"));
            std::process::exit(1);
        }
    }
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// When the value cannot be serialized.
pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    data(&(serde_json::to_string(value)? + "\n"));
    Ok(())
}

/// Prints a value as JSON for people to read, too.
///
/// # Errors
/// When the value cannot be serialized.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    data(&(serde_json::to_string_pretty(value)? + "\n"));
    Ok(())
}

/// Prints a line for the person watching.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints an error with all its causes.
pub fn error(error: &anyhow::Error) {
    tell(&format!("flatnet: {error:#}"));
}

/// `text` after `head` (`indent` columns wide), broken between words.
#[must_use]
pub fn wrap(head: &str, indent: usize, text: &str) -> String {
    let mut out = head.to_owned();
    let mut column = indent;
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        }
        for (at, word) in line.split(' ').enumerate() {
            let length = word.chars().count();
            if at > 0 && column + 1 + length > WIDTH {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            } else if at > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += length;
        }
    }
    out.push('\n');
    out
}
