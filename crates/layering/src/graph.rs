//! The dependency graph of the workspace as resolved for Linux.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// The platform that Flatnet runs on; other platforms' dependencies are never built.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Crates and what each needs to be built and run, without tests.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// All crates, by an id that tells versions apart.
    pub crates: BTreeMap<String, Crate>,
}

/// One crate of the graph.
#[derive(Clone, Debug, Default)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, an SPDX expression, if it states one.
    pub licence: Option<String>,
    /// Whether it is one of ours.
    pub ours: bool,
    /// Ids of its normal dependencies.
    pub normal: BTreeSet<String>,
}

/// Why the graph could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// `cargo metadata` failed; a stale `Cargo.lock` is the usual cause.
    #[error("cargo metadata failed for {manifest}; is Cargo.lock up to date?")]
    Cargo {
        /// The workspace's manifest.
        manifest: String,
        /// What cargo said.
        #[source]
        source: Box<cargo_metadata::Error>,
    },
    /// Cargo gave no resolved dependencies.
    #[error("cargo metadata gave no resolved dependencies")]
    Unresolved,
}

impl Graph {
    /// The graph of the workspace whose root manifest is `manifest`.
    ///
    /// # Errors
    /// [`GraphError`] if cargo cannot say.
    pub fn of_workspace(manifest: &Path) -> Result<Self, GraphError> {
        let options = ["--locked", "--filter-platform", PLATFORM].map(str::to_owned);
        let metadata = MetadataCommand::new().manifest_path(manifest).other_options(options).exec();
        let metadata = metadata.map_err(|source| GraphError::Cargo {
            manifest: manifest.display().to_string(),
            source: Box::new(source),
        })?;
        Self::from_metadata(&metadata).ok_or(GraphError::Unresolved)
    }

    fn from_metadata(metadata: &Metadata) -> Option<Self> {
        let nodes = &metadata.resolve.as_ref()?.nodes;
        let crates = nodes.iter().filter_map(|node| {
            let package = metadata.packages.iter().find(|package| package.id == node.id)?;
            let is_normal = |kind: &DependencyKind| *kind == DependencyKind::Normal;
            let normal = node
                .deps
                .iter()
                .filter(|dependency| dependency.dep_kinds.iter().any(|info| is_normal(&info.kind)));
            let found = Crate {
                name: package.name.to_string(),
                version: package.version.to_string(),
                licence: package.license.clone(),
                ours: metadata.workspace_members.contains(&package.id),
                normal: normal.map(|dependency| dependency.pkg.repr.clone()).collect(),
            };
            Some((node.id.repr.clone(), found))
        });
        Some(Self { crates: crates.collect() })
    }

    /// The crate of ours called `name`.
    #[must_use]
    pub fn ours(&self, name: &str) -> Option<&Crate> {
        self.crates.values().find(|found| found.ours && found.name == name)
    }

    /// The normal dependencies of a crate itself.
    pub fn direct<'a>(&'a self, of: &'a Crate) -> impl Iterator<Item = &'a Crate> {
        of.normal.iter().filter_map(|id| self.crates.get(id))
    }

    /// The normal dependencies of a crate, theirs, and so on, each with one chain of names that
    /// leads to it.
    #[must_use]
    pub fn closure<'a>(&'a self, of: &'a Crate) -> BTreeMap<&'a str, Vec<&'a str>> {
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut open = vec![(of, vec![of.name.as_str()])];
        while let Some((from, chain)) = open.pop() {
            for id in &from.normal {
                let Some(next) = self.crates.get(id).filter(|_| seen.insert(id)) else { continue };
                let mut chain = chain.clone();
                chain.push(&next.name);
                found.entry(&next.name).or_insert_with(|| chain.clone());
                open.push((next, chain));
            }
        }
        found
    }
}
