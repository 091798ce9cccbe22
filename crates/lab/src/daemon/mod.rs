//! The lab itself: builds what the topology says, serves commands until it is told to end.

mod api_only;
mod bring_up;
mod control;
mod control_plane;
mod faults;
mod operator;
mod running;
mod security_groups;
mod servers;
mod tear_down;

pub use api_only::ApiOnly;
pub use running::{ControlPlane, Running};

use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncReadExt as _;
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
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(1 << 20)
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    runtime.block_on(serve())
}

/// Every pod has listeners and every check connections: the usual limit of 1,024 descriptors is
/// for other programs (getrlimit(2)).
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "could not raise the limit of open files");
    }
}

/// Ends this process when the outermost one has gone: it holds the other end of this socket for
/// its whole life. The parent-death signal alone has a gap between fork and the call that asks
/// for it.
fn end_with_main(main: UnixStream) -> anyhow::Result<()> {
    main.set_nonblocking(true).context("the bootstrap socket")?;
    let mut main = tokio::net::UnixStream::from_std(main).context("the bootstrap socket")?;
    tokio::spawn(async move {
        let mut byte = [0];
        let ended = main.read(&mut byte).await;
        tracing::warn!(?ended, "the main process has gone");
        std::process::exit(1);
    });
    Ok(())
}

async fn serve() -> anyhow::Result<ExitCode> {
    let main = control::bootstrap_socket()?;
    let (bootstrap, sockets) = Bootstrap::receive(&main)?;
    end_with_main(main)?;
    let topology = Topology::from_yaml(&bootstrap.topology).context("the topology changed?")?;
    let journal = Arc::new(Journal::default());
    let (phase, phases) = watch::channel(Phase::Starting);
    let (end, mut ended) = watch::channel(false);
    let commands = control::Commands { journal: Arc::clone(&journal), phase: phases, end };
    control::listen(sockets.control, commands).context("could not serve commands")?;
    let brought_up = tokio::select! {
        brought_up = bring_up::bring_up(&bootstrap, topology, sockets.api, &journal) => brought_up,
        // Told to end while starting: everything ends with this process.
        _ = ended.wait_for(|ended| *ended) => return Ok(ExitCode::SUCCESS),
    };
    match brought_up {
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
