//! Holds the layers of the workspace: which crate may depend on what.
//!
//! Entry points: [`Graph::of_workspace`] reads what `cargo metadata` says, and each function of
//! [`rules`] lists what contradicts one rule. `tests/workspace.rs` applies them all to this
//! workspace; the allow lists, with their reasons, are in [`rules`].

mod graph;
mod licence;
pub mod rules;

pub use graph::{Crate, Graph, GraphError};

#[cfg(test)]
mod tests;
