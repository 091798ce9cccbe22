//! Answers `flatnet lab …` commands.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::watch;

use super::running::Running;
use super::{Phase, tear_down};
use crate::checks;
use crate::journal::{Event, Journal};
use crate::place::Place;
use crate::probe::blocking;
use crate::process::send_with_fds;
use crate::protocol::{Reply, Request};

/// The longest request.
const REQUEST_LIMIT: u64 = 64 << 10;

/// What commands act on.
#[derive(Debug, Clone)]
pub(super) struct Commands {
    /// The start-up's progress.
    pub journal: Arc<Journal>,
    /// How far the lab has come.
    pub phase: watch::Receiver<Phase>,
    /// Set to end the lab.
    pub end: watch::Sender<bool>,
}

/// Standard input as the socket it is.
pub(super) fn bootstrap_socket() -> io::Result<UnixStream> {
    io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from)
}

/// Accepts commands until the lab ends.
pub(super) fn listen(socket: UnixListener, commands: Commands) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let socket = tokio::net::UnixListener::from_std(socket)?;
    tokio::spawn(async move {
        loop {
            match socket.accept().await {
                Ok((stream, _)) => {
                    let commands = commands.clone();
                    tokio::spawn(async move {
                        if let Err(error) = commands.serve(stream).await {
                            tracing::debug!(%error, "a command went away");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a command");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        }
    });
    Ok(())
}

impl Commands {
    async fn serve(&self, mut stream: tokio::net::UnixStream) -> io::Result<()> {
        // Our own user is root in here; anybody else's id is not mapped, and not ours to serve.
        let peer = stream.peer_cred()?.uid();
        if peer != 0 {
            return self.refuse(stream, "only the user who started this lab may command it").await;
        }
        let mut line = String::new();
        BufReader::new((&mut stream).take(REQUEST_LIMIT)).read_line(&mut line).await?;
        let request = match serde_json::from_str::<Request>(&line) {
            Ok(request) => request,
            Err(error) => {
                let text = format!("this lab does not know that request ({error}); same version?");
                return self.refuse(stream, &text).await;
            }
        };
        match request {
            Request::Watch => follow(&mut stream, &self.journal).await,
            Request::Down => self.down(stream).await,
            other => match self.running() {
                Ok(running) => answer(other, &running, stream).await,
                Err(text) => self.refuse(stream, text).await,
            },
        }
    }

    /// The lab, if it is up.
    fn running(&self) -> Result<Arc<Running>, &'static str> {
        match &*self.phase.borrow() {
            Phase::Up(running) => Ok(Arc::clone(running)),
            Phase::Starting => Err("this lab is still starting; try again when `lab up` is done"),
            Phase::Failed => Err("this lab could not be built; `flatnet lab down` ends it"),
        }
    }

    /// Everything ends with this process, so there is nothing to take apart.
    async fn down(&self, mut stream: tokio::net::UnixStream) -> io::Result<()> {
        let told = send(&mut stream, &Reply::Event(Event::Done)).await;
        drop(stream);
        self.end.send_replace(true);
        told
    }

    async fn refuse(&self, mut stream: tokio::net::UnixStream, error: &str) -> io::Result<()> {
        send(&mut stream, &Reply::Error { error: error.to_owned() }).await
    }
}

/// Answers what needs a lab that is up.
async fn answer(
    request: Request,
    running: &Arc<Running>,
    mut stream: tokio::net::UnixStream,
) -> io::Result<()> {
    let reply = match request {
        Request::Status => match blocking(|| running.status()) {
            Ok(status) => Reply::Status(Box::new(status)),
            Err(error) => Reply::Error { error: format!("{error:#}") },
        },
        Request::Environment => Reply::Environment { variables: running.environment() },
        Request::Drops => match blocking(|| running.drops()) {
            Ok(drops) => Reply::Drops { drops },
            Err(error) => Reply::Error { error: format!("{error:#}") },
        },
        Request::Calls { since } => Reply::Calls { calls: running.calls(since) },
        Request::CallEvents { since } => blocking(|| running.call_events(since)),
        Request::AddFault { fault } => running.add_fault(fault),
        Request::Faults => running.faults(),
        Request::ClearFaults { id } => running.clear_faults(id),
        Request::Check | Request::TakeApart => {
            // Checks experiment on pods; two at once would spoil each other's experiments.
            let Ok(_alone) = running.experiments.try_lock() else {
                let error = "a check of this lab is running; try again when it is done".to_owned();
                return send(&mut stream, &Reply::Error { error }).await;
            };
            let journal = Journal::default();
            let work = async {
                if matches!(request, Request::Check) {
                    checks::run(running, &journal).await;
                } else {
                    tear_down::delete_pods(running, &journal).await;
                    tear_down::end_nodes(running, &journal).await;
                }
                journal.push(Event::Done);
            };
            return tokio::join!(work, follow(&mut stream, &journal)).1;
        }
        Request::Enter { target } => match running.place(&target) {
            Ok((description, place)) => return enter(stream, description, &place),
            Err(error) => Reply::Error { error: format!("{error:#}") },
        },
        Request::Watch | Request::Down => {
            Reply::Error { error: "this request is answered elsewhere".to_owned() }
        }
    };
    send(&mut stream, &reply).await
}

/// Sends a place's namespaces.
fn enter(stream: tokio::net::UnixStream, description: String, place: &Place) -> io::Result<()> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    let own = |kind: &str| File::open(format!("/proc/thread-self/ns/{kind}")).map(OwnedFd::from);
    let (user, pid, lab_mounts, uts) = (own("user")?, own("pid")?, own("mnt")?, own("uts")?);
    let mounts = place.mounts().unwrap_or(&lab_mounts);
    let descriptors: [BorrowedFd<'_>; crate::protocol::PLACE_DESCRIPTORS.len()] =
        [user.as_fd(), pid.as_fd(), mounts.as_fd(), place.network().as_fd(), uts.as_fd()];
    let line = encode(&Reply::Place { description })?;
    blocking(|| send_with_fds(&stream, &line, &descriptors))?;
    Ok(())
}

/// Sends a journal's events up to the last.
async fn follow(stream: &mut tokio::net::UnixStream, journal: &Journal) -> io::Result<()> {
    let mut watcher = journal.watch();
    loop {
        let event = watcher.next().await;
        let last = matches!(event, Event::Done | Event::Failed { .. });
        send(stream, &Reply::Event(event)).await?;
        if last {
            return Ok(());
        }
    }
}

async fn send(stream: &mut tokio::net::UnixStream, reply: &Reply) -> io::Result<()> {
    stream.write_all(&encode(reply)?).await
}

fn encode(reply: &Reply) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    Ok(line)
}
