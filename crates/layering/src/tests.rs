//! Every rule, seen to fail.

use crate::rules;
use crate::{Crate, Graph};

/// A graph that keeps all rules but the one about repeated crates; `edges` adds dependencies.
fn graph(edges: &[(&str, &str)]) -> Graph {
    let mut graph = Graph::default();
    for name in ["vpc", "ipam", "ec2-query", "flatnet-cni", "flatnet-agent", "lab", "flatnet"] {
        add(&mut graph, name, Some("Apache-2.0"), true);
    }
    for name in ["serde_json", "serde_core", "tokio", "mio", "webpki-roots"] {
        add(&mut graph, name, Some("MIT OR Apache-2.0"), false);
    }
    let usual = [("flatnet-cni", "serde_json"), ("serde_json", "serde_core"), ("tokio", "mio")];
    for (from, to) in usual.iter().chain(edges) {
        let from = graph.crates.get_mut(*from).expect("a crate of the graph");
        from.normal.insert((*to).to_owned());
    }
    graph
}

fn add(graph: &mut Graph, name: &str, licence: Option<&str>, ours: bool) {
    let added = Crate {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        licence: licence.map(str::to_owned),
        ours,
        ..Crate::default()
    };
    graph.crates.insert(name.to_owned(), added);
}

#[test]
fn a_graph_that_keeps_the_rules_passes() {
    let graph = graph(&[]);
    assert_eq!(rules::impure_dependencies(&graph), [""; 0]);
    assert_eq!(rules::plugin_dependencies(&graph), [""; 0]);
    assert_eq!(rules::lab_on_nodes(&graph), [""; 0]);
    assert_eq!(rules::licences(&graph), [""; 0]);
}

#[test]
fn a_runtime_below_a_pure_crate_is_found_with_its_chain() {
    assert_eq!(
        rules::impure_dependencies(&graph(&[("ec2-query", "serde_json"), ("serde_core", "tokio")])),
        [
            "ec2-query is pure, but has ec2-query → serde_json → serde_core → tokio → mio",
            "ec2-query is pure, but has ec2-query → serde_json → serde_core → tokio",
        ]
    );
    assert_eq!(
        rules::impure_dependencies(&graph(&[("vpc", "serde_core")])),
        ["vpc depends on serde_core; allowed: ipnet, thiserror"]
    );
}

#[test]
fn a_further_dependency_of_the_plugin_is_found() {
    assert_eq!(
        rules::plugin_dependencies(&graph(&[("flatnet-cni", "tokio")])),
        ["flatnet-cni depends on tokio; allowed: serde_json"]
    );
}

#[test]
fn the_lab_below_the_agent_is_found() {
    assert_eq!(
        rules::lab_on_nodes(&graph(&[("flatnet-agent", "vpc"), ("vpc", "lab")])),
        ["flatnet-agent runs on nodes, but has flatnet-agent → vpc → lab"]
    );
}

#[test]
fn a_second_version_is_found_and_an_unneeded_exception_too() {
    let mut graph = graph(&[]);
    let mut second = graph.crates["mio"].clone();
    second.version = "2.0.0".to_owned();
    graph.crates.insert("mio 2".to_owned(), second);
    let found = rules::repeated_crates(&graph);
    assert_eq!(found[0], "mio is there as 1.0.0 and 2.0.0: see cargo tree -i mio");
    assert!(
        found.contains(&"syn is no longer there twice: remove its exception".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_licence_that_binds_the_whole_is_found() {
    let mut graph = graph(&[]);
    add(&mut graph, "mio", Some("GPL-3.0-only"), false);
    add(&mut graph, "tokio", None, false);
    add(&mut graph, "webpki-roots", Some("CDLA-Permissive-2.0"), false);
    add(&mut graph, "serde_core", Some("CDLA-Permissive-2.0"), false);
    assert_eq!(
        rules::licences(&graph),
        [
            "mio 1.0.0: GPL-3.0-only is not allowed",
            "serde_core 1.0.0: CDLA-Permissive-2.0 is not allowed",
            "tokio 1.0.0 states no licence",
        ]
    );
}

#[test]
fn a_crate_that_a_rule_names_must_exist() {
    let mut graph = graph(&[]);
    for name in ["vpc", "flatnet-cni", "webpki-roots"] {
        graph.crates.remove(name);
    }
    assert_eq!(rules::impure_dependencies(&graph).len(), 1);
    assert_eq!(rules::plugin_dependencies(&graph).len(), 1);
    assert_eq!(rules::lab_on_nodes(&graph).len(), 1);
    assert_eq!(rules::licences(&graph).len(), 1);
}
