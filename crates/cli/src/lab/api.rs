//! `flatnet lab api`: the control plane alone.

use std::process::ExitCode;

use lab::daemon::ApiOnly;
use lab::topology::Topology;

use super::{render, start};
use crate::cli::{ApiArguments, Format};
use crate::output;

/// Serves until the process is ended. Prints the variables that point a client at it as soon as
/// it listens.
pub fn run(arguments: &ApiArguments, format: Format) -> anyhow::Result<ExitCode> {
    let topology = match arguments.file.as_deref().map(Topology::from_file).transpose() {
        Ok(topology) => topology,
        Err(error) => {
            output::tell(&format!("{:#}", anyhow::Error::from(error)));
            return Ok(ExitCode::from(super::USAGE));
        }
    };
    if arguments.any_credentials && !arguments.listen.ip().is_loopback() {
        anyhow::bail!(
            "--any-credentials lets everybody in who can reach {}; listen on a loopback address",
            arguments.listen
        );
    }
    start::log_to_stderr();
    let api = ApiOnly::new(arguments.listen, topology.as_ref(), arguments.any_credentials)?;
    let variables = api.environment();
    match format {
        Format::Json => output::json_line(&variables)?,
        Format::Table => output::data(&render::environment(&variables)),
    }
    output::tell(&format!("EC2, STS and EKS at http://{}; Ctrl-C ends it", api.address));
    api.serve()?;
    Ok(ExitCode::SUCCESS)
}
