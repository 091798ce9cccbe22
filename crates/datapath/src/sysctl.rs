//! Kernel settings below `/proc/sys`.
//!
//! Those below `net` belong to the network namespace of the *thread* that opens the file.

use std::fs;
use std::io;
use std::path::Path;

use crate::state::Sysctl;

/// Writes a setting of the calling thread's namespace, unless it has the value already.
///
/// # Errors
/// When it cannot be written: `EROFS` or `EACCES` in a container without the right to, `ENOENT`
/// when the kernel has no such setting.
pub fn write_sysctl(path: &str, value: &str) -> io::Result<()> {
    if read_sysctl(path)? == value {
        return Ok(());
    }
    fs::write(file(path), value)
}

/// Reads a setting of the calling thread's namespace, without the newline.
///
/// # Errors
/// When it cannot be read.
pub fn read_sysctl(path: &str) -> io::Result<String> {
    let mut value = fs::read_to_string(file(path))?;
    value.truncate(value.trim_end().len());
    Ok(value)
}

/// A setting could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot set /proc/sys/{path} to {value}; does the agent run privileged?")]
pub struct SysctlError {
    /// Which.
    pub path: String,
    /// The value it should have.
    pub value: String,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl Sysctl {
    /// A setting that has to exist.
    #[must_use]
    pub fn new(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { path: path.into(), value: value.into(), optional: false }
    }

    /// Loose reverse-path filtering on a link (RFC 3704, section 2.4): the source must be
    /// reachable, but by any link, since replies may leave by another ENI.
    #[must_use]
    pub fn loose_rp_filter(link: &str) -> Self {
        Self::new(format!("net/ipv4/conf/{link}/rp_filter"), "2")
    }

    /// Strict reverse-path filtering on a link (RFC 3704, section 2.2): what comes in by it must
    /// have a source that is routed to it, so that a pod sends with no address but its own. The
    /// kernel takes the larger of this and the setting of `all`, where 2 would make it loose.
    #[must_use]
    pub fn strict_rp_filter(link: &str) -> Self {
        Self::new(format!("net/ipv4/conf/{link}/rp_filter"), "1")
    }

    /// No IPv6 on a link, and so no listening to router advertisements from it.
    #[must_use]
    pub fn no_ipv6(link: &str) -> Self {
        Self { optional: true, ..Self::new(format!("net/ipv6/conf/{link}/disable_ipv6"), "1") }
    }

    /// Writes it, for the calling thread's namespace.
    pub(crate) fn write(&self) -> Result<(), SysctlError> {
        match write_sysctl(&self.path, &self.value) {
            Err(error) if self.optional && error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => {
                Err(SysctlError { path: self.path.clone(), value: self.value.clone(), source })
            }
            Ok(()) => Ok(()),
        }
    }
}

fn file(path: &str) -> impl AsRef<Path> {
    format!("/proc/sys/{path}")
}
