//! Network namespaces as file descriptors.
//!
//! A namespace is a property of a *thread*, so everything that has to happen inside one runs on a
//! thread made for it, which ends afterwards: a thread that serves others never changes namespace.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use nix::sched::{CloneFlags, unshare};
use rustix::mount::{UnmountFlags, mount_bind, unmount};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A handle on a network namespace, which lives at least as long as the handle.
///
/// Clones share one descriptor. Two handles are equal when they mean the same namespace.
#[derive(Clone)]
pub struct Netns {
    fd: Arc<OwnedFd>,
    id: NetnsId,
}

/// What tells two namespaces apart: device and inode number of the kernel's namespace file
/// (namespaces(7)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NetnsId {
    device: u64,
    inode: u64,
}

impl Netns {
    /// The namespace the calling thread is in.
    ///
    /// # Errors
    /// When `/proc` is not mounted or not readable.
    pub fn current_thread() -> io::Result<Self> {
        // Not /proc/self: that is the main thread's namespace.
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// Opens a namespace by path: `/run/netns/NAME`, `/proc/PID/ns/net`, or what a container
    /// runtime passes as `CNI_NETNS`.
    ///
    /// # Errors
    /// When the path cannot be opened. That the file *is* a network namespace shows at first use.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::from_fd(File::open(path)?.into())
    }

    /// Takes a descriptor that somebody else opened.
    ///
    /// # Errors
    /// When the descriptor cannot be examined.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&fd)?;
        let id = NetnsId { device: stat.st_dev, inode: stat.st_ino };
        Ok(Self { fd: Arc::new(fd), id })
    }

    /// Makes a new, empty namespace: only `lo`, and that down.
    ///
    /// # Errors
    /// `EPERM` without `CAP_SYS_ADMIN` in the caller's user namespace.
    pub fn create() -> io::Result<Self> {
        on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(io::Error::from)?;
            Self::current_thread()
        })?
    }

    /// Gives the namespace a name: makes an empty file at `path` and binds the namespace on it,
    /// as `ip netns add` does. It then lives until [`Netns::unpin`] and the last user.
    ///
    /// # Errors
    /// When the file exists already or the mount is refused; nothing is left behind then.
    pub fn pin(&self, path: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).create_new(true).open(path)?;
        let source = format!("/proc/thread-self/fd/{}", self.fd.as_raw_fd());
        mount_bind(source, path).map_err(|error| {
            // The file has no meaning without the mount; the mount's error is the one to report.
            let _ = std::fs::remove_file(path);
            io::Error::from(error)
        })
    }

    /// Undoes [`Netns::pin`]. A path that is not there is already unpinned.
    ///
    /// # Errors
    /// When the mount or the file cannot be removed.
    pub fn unpin(path: &Path) -> io::Result<()> {
        match unmount(path, UnmountFlags::DETACH) {
            // EINVAL: nothing is mounted there, only the file is left.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        std::fs::remove_file(path)
    }

    /// Runs `work` inside the namespace, on a thread of its own, and waits for it.
    ///
    /// Sockets that `work` opens stay in the namespace wherever they are used afterwards.
    ///
    /// # Errors
    /// When the thread cannot be started or the namespace cannot be entered (`EPERM`: no
    /// `CAP_SYS_ADMIN`; `EINVAL`: not a network namespace).
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        on_a_thread(|| {
            move_into_link_name_space(self.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        })?
    }

    /// Runs `work` inside the namespace, on a thread of its own, without waiting for it. The
    /// namespace lives as long as the thread.
    ///
    /// # Errors
    /// When the thread cannot be started. That the namespace cannot be entered is the thread's
    /// result.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<thread::JoinHandle<io::Result<T>>> {
        let netns = self.clone();
        thread::Builder::new().name("netns".into()).spawn(move || {
            move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        })
    }

    /// What tells this namespace apart from others.
    #[must_use]
    pub fn id(&self) -> NetnsId {
        self.id
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl PartialEq for Netns {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Netns {}

impl fmt::Debug for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Netns({})", self.id)
    }
}

impl fmt::Display for NetnsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net:[{}]", self.inode)
    }
}

/// Runs `work` on a fresh thread that ends with it. A panic in `work` is the caller's panic.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("netns".into()).spawn_scoped(scope, work)?;
        thread.join().map_err(|panic| std::panic::resume_unwind(panic))
    })
}
