//! Where something of the lab runs: a network namespace and, for nodes, a mount namespace.

use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use datapath::Netns;
use nix::sched::{CloneFlags, unshare};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A node, a pod or a part of the VPC, as a place to run code and open sockets in.
#[derive(Debug, Clone)]
pub struct Place {
    network: Netns,
    mounts: Option<Arc<OwnedFd>>,
}

impl Place {
    /// A place with a network of its own and the lab's file system.
    #[must_use]
    pub const fn network_only(network: Netns) -> Self {
        Self { network, mounts: None }
    }

    /// A place with a network and a file system of its own: `prepare` runs in the new mount
    /// namespace, a copy of the lab's, and mounts what is particular to the place.
    ///
    /// # Errors
    /// unshare(2), or what `prepare` returns.
    pub fn with_own_mounts(
        network: Netns,
        prepare: impl FnOnce() -> io::Result<()> + Send,
    ) -> io::Result<Self> {
        let mounts = on_own_thread(|| {
            unshare(CloneFlags::CLONE_NEWNS)?;
            prepare()?;
            let own = std::fs::File::open("/proc/thread-self/ns/mnt")?;
            io::Result::Ok(OwnedFd::from(own))
        })??;
        Ok(Self { network, mounts: Some(Arc::new(mounts)) })
    }

    /// The network namespace.
    #[must_use]
    pub const fn network(&self) -> &Netns {
        &self.network
    }

    /// The mount namespace, when it is not the lab's.
    #[must_use]
    pub fn mounts(&self) -> Option<&OwnedFd> {
        self.mounts.as_deref()
    }

    /// Runs `work` in this place, on a thread of its own that ends with it. Processes it starts
    /// start here.
    ///
    /// # Errors
    /// When the namespaces cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        on_own_thread(|| {
            self.enter()?;
            Ok(work())
        })?
    }

    /// Moves the calling thread here for good. Threads that do this must not go back to a pool.
    ///
    /// # Errors
    /// What setns(2) says.
    pub fn enter(&self) -> io::Result<()> {
        if let Some(mounts) = &self.mounts {
            // A thread that shares its root and working directory with others cannot change its
            // mount namespace (setns(2)).
            unshare(CloneFlags::CLONE_FS)?;
            move_into_link_name_space(mounts.as_fd(), Some(LinkNameSpaceType::Mount))?;
        }
        move_into_link_name_space(self.network.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(())
    }

    /// A TCP listener in this place.
    ///
    /// # Errors
    /// Socket errors.
    pub fn listen(&self, at: SocketAddrV4) -> io::Result<TcpListener> {
        let listener = self.run(|| TcpListener::bind(at))??;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// A UDP socket in this place.
    ///
    /// # Errors
    /// Socket errors.
    pub fn udp(&self, at: SocketAddrV4) -> io::Result<UdpSocket> {
        let socket = self.run(|| UdpSocket::bind(at))??;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    /// `count` unconnected, non-blocking TCP sockets of this place; `source`, where given, is the
    /// address they send from.
    ///
    /// # Errors
    /// Socket errors.
    pub fn sockets(&self, count: usize, source: Option<Ipv4Addr>) -> io::Result<Vec<TcpStream>> {
        self.run(|| {
            let one = || -> io::Result<TcpStream> {
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let socket =
                    rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
                if let Some(source) = source {
                    rustix::net::bind(&socket, &SocketAddrV4::new(source, 0))?;
                }
                Ok(TcpStream::from(socket))
            };
            (0..count).map(|_| one()).collect()
        })?
    }

    /// Runs a program here to its end, with `input` on its standard input and only the given
    /// environment.
    ///
    /// # Errors
    /// When it cannot be started or spoken to.
    pub fn output(
        &self,
        program: &OsStr,
        environment: &[(&str, &str)],
        input: &[u8],
    ) -> io::Result<std::process::Output> {
        use std::process::{Command, Stdio};
        self.run(|| {
            let mut child = Command::new(program)
                .env_clear()
                .envs(environment.iter().copied())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                match io::Write::write_all(&mut stdin, input) {
                    // A program may end without reading; its exit status says why.
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                    _ => {}
                }
            }
            child.wait_with_output()
        })?
    }
}

/// Runs `work` on a fresh thread: namespaces are a thread's, and this one is not used again.
fn on_own_thread<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("lab-place".to_owned())
            .stack_size(512 << 10)
            .spawn_scoped(scope, work)?;
        thread.join().map_err(|_| io::Error::other("the thread in the namespace panicked"))
    })
}
