//! `flatnet lab …`.

mod api;
mod demo;
mod exec;
mod fault;
mod progress;
mod render;
mod run_directory;
mod start;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use lab::audit;
use lab::client::Client;
use lab::protocol::{Reply, Request};
use lab::state::{Clock as _, SystemClock};
use lab::topology::{DEFAULT_YAML, Topology};

use crate::cli::{CallsArguments, Format, LabArguments, LabCommand, TopologyArguments};
use crate::output;
pub use fault::FaultArguments;
use progress::Progress;
use run_directory::RunDirectory;

/// The exit status for a topology that cannot be used, as for wrong arguments.
const USAGE: u8 = 2;

/// Runs one command.
///
/// # Errors
/// What went wrong, for the person who typed it.
pub fn run(arguments: LabArguments) -> anyhow::Result<ExitCode> {
    let LabArguments { output: format, name, command } = arguments;
    let name = name.as_deref();
    match command {
        LabCommand::Main(arguments) => start::main_process(arguments, name.unwrap_or("lab")),
        LabCommand::Holder => {
            start::log_to_stderr();
            lab::process::run_holder()
        }
        LabCommand::Daemon => {
            start::log_to_stderr();
            lab::daemon::run()
        }
        LabCommand::Demo(what) => {
            with_topology(&what, name, |topology| demo::run(topology, format))
        }
        LabCommand::Up(what) => with_topology(&what, name, |topology| up(&topology, format)),
        LabCommand::Template => {
            output::data(DEFAULT_YAML);
            Ok(ExitCode::SUCCESS)
        }
        LabCommand::Exec(arguments) => exec::run(&client(name)?, &arguments),
        LabCommand::Status => status(&client(name)?, format),
        LabCommand::Check => {
            let mut progress = Progress::new(format);
            let done = client(name)?.follow(&Request::Check, |event| progress.show(event))?;
            Ok(code(done && progress.all_held()))
        }
        LabCommand::Api(arguments) => api::run(&arguments, format),
        LabCommand::Env => environment(&client(name)?, format),
        LabCommand::Calls(arguments) => calls(&client(name)?, &arguments, format),
        LabCommand::Fault(arguments) => fault::run(&client(name)?, arguments.command, format),
        LabCommand::Drops => drops(&client(name)?, format),
        LabCommand::Down => down(name, format),
    }
}

fn client(name: Option<&str>) -> anyhow::Result<Client> {
    Ok(Client::new(&RunDirectory::find(name)?.socket()))
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A checked topology and the text it came from, which the lab's daemon reads again.
struct Told {
    topology: Topology,
    text: String,
    name: String,
}

/// Reads the topology; its mistakes are printed as they are, each with its line.
fn with_topology(
    what: &TopologyArguments,
    name: Option<&str>,
    then: impl FnOnce(Told) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let read = match &what.file {
        Some(path) => read_topology(path),
        None => Ok((Topology::default(), DEFAULT_YAML.to_owned())),
    };
    match read {
        Ok((topology, text)) => {
            let name = name.unwrap_or(&topology.name).to_owned();
            then(Told { topology, text, name })
        }
        Err(error) => {
            output::tell(&format!("{error:#}"));
            Ok(ExitCode::from(USAGE))
        }
    }
}

/// Reads the file once: it may be a pipe, and what was checked is what runs.
fn read_topology(path: &Path) -> anyhow::Result<(Topology, String)> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("could not read {}", path.display()))?;
    let topology = Topology::from_named_yaml(&path.display().to_string(), &text)?;
    Ok((topology, text))
}

fn up(told: &Told, format: Format) -> anyhow::Result<ExitCode> {
    let name = &told.name;
    let lab = start::Starting::launch(told, start::Lifetime::UntilDown)?;
    let mut progress = Progress::new(format);
    lab.wait_up(|event| progress.show(event))?;
    if format == Format::Table {
        output::tell(&format!(
            "lab `{name}` is up: flatnet lab status | check | exec | env | down"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn status(client: &Client, format: Format) -> anyhow::Result<ExitCode> {
    let Reply::Status(status) = client.ask(&Request::Status)? else {
        bail!("the lab answered something else than its status")
    };
    match format {
        Format::Json => output::json(&status)?,
        Format::Table => output::data(&render::status(&status)),
    }
    Ok(ExitCode::SUCCESS)
}

fn environment(client: &Client, format: Format) -> anyhow::Result<ExitCode> {
    let Reply::Environment { variables } = client.ask(&Request::Environment)? else {
        bail!("the lab answered something else than its environment")
    };
    match format {
        Format::Json => output::json(&variables)?,
        Format::Table => output::data(&render::environment(&variables)),
    }
    Ok(ExitCode::SUCCESS)
}

fn calls(client: &Client, arguments: &CallsArguments, format: Format) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    let since = arguments.since.as_deref().map(|text| audit::since(text, now)).transpose()?;
    let since = since.map(|since| since.0);
    if arguments.events {
        let Reply::CallEvents { events } = client.ask(&Request::CallEvents { since })? else {
            bail!("the lab answered something else than its calls")
        };
        events.iter().try_for_each(output::json_line)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Reply::Calls { calls } = client.ask(&Request::Calls { since })? else {
        bail!("the lab answered something else than its calls")
    };
    match format {
        Format::Json => output::json(&calls)?,
        Format::Table => output::data(&render::calls(&calls)),
    }
    Ok(ExitCode::SUCCESS)
}

fn drops(client: &Client, format: Format) -> anyhow::Result<ExitCode> {
    let Reply::Drops { drops } = client.ask(&Request::Drops)? else {
        bail!("the lab answered something else than its drops")
    };
    match format {
        Format::Json => output::json(&drops)?,
        Format::Table => output::data(&render::drops(&drops)),
    }
    Ok(ExitCode::SUCCESS)
}

fn down(name: Option<&str>, format: Format) -> anyhow::Result<ExitCode> {
    let directory = RunDirectory::find(name)?;
    if !directory.is_running() {
        directory.remove()?;
        bail!("no lab called `{}` is running", directory.name);
    }
    let mut progress = Progress::new(format);
    let client = Client::new(&directory.socket());
    if !client.follow(&Request::Down, |event| progress.show(event))? {
        bail!("the lab would not end; kill its main process (see `ps`)");
    }
    start::wait_gone(&directory)?;
    directory.remove()?;
    if format == Format::Table {
        output::tell(&format!("lab `{}` has ended", directory.name));
    }
    Ok(ExitCode::SUCCESS)
}
