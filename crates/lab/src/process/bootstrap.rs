//! What `main` hands to the daemon: the configuration and the sockets opened on the host.

use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::fdpass::{receive_with_fds, send_with_fds};

/// The longest bootstrap line; a topology file is far smaller.
const LIMIT: usize = 4 << 20;

/// The daemon's start-up parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bootstrap {
    /// The lab's name.
    pub name: String,
    /// The topology file's text, checked by the command that started the lab.
    pub topology: String,
    /// Where `flatnet-agent` and `flatnet-cni` are.
    pub binaries: PathBuf,
}

/// The sockets that were opened on the host before its network was left behind.
#[derive(Debug)]
pub struct HostSockets {
    /// Where `flatnet lab …` commands connect.
    pub control: UnixListener,
    /// The EC2 API on the host's loopback.
    pub api: TcpListener,
}

impl Bootstrap {
    /// Sends this and the sockets to the process at the other end.
    ///
    /// # Errors
    /// Serialization and socket errors.
    pub fn send(&self, to: &UnixStream, sockets: &HostSockets) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        send_with_fds(to, &line, &[sockets.control.as_fd(), sockets.api.as_fd()])
            .context("could not hand the lab its sockets")
    }

    /// Receives what [`Bootstrap::send`] sent.
    ///
    /// # Errors
    /// A peer that went away, or sent something else.
    pub fn receive(from: &UnixStream) -> anyhow::Result<(Self, HostSockets)> {
        let (line, fds) = receive_with_fds(from, LIMIT)
            .context("the lab's main process sent no start-up line")?;
        let bootstrap = serde_json::from_slice(&line).context("unreadable start-up line")?;
        let Ok([control, api]) = <[OwnedFd; 2]>::try_from(fds) else {
            bail!("the start-up line came without its two sockets");
        };
        Ok((bootstrap, HostSockets { control: control.into(), api: api.into() }))
    }
}
