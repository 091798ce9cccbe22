//! What the default file says, and how every kind of mistake is answered.

mod mutations;
mod refusals;

use vpc::requests::{Profile, Span, Timing};

use super::*;

#[test]
fn the_default_file_is_the_demo() {
    let lab = Topology::default();
    assert_eq!((lab.name.as_str(), lab.seed), ("demo", 1));
    assert_eq!(lab.account.as_str(), "111122223333");
    assert_eq!(
        (lab.region.as_str(), lab.vpc.cidr.to_string()),
        ("us-west-2", "10.10.0.0/16".into())
    );
    let subnets: Vec<_> = lab
        .subnets
        .iter()
        .map(|s| (s.name.as_str(), s.cidr.to_string(), s.availability_zone.as_str()))
        .collect();
    assert_eq!(
        subnets,
        [
            ("nodes-a", "10.10.1.0/24".into(), "us-west-2a"),
            ("nodes-b", "10.10.2.0/24".into(), "us-west-2b"),
            ("tight-b", "10.10.3.0/28".into(), "us-west-2b"),
        ]
    );
    let control_plane = lab.control_plane.clone().expect("a control plane");
    assert_eq!(control_plane.name, "demo");
    assert_ne!(control_plane.account, lab.account);
    assert_eq!(control_plane.endpoint_name, "api.demo.internal");
    assert_eq!(control_plane.subnets, ["nodes-a", "nodes-b"]);
    assert_eq!(lab.endpoints, [Endpoint { service: Service::Ec2, subnet: "nodes-a".to_owned() }]);
    let nodes: Vec<_> = lab
        .nodes
        .iter()
        .map(|n| (n.name.as_str(), n.instance_type.name, n.subnet.as_str()))
        .collect();
    assert_eq!(
        nodes,
        [
            ("node-1", "m5.large", "nodes-a"),
            ("node-2", "t3.medium", "nodes-b"),
            ("node-3", "t3.small", "tight-b"),
        ]
    );
    for node in &lab.nodes {
        let env: Vec<_> = node.agent.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(env, [("FLATNET_ENI_MIN_AGE", "0"), ("IP_COOLDOWN_PERIOD", "1")]);
    }
    let on = |node: &str| lab.pods().filter(|pod| pod.node == node).count();
    assert_eq!((on("node-1"), on("node-2"), on("node-3")), (12, 8, 9));
    assert_eq!(lab.api.listen, "127.0.0.1:0".parse().expect("an address"));
}

#[test]
fn every_key_of_the_format_is_explained() {
    // Whoever adds a key explains it in the default file and in the reference.
    const REFERENCE: &str = include_str!("../../../../docs/lab.md");
    let source = include_str!("decode.rs");
    let calls = [".required(\"", ".optional(\""];
    let keys = calls.iter().flat_map(|call| source.split(call).skip(1));
    let keys: Vec<&str> = keys.filter_map(|rest| rest.split('"').next()).collect();
    assert!(keys.len() > 20, "{keys:?}");
    for key in keys {
        let mut lines = DEFAULT_YAML.lines().map(|line| line.trim_start_matches([' ', '-']));
        assert!(lines.any(|line| line.starts_with(&format!("{key}:"))), "{key} in lab.yaml");
        let last_part = format!(".{key}`");
        let in_reference = REFERENCE.contains(&last_part)
            || REFERENCE.contains(&format!("`{key}"))
            || REFERENCE.contains(&format!(".{key}."));
        assert!(in_reference, "{key} in docs/lab.md");
    }
    for key in requests::KEYS {
        let mut lines = DEFAULT_YAML.lines().map(|line| line.trim_start_matches([' ', '#']));
        assert!(lines.any(|line| line.starts_with(&format!("{key}:"))), "{key} in lab.yaml");
        assert!(REFERENCE.contains(&format!("`requests.{key}`")), "{key} in docs/lab.md");
    }
    for name in agent_env::names() {
        assert!(DEFAULT_YAML.contains(name), "{name} in lab.yaml");
        assert!(REFERENCE.contains(&format!("`{name}`")), "{name} in docs/lab.md");
    }
}

#[test]
fn requests_begin_with_a_profile_and_each_knob_may_differ() {
    let with = |requests: &str| {
        let text = DEFAULT_YAML.replacen("  profile: instant\n", requests, 1);
        Topology::from_yaml(&text).expect("valid").requests
    };
    assert_eq!(Topology::default().requests, RequestPolicy::default());
    let hostile = with("  profile: hostile\n").timing;
    assert_eq!(hostile, Profile::Hostile.timing());
    let told = with(
        "  profile: hostile\n  throttle: false\n  share: 50\n  newEniDelay: 7\n  \
         metadataDelay: 1-2\n  metadataHalfVisible: 3\n  deny: [CreateTags]\n  \
         latency: {'*': 5, CreateTags: 100-200}\n",
    );
    let expected = Timing {
        throttle: false,
        share: 50,
        latency: [("CreateTags".to_owned(), Span::new(100, 200))].into(),
        other_latency: Span::new(5, 5),
        new_eni: Span::new(7, 7),
        metadata: Span::new(1, 2),
        half_visible: 3,
    };
    assert_eq!(told.timing, expected);
    assert!(told.deny.contains("CreateTags"));
}

#[test]
fn what_may_be_left_out_has_defaults() {
    let lab = Topology::from_yaml(
        "account: 111122223333\nregion: us-west-2\nvpc: {cidr: 10.0.0.0/16}\n\
         subnets: [{name: a, cidr: 10.0.0.0/24, availabilityZone: us-west-2a}]\n\
         endpoints: [{service: ec2, subnet: a}]\n\
         nodes: [{name: n, instanceType: t3.small, subnet: a}]\n\
         pods: [{node: n, count: 2}]\n",
    )
    .expect("valid");
    assert_eq!((lab.name.as_str(), lab.seed), ("lab", 1));
    assert_eq!(lab.control_plane, None);
    assert_eq!(lab.api.listen.to_string(), "127.0.0.1:0");
    assert!(lab.nodes.iter().all(|node| node.agent.env.is_empty()));
    let pods: Vec<_> = lab.pods().collect();
    let names: Vec<_> = pods.iter().map(|pod| (&*pod.namespace, &*pod.name)).collect();
    assert_eq!(names, [("default", "n-pod-1"), ("default", "n-pod-2")]);
}

#[test]
fn a_nodes_own_environment_wins() {
    let lab = Topology::from_yaml(&DEFAULT_YAML.replace(
        "    subnet: tight-b",
        "    subnet: tight-b\n    agent: {env: {IP_COOLDOWN_PERIOD: 7, MAX_ENI: \"2\"}}",
    ))
    .expect("valid");
    let env = |name: &str, key: &str| lab.node(name).and_then(|n| n.agent.env.get(key)).cloned();
    assert_eq!(env("node-3", "IP_COOLDOWN_PERIOD").as_deref(), Some("7"));
    assert_eq!(env("node-3", "FLATNET_ENI_MIN_AGE").as_deref(), Some("0"));
    assert_eq!(env("node-3", "MAX_ENI").as_deref(), Some("2"));
    assert_eq!(env("node-1", "IP_COOLDOWN_PERIOD").as_deref(), Some("1"));
    assert_eq!(env("node-1", "MAX_ENI"), None);
}

#[test]
fn sets_that_share_a_prefix_share_one_numbering() {
    let pods = "- {node: node-1, count: 2, namePrefix: web}\n  - {node: node-2, count: 2, namePrefix: web}\n  \
                - {node: node-2, count: 1, namePrefix: web, namespace: other}\n";
    let start = DEFAULT_YAML.find("pods:\n").expect("a key");
    let lab =
        Topology::from_yaml(&format!("{}pods:\n  {pods}", &DEFAULT_YAML[..start])).expect("valid");
    let pods: Vec<_> = lab.pods().collect();
    let names: Vec<_> = pods.iter().map(|p| (&*p.node, &*p.namespace, &*p.name)).collect();
    assert_eq!(
        names,
        [
            ("node-1", "default", "web-1"),
            ("node-1", "default", "web-2"),
            ("node-2", "default", "web-3"),
            ("node-2", "default", "web-4"),
            ("node-2", "other", "web-1"),
        ]
    );
}

#[test]
fn a_file_is_read_and_named_in_messages() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("mine.yaml");
    std::fs::write(&path, DEFAULT_YAML).expect("written");
    assert_eq!(Topology::from_file(&path).expect("valid"), Topology::default());

    std::fs::write(&path, DEFAULT_YAML.replace("count: 8", "count: eight")).expect("written");
    let refused = Topology::from_file(&path).expect_err("refused").to_string();
    assert!(refused.starts_with(&format!("{}:", path.display())), "{refused}");
    assert!(refused.contains("pods[1].count"), "{refused}");

    std::fs::write(&path, "#".repeat(300 * 1024)).expect("written");
    let refused = Topology::from_file(&path).expect_err("refused").to_string();
    assert!(refused.contains("longer than 262144 bytes"), "{refused}");

    let missing = Topology::from_file(&directory.path().join("none.yaml")).expect_err("refused");
    assert!(matches!(missing, TopologyError::Read { .. }));
    assert!(std::error::Error::source(&missing).is_some());
}
