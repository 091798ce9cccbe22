//! `flatnet`: what people type.

mod cli;
mod lab;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // Before anything else, and without threads: parts of the lab enter namespaces that a
    // process with threads may not enter.
    let cli = cli::Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: cli::Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        cli::Command::Lab(arguments) => lab::run(arguments),
    }
}
