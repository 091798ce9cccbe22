//! `flatnet lab fault …`.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use lab::client::Client;
use lab::protocol::{Fault, FaultSpec, Reply, Request};

use super::render;
use crate::cli::Format;
use crate::output;

/// `flatnet lab fault`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub struct FaultArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: FaultCommand,
}

const EXAMPLES: &str = "\
Examples:
  flatnet lab fault throttle AssignPrivateIpAddresses
  flatnet lab fault throttle '*'
  flatnet lab fault fail CreateNetworkInterface --code InternalError --times 3
  flatnet lab fault delay AttachNetworkInterface --milliseconds 8000
  flatnet lab fault deny CreateTags
  flatnet lab fault freeze-imds node-1
  flatnet lab fault list
  flatnet lab fault clear 2                  end one fault; without a number, all of them";

/// What `flatnet lab fault` can do. ACTION is an EC2 action, or '*' for all.
#[derive(Debug, Subcommand)]
pub enum FaultCommand {
    /// Refuse every call with RequestLimitExceeded.
    Throttle {
        /// Which calls.
        action: String,
    },
    /// Let calls fail.
    Fail {
        /// Which calls.
        action: String,
        /// The error's code.
        #[arg(long, default_value = "InternalError")]
        code: String,
        /// The error's message.
        #[arg(long, default_value = "An internal error has occurred")]
        message: String,
        /// How many calls.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        times: u32,
    },
    /// Let calls take longer.
    Delay {
        /// Which calls.
        action: String,
        /// By how much.
        #[arg(long)]
        milliseconds: u32,
    },
    /// Refuse every call with UnauthorizedOperation.
    Deny {
        /// Which calls.
        action: String,
    },
    /// Let a node's metadata service go on showing the node's ENIs as they are now.
    FreezeImds {
        /// The node's name.
        node: String,
    },
    /// Show the faults in force.
    List,
    /// End a fault, or all of them.
    Clear {
        /// The fault's number, as `list` shows it.
        id: Option<u64>,
    },
}

/// Runs one command.
///
/// # Errors
/// The lab's refusal.
pub fn run(client: &Client, command: FaultCommand, format: Format) -> anyhow::Result<ExitCode> {
    let add = |fault| Request::AddFault { fault };
    let (request, done) = match command {
        FaultCommand::Throttle { action } => (add(FaultSpec::Throttle { action }), "in force"),
        FaultCommand::Fail { action, code, message, times } => {
            (add(FaultSpec::Fail { action, code, message, times }), "in force")
        }
        FaultCommand::Delay { action, milliseconds } => {
            (add(FaultSpec::Delay { action, milliseconds }), "in force")
        }
        FaultCommand::Deny { action } => (add(FaultSpec::Deny { action }), "in force"),
        FaultCommand::FreezeImds { node } => (add(FaultSpec::FreezeImds { node }), "in force"),
        FaultCommand::List => (Request::Faults, "in force"),
        FaultCommand::Clear { id } => (Request::ClearFaults { id }, "cleared"),
    };
    let Reply::Faults { faults } = client.ask(&request)? else {
        bail!("the lab answered something else than its faults")
    };
    match format {
        Format::Json => output::json(&faults)?,
        Format::Table if faults.is_empty() => output::tell("no fault is in force"),
        Format::Table => output::data(&render::faults(&faults, done)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A fault in a few words.
#[must_use]
pub fn describe(fault: &Fault) -> String {
    match &fault.fault {
        FaultSpec::Throttle { action } => format!("throttle {action}"),
        FaultSpec::Fail { action, code, times, .. } => {
            format!("fail {action} with {code}, {times} more times")
        }
        FaultSpec::Delay { action, milliseconds } => format!("delay {action} by {milliseconds} ms"),
        FaultSpec::Deny { action } => format!("deny {action}"),
        FaultSpec::FreezeImds { node } => format!("freeze the metadata of {node}"),
    }
}
