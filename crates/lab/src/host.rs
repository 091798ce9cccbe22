//! What the host has: compared before and after a lab, it must be the same.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
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
    /// Which kind: `links`, `addresses`, `routes`, `rules`, `nft`, `mounts`, `netns`, `processes`.
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
            aspect("processes", processes()),
        ];
        let (mut links, mut addresses, mut routes, mut rules) =
            (no_netlink(), no_netlink(), no_netlink(), no_netlink());
        if let Ok(mut netlink) = Netlink::open() {
            links = described(netlink.links());
            addresses = described(netlink.addresses());
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
                    (Err(reason), Err(_)) => (Vec::new(), Some(reason.clone())),
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
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
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

/// Processes of any lab: those of Flatnet's programs, but this one, and those that live in a user
/// namespace that is not ours.
fn processes() -> Result<BTreeSet<String>, String> {
    let own = std::process::id().to_string();
    let user_namespace = |pid: &str| fs::metadata(format!("/proc/{pid}/ns/user")).map(|m| m.ino());
    let ours = user_namespace("self").map_err(|error| format!("/proc/self/ns/user: {error}"))?;
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?.flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if !pid.bytes().all(|byte| byte.is_ascii_digit()) || pid == own {
            continue;
        }
        // Another user's process can't be examined, nor can it be a lab of this user's.
        let program = fs::read_link(entry.path().join("exe")).unwrap_or_default();
        let is_ours = program.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            ["flatnet", "flatnet-agent", "flatnet-cni"].contains(&name.trim_end_matches(" (deleted)"))
        });
        let elsewhere = user_namespace(&pid).is_ok_and(|namespace| namespace != ours);
        if is_ours || elsewhere {
            found.insert(format!("{pid} {}", Path::new(&program).display()));
        }
    }
    Ok(found)
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
        for aspect in ["links", "mounts", "processes", "rules"] {
            let found = snapshot.aspects.iter().find(|found| found.name == aspect).unwrap();
            assert!(found.lines.is_ok(), "{aspect}: {:?}", found.lines);
        }
        assert!(snapshot.compare(&HostSnapshot::take()).iter().all(|c| c.changes.is_empty()));
    }
}
