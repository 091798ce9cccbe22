//! Entering the lab's own user, mount, network and pid namespaces (user_namespaces(7)).

use std::fs;
use std::io;

use nix::sched::{CloneFlags, unshare};

/// Why the lab cannot have namespaces of its own here, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum UserNamespaceError {
    /// The system does not let this user make user namespaces.
    #[error(
        "this system does not let {user} make user namespaces ({errno}), and the lab lives in one.\n{advice}"
    )]
    Refused {
        /// Who asked.
        user: String,
        /// What unshare(2) said.
        errno: nix::errno::Errno,
        /// What an administrator can do, by what the system's settings say.
        advice: String,
    },
    /// The namespace was made, but its id map could not be written.
    #[error(
        "could not write {file} for the lab's user namespace; a security module restricts user namespaces?\n{advice}"
    )]
    Map {
        /// The file that was refused.
        file: &'static str,
        /// What an administrator can do.
        advice: String,
        /// The refusal.
        #[source]
        source: io::Error,
    },
}

/// Moves this process into new user, mount and network namespaces, as root there, and lets its
/// next child be pid 1 of a new pid namespace. The caller must be single-threaded (unshare(2)).
///
/// The caller's own user and group become root inside; every other id is unmapped. That is all an
/// ordinary user may map without helpers, and root gets no more, so that both run the same way.
///
/// # Errors
/// [`UserNamespaceError`], with what to change on this system.
pub fn enter() -> Result<(), UserNamespaceError> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let namespaces = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS;
    unshare(namespaces).map_err(|errno| UserNamespaceError::Refused {
        user: format!("uid {}", uid.as_raw()),
        errno,
        advice: advice(&read_setting),
    })?;
    // setgroups must be off before an unprivileged process may map a group (user_namespaces(7)).
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("0 {} 1", uid.as_raw()))?;
    write("/proc/self/gid_map", &format!("0 {} 1", gid.as_raw()))
}

fn write(file: &'static str, value: &str) -> Result<(), UserNamespaceError> {
    fs::write(file, value).map_err(|source| UserNamespaceError::Map {
        file,
        advice: advice(&read_setting),
        source,
    })
}

fn read_setting(name: &str) -> Option<String> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    fs::read_to_string(path).ok().map(|value| value.trim().to_owned())
}

/// What to change, by the settings that are known to refuse user namespaces.
fn advice(setting: &dyn Fn(&str) -> Option<String>) -> String {
    let is = |name: &str, value: &str| setting(name).as_deref() == Some(value);
    let mut lines = Vec::new();
    if is("kernel.unprivileged_userns_clone", "0") {
        lines.push(
            "  sudo sysctl kernel.unprivileged_userns_clone=1        # Debian's switch is off",
        );
    }
    if is("kernel.apparmor_restrict_unprivileged_userns", "1") {
        lines.push(
            "  sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0   # Ubuntu 23.10 and later",
        );
    }
    if is("user.max_user_namespaces", "0") {
        lines.push("  sudo sysctl user.max_user_namespaces=15000            # the limit is 0");
    }
    if lines.is_empty() {
        return "No setting known to forbid them is on; inside a container, its seccomp profile is the \
                usual cause (docker run --privileged, or --security-opt seccomp=unconfined). \
                Otherwise run the lab as root: sudo flatnet lab …"
            .to_owned();
    }
    lines.insert(0, "To allow it, one of these (then try again):");
    lines.push("  or run the lab as root: sudo flatnet lab …");
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_setting_that_refuses() {
        let debian =
            advice(&|name| (name == "kernel.unprivileged_userns_clone").then(|| "0".into()));
        assert!(debian.contains("unprivileged_userns_clone=1"), "{debian}");
        let ubuntu = advice(&|name| {
            (name == "kernel.apparmor_restrict_unprivileged_userns").then(|| "1".into())
        });
        assert!(ubuntu.contains("apparmor_restrict_unprivileged_userns=0"), "{ubuntu}");
        let limit = advice(&|name| (name == "user.max_user_namespaces").then(|| "0".into()));
        assert!(limit.contains("max_user_namespaces=15000"), "{limit}");
        assert!(advice(&|_| None).contains("seccomp"));
    }
}
