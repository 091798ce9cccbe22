//! `flatnet lab exec`: a command inside a node, a pod or a part of the VPC.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use lab::client::Client;
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
    let status = match command.status() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            anyhow::bail!("`{program}` is not installed on this host, whose programs the lab uses")
        }
        other => other.with_context(|| format!("could not run `{program}`"))?,
    };
    // As shells report a command that a signal ended.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
