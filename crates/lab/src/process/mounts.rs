//! The lab's view of the file system: the host's, with a few directories of its own.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Context as _;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change};

/// Where the lab keeps what is its own (inside its mount namespace).
pub const LAB_DIRECTORY: &str = "/run/flatnet-lab";
/// Where network namespaces are pinned, so that `ip netns` inside the lab lists them.
pub const NETNS_DIRECTORY: &str = "/run/netns";

/// Gives this mount namespace a `/run` and an `/etc` of its own. The host sees none of it.
///
/// - nothing propagates to or from the host;
/// - `/proc` shows the lab's processes (where the system allows mounting it);
/// - `/run` is empty but for the lab's directories; `/run/netns` is shared among the lab's mount
///   namespaces, so that a pod's namespace pinned there is seen on its node;
/// - `/etc` shows the host's entries as links, so that a node can have its own `/etc/cni`.
///
/// # Errors
/// The mount that was refused.
pub fn prepare() -> anyhow::Result<()> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .context("could not make the lab's mounts private")?;
    let nothing_special = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    if let Err(error) = mount("proc", "/proc", "proc", nothing_special, None) {
        // A masked /proc (in many containers) forbids a fresh one; the old one shows other pids.
        tracing::info!(%error, "keeping the host's /proc");
    }
    tmpfs("/run")?;
    fs::create_dir_all(NETNS_DIRECTORY).context("could not make /run/netns")?;
    tmpfs(NETNS_DIRECTORY)?;
    mount_change(NETNS_DIRECTORY, MountPropagationFlags::SHARED)
        .context("could not share /run/netns")?;
    shadow("/etc", &format!("{LAB_DIRECTORY}/host/etc"))?;
    for directory in ["/run/flatnet", "/etc/cni"] {
        if fs::symlink_metadata(directory).is_ok_and(|found| found.is_symlink()) {
            fs::remove_file(directory).with_context(|| format!("could not replace {directory}"))?;
        }
        fs::create_dir_all(directory).with_context(|| format!("could not make {directory}"))?;
    }
    Ok(())
}

fn tmpfs(target: &str) -> anyhow::Result<()> {
    mount("tmpfs", target, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(c"mode=755"))
        .with_context(|| format!("could not mount a tmpfs on {target}"))
}

/// Covers `directory` with a writable one that holds a link to each of its entries, by way of a
/// bind mount at `kept`.
fn shadow(directory: &str, kept: &str) -> anyhow::Result<()> {
    fs::create_dir_all(kept).with_context(|| format!("could not make {kept}"))?;
    mount_bind_recursive(directory, kept)
        .with_context(|| format!("could not bind {directory} to {kept}"))?;
    tmpfs(directory)?;
    let link_all = || -> io::Result<()> {
        for entry in fs::read_dir(kept)? {
            let name = entry?.file_name();
            symlink(Path::new(kept).join(&name), Path::new(directory).join(&name))?;
        }
        Ok(())
    };
    link_all().with_context(|| format!("could not link the entries of {directory}"))
}
