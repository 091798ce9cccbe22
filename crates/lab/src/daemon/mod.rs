//! The lab itself: builds what the topology says, serves commands until it is told to end.

mod bring_up;
mod control;
mod control_plane;
mod operator;
mod running;
mod security_groups;
mod servers;
mod tear_down;

pub use running::{ControlPlane, Running};

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;

use crate::journal::{Event, Journal};
use crate::process::Bootstrap;
use crate::topology::Topology;

/// How far the lab has come.
#[derive(Debug, Clone)]
pub(crate) enum Phase {
    /// It is being built; the journal says how far.
    Starting,
    /// It runs.
    Up(Arc<Running>),
    /// It could not be built; it waits to be told to end.
    Failed,
}

/// Runs a lab: standard input is the bootstrap socket. Returns when the lab was told to end.
///
/// # Errors
/// When it could not even begin; failures while building are told to the watchers.
pub fn run() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(1 << 20)
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    runtime.block_on(serve())
}

async fn serve() -> anyhow::Result<ExitCode> {
    let (bootstrap, sockets) = Bootstrap::receive(&control::bootstrap_socket()?)?;
    let topology = Topology::from_yaml(&bootstrap.topology).context("the topology changed?")?;
    let journal = Arc::new(Journal::default());
    let (phase, phases) = watch::channel(Phase::Starting);
    let (end, mut ended) = watch::channel(false);
    let commands = control::Commands { journal: Arc::clone(&journal), phase: phases, end };
    control::listen(sockets.control, commands).context("could not serve commands")?;
    match bring_up::bring_up(&bootstrap, topology, sockets.api, &journal).await {
        Ok(running) => {
            phase.send_replace(Phase::Up(Arc::new(running)));
            journal.push(Event::Done);
        }
        Err(error) => {
            phase.send_replace(Phase::Failed);
            journal.push(Event::Failed { error: format!("{error:#}") });
        }
    }
    ended.wait_for(|ended| *ended).await.context("the command server has gone")?;
    Ok(ExitCode::SUCCESS)
}
