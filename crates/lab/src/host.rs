//! What the host has: compared before and after a lab, it must be the same.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use datapath::{Kernel as _, Netlink};
use serde::Serialize;

/// A picture of the host's kernel objects, as sets of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSnapshot {
    aspects: Vec<Aspect>,
}

/// One kind of object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Aspect {
    name: &'static str,
    /// Its objects, or why they cannot be seen.
    lines: Result<BTreeSet<String>, String>,
}

/// How one kind of object compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Which kind: `links`, `addresses`, `routes`, `rules`, `nft`, `mounts`, `netns`.
    pub aspect: &'static str,
    /// How many there were before.
    pub before: usize,
    /// What appeared or went, each line with `+` or `-`.
    pub changes: Vec<String>,
    /// Why this kind cannot be seen by this user (who then cannot change it either).
    pub unreadable: Option<String>,
}

impl HostSnapshot {
    /// Looks at the calling process's own namespaces: call it outside every lab.
    #[must_use]
    pub fn take() -> Self {
        let mut aspects = vec![
            aspect("nft", nft()),
            aspect("mounts", lines_of("/proc/self/mountinfo")),
            aspect("netns", entries("/run/netns")),
        ];
        let (mut links, mut addresses, mut routes, mut rules) =
            (no_netlink(), no_netlink(), no_netlink(), no_netlink());
        if let Ok(mut netlink) = Netlink::open() {
            links = described(netlink.links());
            addresses = described(netlink.addresses()).map(|mut found| {
                found.extend(lines_of("/proc/net/if_inet6").unwrap_or_default());
                found
            });
            routes = described(netlink.routes());
            rules = described(netlink.rules());
        }
        aspects.extend([
            aspect("links", links),
            aspect("addresses", addresses),
            aspect("routes", routes),
            aspect("rules", rules),
        ]);
        Self { aspects }
    }

    /// Compares with a later picture.
    #[must_use]
    pub fn compare(&self, later: &Self) -> Vec<Comparison> {
        let pairs = self.aspects.iter().zip(&later.aspects);
        pairs
            .map(|(before, after)| {
                let (changes, unreadable) = match (&before.lines, &after.lines) {
                    (Ok(before), Ok(after)) => (differences(before, after), None),
                    // Who may not look may not change either.
                    (Err(reason), Err(_)) if reason.contains("not permitted") => {
                        (Vec::new(), Some(reason.clone()))
                    }
                    (Err(reason), Err(_)) => (vec![format!("- could not be seen: {reason}")], None),
                    (Ok(_), Err(reason)) | (Err(reason), Ok(_)) => {
                        (vec![format!("- could be seen only once: {reason}")], None)
                    }
                };
                let count = before.lines.as_ref().map_or(0, BTreeSet::len);
                Comparison { aspect: before.name, before: count, changes, unreadable }
            })
            .collect()
    }
}

fn differences(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    let gone = before.difference(after).map(|line| format!("- {line}"));
    let new = after.difference(before).map(|line| format!("+ {line}"));
    gone.chain(new).collect()
}

fn aspect(name: &'static str, lines: Result<BTreeSet<String>, String>) -> Aspect {
    Aspect { name, lines }
}

fn no_netlink() -> Result<BTreeSet<String>, String> {
    Err("no netlink socket could be opened".to_owned())
}

fn described<T: std::fmt::Debug, E: std::fmt::Display>(
    objects: Result<Vec<T>, E>,
) -> Result<BTreeSet<String>, String> {
    let objects = objects.map_err(|error| error.to_string())?;
    Ok(objects.iter().map(|object| format!("{object:?}")).collect())
}

fn lines_of(path: &str) -> Result<BTreeSet<String>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn entries(path: &str) -> Result<BTreeSet<String>, String> {
    match fs::read_dir(path) {
        Ok(entries) => {
            Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into()).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// The ruleset without counters, which move by themselves.
fn nft() -> Result<BTreeSet<String>, String> {
    let output = Command::new("nft")
        .args(["--stateless", "list", "ruleset"])
        .env("PATH", "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin")
        .output()
        .map_err(|error| format!("nft: {error}"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(complaint.lines().next().unwrap_or("nft failed").to_owned());
    }
    // Lines repeat; their numbers keep them apart.
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().enumerate().map(|(number, line)| format!("{number}: {line}")).collect())
}

/// A lab's user namespace, by which all its processes can be told, the outermost one included.
#[derive(Debug)]
pub struct LabProcesses {
    user_namespace: u64,
    /// Keeps the namespace, so that its number is not given to another one meanwhile.
    _held: fs::File,
}

impl LabProcesses {
    /// Those of the lab whose main process is `main`.
    ///
    /// # Errors
    /// When there is no such process, or it has not left the host's user namespace.
    pub fn of(main: u32) -> io::Result<Self> {
        let user_namespace = user_namespace(&main.to_string())?;
        if user_namespace == self::user_namespace("self")? {
            return Err(io::Error::other(format!("process {main} is in no lab")));
        }
        let held = fs::File::open(format!("/proc/{main}/ns/user"))?;
        Ok(Self { user_namespace, _held: held })
    }

    /// The ones that are alive, each with its program.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn alive(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let pid = entry.file_name().to_string_lossy().into_owned();
            // A process may end while we look; another user's cannot be looked at, nor be ours.
            if user_namespace(&pid).is_ok_and(|namespace| namespace == self.user_namespace) {
                let program = fs::read_link(entry.path().join("exe")).unwrap_or_default();
                found.push(format!("{pid} {}", program.display()));
            }
        }
        Ok(found)
    }
}

/// The inode number of a process's user namespace (namespaces(7)).
fn user_namespace(pid: &str) -> io::Result<u64> {
    Ok(fs::metadata(format!("/proc/{pid}/ns/user"))?.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_seen_and_sameness_too() {
        let before = HostSnapshot {
            aspects: vec![aspect("links", Ok(["a".to_owned(), "b".to_owned()].into()))],
        };
        let after = HostSnapshot {
            aspects: vec![aspect("links", Ok(["b".to_owned(), "c".to_owned()].into()))],
        };
        assert_eq!(before.compare(&after)[0].changes, ["- a", "+ c"]);
        assert!(before.compare(&before)[0].changes.is_empty());
        assert_eq!(before.compare(&before)[0].before, 2);
    }

    #[test]
    fn the_host_can_be_seen() {
        let snapshot = HostSnapshot::take();
        for aspect in ["links", "mounts", "rules", "netns"] {
            let found = snapshot.aspects.iter().find(|found| found.name == aspect).unwrap();
            assert!(found.lines.is_ok(), "{aspect}: {:?}", found.lines);
        }
        assert!(snapshot.compare(&HostSnapshot::take()).iter().all(|c| c.changes.is_empty()));
    }
}
