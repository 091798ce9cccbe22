//! Pid 1 of the lab: prepares the mounts, starts the daemon, reaps, and ends everything by ending.

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use rustix::process::{Signal, WaitOptions};

use super::mounts;

/// Runs until the daemon ends; then so does this, and with it every process of the lab.
///
/// Standard input is the bootstrap socket, handed on to the daemon.
///
/// # Errors
/// A mount that was refused, or a daemon that could not be started.
pub fn run() -> anyhow::Result<ExitCode> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .context("could not ask to end with the main process")?;
    rustix::system::sethostname(b"flatnet-lab").context("could not name the lab's host")?;
    mounts::prepare()?;
    let daemon = Command::new("/proc/self/exe")
        .arg0("flatnet")
        .args(["lab", "daemon"])
        .stdin(std::io::stdin().as_fd().try_clone_to_owned()?)
        .spawn()
        .context("could not start the lab's daemon")?;
    // Our own copy of the socket must not keep the daemon from seeing that `main` has gone.
    let null = std::fs::File::open("/dev/null").context("/dev/null")?;
    rustix::stdio::dup2_stdin(&null).context("could not let go of the bootstrap socket")?;
    tracing::debug!(null = null.as_raw_fd(), daemon = daemon.id(), "holding the lab's namespaces");
    reap_until(daemon.id())
}

/// Waits for every child there is (pid 1 inherits the orphans) until the daemon's turn comes.
fn reap_until(daemon: u32) -> anyhow::Result<ExitCode> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().cast_unsigned() == daemon => {
                let code = status.exit_status().and_then(|code| u8::try_from(code).ok());
                return Ok(ExitCode::from(code.unwrap_or(1)));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("lost track of the lab's daemon"),
        }
    }
}
