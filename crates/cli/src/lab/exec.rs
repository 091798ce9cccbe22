//! `flatnet lab exec`: a command inside a node, a pod or a part of the VPC.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use lab::client::Client;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::cli::ExecArguments;

/// Enters the target's namespaces and runs the command there; its exit status is ours. It runs in
/// the lab's pid namespace, so that it ends with the lab.
///
/// # Errors
/// When there is no such target or program.
pub fn run(client: &Client, arguments: &ExecArguments) -> anyhow::Result<ExitCode> {
    let place = client.enter(&arguments.target)?;
    let [user, pid, mounts, network, uts] = &place.namespaces;
    let directory = std::env::current_dir().ok();
    for (namespace, kind) in [
        (user, LinkNameSpaceType::User),
        (pid, LinkNameSpaceType::ProcessID),
        (uts, LinkNameSpaceType::HostNameAndNISDomainName),
        (network, LinkNameSpaceType::Network),
        (mounts, LinkNameSpaceType::Mount),
    ] {
        move_into_link_name_space(namespace.as_fd(), Some(kind))
            .with_context(|| format!("could not enter {}", place.description))?;
    }
    // Ctrl-C is for the command; we stay to report how it ended.
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGQUIT] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
            .context("could not leave Ctrl-C to the command")?;
    }
    let [program, rest @ ..] = arguments.command.as_slice() else {
        anyhow::bail!("no command given");
    };
    let mut command = Command::new(program);
    command.args(rest);
    // Entering a mount namespace moves to its root; go back where the person was, if it is there.
    command.current_dir(directory.filter(|path| path.is_dir()).unwrap_or_else(|| "/".into()));
    let mut child = match command.spawn() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            anyhow::bail!("`{program}` is not installed on this host, whose programs the lab uses")
        }
        other => other.with_context(|| format!("could not run `{program}`"))?,
    };
    let status = wait(&mut child).with_context(|| format!("lost track of `{program}`"))?;
    // As shells report a command that a signal ended.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Waits for the command, passing on the signals by which others end us, so that it does not
/// outlive us. Without a thread: a process that has entered a pid namespace cannot make one
/// (setns(2)).
fn wait(child: &mut Child) -> anyhow::Result<ExitStatus> {
    use signal_hook::consts::{SIGHUP, SIGTERM};
    let pid = Pid::from_raw(child.id().cast_signed()).context("no pid")?;
    let handle = pidfd_open(pid, PidfdFlags::empty()).context("could not watch the command")?;
    let mut received = Vec::new();
    for (number, signal) in [(SIGTERM, Signal::TERM), (SIGHUP, Signal::HUP)] {
        let (read, write) = UnixStream::pair().context("socketpair")?;
        signal_hook::low_level::pipe::register(number, write).context("could not watch signals")?;
        received.push((read, signal));
    }
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let mut watched = vec![PollFd::new(&handle, PollFlags::IN)];
        watched.extend(received.iter().map(|(pipe, _)| PollFd::new(pipe, PollFlags::IN)));
        match poll(&mut watched, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("could not wait for the command"),
        }
        let ready: Vec<bool> = watched.iter().map(|fd| !fd.revents().is_empty()).collect();
        for ((pipe, signal), _) in received.iter_mut().zip(&ready[1..]).filter(|(_, ready)| **ready)
        {
            pipe.read_exact(&mut [0])?;
            // It may have ended meanwhile, which is what the signal is for.
            let _ = pidfd_send_signal(&handle, *signal);
        }
    }
}
