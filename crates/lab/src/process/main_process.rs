//! The lab's outermost process: the one that `flatnet lab up` starts and `kill` finds.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, bail};
use rustix::process::Signal;

use super::bootstrap::{Bootstrap, HostSockets};
use super::user_namespace;

/// What the main process is told.
#[derive(Debug, Clone)]
pub struct MainArguments {
    /// The daemon's part.
    pub bootstrap: Bootstrap,
    /// Where on the host the control socket goes.
    pub control_socket: PathBuf,
    /// Where on the host's loopback the EC2 API listens; port 0 takes a free one.
    pub api: SocketAddr,
    /// The process that started the lab, if the lab is to end with it.
    pub end_with: Option<u32>,
}

/// Opens the host's sockets, enters the lab's namespaces and waits for the lab to end.
///
/// Must be called before any thread exists in this process.
///
/// # Errors
/// A socket that could not be opened, or namespaces the system refuses.
pub fn run(arguments: &MainArguments) -> anyhow::Result<ExitCode> {
    // Ctrl-C in the terminal is for the command that shows the lab, which then takes it down.
    rustix::process::setsid().context("could not leave the terminal's session")?;
    let control = UnixListener::bind(&arguments.control_socket)
        .with_context(|| format!("could not listen on {}", arguments.control_socket.display()))?;
    fs::set_permissions(&arguments.control_socket, fs::Permissions::from_mode(0o600))
        .context("could not restrict the control socket")?;
    let api = TcpListener::bind(arguments.api).with_context(|| {
        format!(
            "could not listen on {} for the EC2 API; set api.listen to a free port",
            arguments.api
        )
    })?;
    user_namespace::enter()?;
    if let Some(starter) = arguments.end_with {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .context("could not ask to end with the parent")?;
        // It may have ended before that; then somebody else is the parent now.
        let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        if parent != i32::try_from(starter).ok() {
            bail!("the command that started this lab has gone");
        }
    }
    let (ours, theirs) = UnixStream::pair().context("socketpair")?;
    let mut holder = Command::new("/proc/self/exe")
        .arg0("flatnet")
        .args(["lab", "holder"])
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .context("could not start the lab's first process")?;
    let sockets = HostSockets { control, api };
    arguments.bootstrap.send(&ours, &sockets)?;
    drop(sockets);
    let status = holder.wait().context("lost track of the lab")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}
