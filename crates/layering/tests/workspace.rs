//! This workspace keeps the rules.

use std::error::Error as _;
use std::path::Path;

use layering::{Graph, rules};

#[track_caller]
fn check(rule: fn(&Graph) -> Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let graph = Graph::of_workspace(&root);
    let graph = graph.unwrap_or_else(|error| panic!("{error}: {:?}", error.source()));
    assert!(graph.crates.len() > 50, "a graph this small is not the workspace's");
    let found = rule(&graph);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn pure_crates_are_pure() {
    check(rules::impure_dependencies);
}

#[test]
fn the_plugin_is_small() {
    check(rules::plugin_dependencies);
}

#[test]
fn nodes_run_nothing_of_the_lab() {
    check(rules::lab_on_nodes);
}

#[test]
fn crates_are_there_once() {
    check(rules::repeated_crates);
}

#[test]
fn licences_allow_shipping() {
    check(rules::licences);
}
