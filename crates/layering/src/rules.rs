//! The rules, each with its allow list. A rule returns one line per contradiction: what it is,
//! how it comes about, and where to change it.

use std::collections::{BTreeMap, BTreeSet};

use crate::licence;
use crate::{Crate, Graph};

/// A crate that decides and computes only, and the crates it may name as dependencies.
struct Pure {
    name: &'static str,
    direct: &'static [&'static str],
}

const PURE: &[Pure] = &[
    Pure { name: "vpc", direct: &["ipnet", "thiserror"] },
    Pure { name: "ipam", direct: &["ipnet", "thiserror", "vpc"] },
    Pure {
        name: "ec2-query",
        direct: &["base64", "form_urlencoded", "quick-xml", "serde", "serde_json", "thiserror"],
    },
];

/// What pure crates may have at any depth: values, text formats, and macros that run in the
/// compiler. No runtime, kernel, HTTP or Kubernetes crate.
const PURE_ANYWHERE: &[&str] = &[
    "base64",
    "form_urlencoded",
    "ipnet",
    "itoa",
    "memchr",
    "percent-encoding",
    "proc-macro2",
    "quick-xml",
    "quote",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "vpc",
    "zmij",
];

/// The plugin starts for every pod, so it stays small: the standard library and JSON.
const PLUGIN: &str = "flatnet-cni";
const PLUGIN_DIRECT: &[&str] = &["serde_json"];

/// What runs on a cluster's nodes must not carry the lab.
const ON_NODES: &[&str] = &["flatnet-agent", "flatnet-cni"];
const NOT_ON_NODES: &[&str] = &["lab", "flatnet", "layering"];

/// Crates that may be there in two versions, and why. A line that is no longer needed fails.
const TWO_VERSIONS: &[(&str, &str)] = &[
    ("base64", "the lab's release is one behind that of serde-saphyr and rcgen's pem"),
    ("block-buffer", "comes with two releases of digest"),
    ("cpufeatures", "comes with two releases of sha2"),
    ("crypto-common", "comes with two releases of digest"),
    ("digest", "comes with two releases of sha2"),
    ("getrandom", "ring keeps to 0.2; tempfile and proptest use the newest"),
    ("hmac", "aws-sigv4 is one release ahead of the lab"),
    ("sha2", "aws-sigv4 is one release ahead of the lab"),
    ("syn", "derive macros are moving from 2 to 3; compile time only"),
];

/// Licences that let everyone use, change and ship the whole under Apache-2.0.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
];
/// Licences allowed for one crate only, and why.
const LICENCE_EXCEPTIONS: &[(&str, &str, &str)] =
    &[("webpki-roots", "CDLA-Permissive-2.0", "data: the list of root certificates")];

/// Pure crates depend on no runtime, kernel, HTTP or Kubernetes crate.
#[must_use]
pub fn impure_dependencies(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for pure in PURE {
        let Some(ours) = graph.ours(pure.name) else {
            found.push(missing(pure.name));
            continue;
        };
        found.extend(direct_beyond(graph, ours, pure.direct));
        for (name, chain) in graph.closure(ours) {
            if !PURE_ANYWHERE.contains(&name) {
                found.push(format!("{} is pure, but has {}", pure.name, chain.join(" → ")));
            }
        }
    }
    found
}

/// The plugin depends on serde_json, and on what that needs, only.
#[must_use]
pub fn plugin_dependencies(graph: &Graph) -> Vec<String> {
    let Some(plugin) = graph.ours(PLUGIN) else { return vec![missing(PLUGIN)] };
    direct_beyond(graph, plugin, PLUGIN_DIRECT)
}

/// The programs on the nodes contain nothing of the lab.
#[must_use]
pub fn lab_on_nodes(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for name in ON_NODES {
        let Some(ours) = graph.ours(name) else {
            found.push(missing(name));
            continue;
        };
        let closure = graph.closure(ours);
        let chains = NOT_ON_NODES.iter().filter_map(|banned| closure.get(banned));
        found.extend(
            chains.map(|chain| format!("{name} runs on nodes, but has {}", chain.join(" → "))),
        );
    }
    found
}

/// Every crate is there in one version, but for the named exceptions.
#[must_use]
pub fn repeated_crates(graph: &Graph) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for found in graph.crates.values() {
        versions.entry(&found.name).or_default().insert(&found.version);
    }
    let excused = |name: &str| TWO_VERSIONS.iter().any(|(excused, _)| *excused == name);
    let repeated = versions.iter().filter(|(name, versions)| versions.len() > 1 && !excused(name));
    let repeated = repeated.map(|(name, versions)| {
        let versions: Vec<&str> = versions.iter().copied().collect();
        format!("{name} is there as {}: see cargo tree -i {name}", versions.join(" and "))
    });
    let unneeded = TWO_VERSIONS
        .iter()
        .filter(|(name, _)| versions.get(name).is_none_or(|versions| versions.len() < 2))
        .map(|(name, _)| format!("{name} is no longer there twice: remove its exception"));
    repeated.chain(unneeded).collect()
}

/// Every crate's licence lets the whole be shipped under Apache-2.0.
#[must_use]
pub fn licences(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for one in graph.crates.values() {
        let allowed = |licence: &str| {
            LICENCES.contains(&licence)
                || LICENCE_EXCEPTIONS
                    .iter()
                    .any(|(name, excused, _)| *name == one.name && *excused == licence)
        };
        match &one.licence {
            Some(expression) if licence::satisfied(expression, &allowed) => {}
            Some(expression) => {
                found.push(format!("{} {}: {expression} is not allowed", one.name, one.version));
            }
            None => found.push(format!("{} {} states no licence", one.name, one.version)),
        }
    }
    let unneeded = LICENCE_EXCEPTIONS
        .iter()
        .filter(|(name, ..)| !graph.crates.values().any(|one| one.name == *name))
        .map(|(name, ..)| format!("{name} is no longer there: remove its licence exception"));
    found.extend(unneeded);
    found
}

fn direct_beyond(graph: &Graph, ours: &Crate, allowed: &[&str]) -> Vec<String> {
    let beyond = graph.direct(ours).filter(|direct| !allowed.contains(&direct.name.as_str()));
    beyond
        .map(|direct| {
            let allowed = allowed.join(", ");
            format!("{} depends on {}; allowed: {allowed}", ours.name, direct.name)
        })
        .collect()
}

fn missing(name: &str) -> String {
    format!("the workspace has no crate {name}: change the rule if it was renamed")
}
