//! The exact words of every refusal.

use crate::topology::Topology;

/// A small valid file; each test breaks something in it. Line numbers are worth keeping.
const GOOD: &str = r#"name: demo
account: "111122223333"
region: us-west-2
vpc:
  cidr: 10.10.0.0/16
subnets:
  - name: nodes-a
    cidr: 10.10.1.0/24
    availabilityZone: us-west-2a
  - name: tight-b
    cidr: 10.10.3.0/28
    availabilityZone: us-west-2b
controlPlane:
  name: demo
  account: "444455556666"
  subnets: [nodes-a, tight-b]
endpoints:
  - service: ec2
    subnet: nodes-a
agent:
  env:
    IP_COOLDOWN_PERIOD: 1
nodes:
  - name: node-1
    instanceType: m5.large
    subnet: nodes-a
  - name: node-2
    instanceType: t3.small
    subnet: tight-b
pods:
  - node: node-1
    count: 12
api:
  listen: 127.0.0.1:0
"#;

/// The refusal of [`GOOD`] with each `from` replaced by its `to`.
fn refusal(edits: &[(&str, &str)]) -> String {
    let text = edits.iter().fold(GOOD.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in the file");
        text.replacen(from, to, 1)
    });
    Topology::from_yaml(&text).expect_err(&text).to_string()
}

/// One edit per line of a snapshot: what was written, and the answer.
fn refusals(edits: &[(&str, &str)]) -> String {
    edits.iter().map(|&edit| format!("{:?}\n{}\n", edit.1, refusal(&[edit]))).collect()
}

#[test]
fn the_good_file_is_good() {
    Topology::from_yaml(GOOD).expect("valid");
}

#[test]
fn all_problems_of_a_file_are_reported_at_once() {
    insta::assert_snapshot!(refusal(&[
        ("\"111122223333\"", "1111"),
        ("cidr: 10.10.3.0/28", "cidr: 10.20.3.0/28"),
        ("us-west-2b", "eu-west-1b"),
        ("subnets: [nodes-a, tight-b]", "subnets: [nodes-a, tight-c]"),
        ("m5.large", "m5.lrge"),
        ("t3.small\n    subnet: tight-b", "t3.small\n    subnet: tight-b\n    subnets: x"),
        ("count: 12", "count: a dozen"),
    ]));
}

#[test]
fn keys() {
    insta::assert_snapshot!(refusals(&[
        ("region: us-west-2\n", ""),
        ("region: us-west-2\n", "Region: us-west-2\n"),
        ("vpc:\n  cidr: 10.10.0.0/16", "vpc: {cidr: 10.10.0.0/16, ipv6: true}"),
        ("    instanceType: m5.large", "    instance-type: m5.large"),
        ("    instanceType: m5.large", "    instanceType: m5.large\n    instanceType: m5.large"),
        ("vpc:\n  cidr: 10.10.0.0/16", "vpc: 10.10.0.0/16"),
        ("vpc:\n  cidr: 10.10.0.0/16", "vpc:"),
        ("nodes:", "nodes: {a: b}\nmore:"),
        ("subnets: [nodes-a, tight-b]", "subnets: nodes-a"),
        ("  - node: node-1\n    count: 12", "  - 12"),
    ]));
}

#[test]
fn values() {
    insta::assert_snapshot!(refusals(&[
        ("name: demo", "name: Demo Lab"),
        ("name: demo", "name: -demo"),
        ("name: demo", "name: true"),
        ("name: demo", "name: 1.5"),
        ("name: demo", "name: ../../etc/passwd"),
        ("name: demo", "name: \"a\\e[31mb\""),
        ("name: demo", "name: demo\nseed: -1"),
        ("us-west-2", "us-west"),
        ("us-west-2a", "us-west-2"),
        ("us-west-2a", "us-east-1a"),
        ("\"111122223333\"", "1.1e11"),
        ("m5.large", "m5.lrge"),
        ("m5.large", "z9.huge"),
        ("service: ec2", "service: s3"),
        ("count: 12", "count: 1001"),
        ("count: 12", "count: 12\n    namespace: Kube System"),
        ("  account: \"4", "  endpointName: api..demo\n  account: \"4"),
        ("127.0.0.1:0", "0.0.0.0:80"),
        ("127.0.0.1:0", "localhost"),
    ]));
}

#[test]
fn agent_environment() {
    insta::assert_snapshot!(refusals(&[
        ("IP_COOLDOWN_PERIOD: 1", "IP_COOLDOWN_PERIODE: 1"),
        ("IP_COOLDOWN_PERIOD: 1", "IP_COOLDOWN_PERIOD: 1s"),
        ("IP_COOLDOWN_PERIOD: 1", "IP_COOLDOWN_PERIOD: true"),
        ("IP_COOLDOWN_PERIOD: 1", "POD_MTU: 9002"),
        ("IP_COOLDOWN_PERIOD: 1", "AWS_VPC_K8S_CNI_VETHPREFIX: vlan"),
        ("IP_COOLDOWN_PERIOD: 1", "AWS_ENDPOINT_URL_EC2: http://10.10.1.5"),
        ("IP_COOLDOWN_PERIOD: 1", "PATH: /bin"),
        ("  env:\n    IP_COOLDOWN_PERIOD: 1", "  env: [1]"),
    ]));
}

#[test]
fn address_space() {
    insta::assert_snapshot!(refusals(&[
        ("10.10.0.0/16", "10.10.0.0"),
        ("10.10.0.0/16", "10.10.0.1/16"),
        ("10.10.0.0/16", "10.0.0.0/8"),
        ("10.10.0.0/16", "169.254.0.0/16"),
        ("10.10.3.0/28", "10.10.3.0/29"),
        ("10.10.3.0/28", "10.11.3.0/28"),
        ("10.10.3.0/28", "10.10.1.16/28"),
        ("10.10.3.0/28", "10.10.1.0/24"),
        ("10.10.3.0/28", "fd00::/64"),
    ]));
    insta::assert_snapshot!(
        "a_bad_vpc_hides_no_bad_subnet",
        refusal(&[
            ("10.10.0.0/16", "10.0.0.0/8"),
            ("10.10.1.0/24", "10.10.3.0/24"),
            ("us-west-2a", "us-west-3a"),
            (
                "subnets:\n",
                "subnets:\n  - {name: x, cidr: 10.9.0.0/29, availabilityZone: us-west-2a}\n"
            ),
        ])
    );
    let nodes: String = (0..9)
        .map(|n| format!("  - {{name: x{n}, instanceType: t3.small, subnet: tight-b}}\n"))
        .collect();
    insta::assert_snapshot!(
        "more_primaries_than_addresses",
        refusal(&[
            ("nodes:\n", &format!("nodes:\n{nodes}")),
            ("subnet: nodes-a", "subnet: tight-b")
        ])
    );
}

#[test]
fn a_control_plane_needs_six_addresses_of_each_subnet() {
    let text = |more: usize| {
        let node = |n| format!("  - {{name: x{n}, instanceType: t3.small, subnet: tight-b}}\n");
        let nodes: String = (0..more).map(node).collect();
        format!("{MINIMAL_WITH_X_ENIS}{nodes}")
    };
    Topology::from_yaml(&text(5)).unwrap();
    let error = Topology::from_yaml(&text(6)).unwrap_err().to_string();
    let expected = "lab.yaml:8: controlPlane.subnets[1]: tight-b has 5 addresses left beside its \
                    nodes and endpoints; a control plane needs at least 6 in each of its subnets";
    assert!(error.contains(expected), "{error}");
}

const MINIMAL_WITH_X_ENIS: &str = "\
account: '111122223333'
region: us-west-2
vpc: {cidr: 10.10.0.0/16}
subnets:
  - {name: nodes-a, cidr: 10.10.1.0/24, availabilityZone: us-west-2a}
  - {name: tight-b, cidr: 10.10.3.0/28, availabilityZone: us-west-2b}
controlPlane:
  {name: demo, account: '444455556666', subnets: [nodes-a, tight-b]}
endpoints: [{service: ec2, subnet: nodes-a}]
nodes:
  - {name: first, instanceType: t3.small, subnet: nodes-a}
";

#[test]
fn references() {
    insta::assert_snapshot!(refusals(&[
        ("    subnet: tight-b", "    subnet: tigth-b"),
        ("    subnet: tight-b", "    subnet: public"),
        ("- node: node-1", "- node: worker"),
        ("name: tight-b", "name: nodes-a"),
        ("name: node-2", "name: node-1"),
        ("name: node-2", "name: router"),
        ("count: 12", "count: 12\n    namePrefix: node"),
        ("\"444455556666\"", "\"111122223333\""),
        ("[nodes-a, tight-b]", "[nodes-a]"),
        ("[nodes-a, tight-b]", "[nodes-a, nodes-a]"),
        ("endpoints:\n  - service: ec2\n    subnet: nodes-a\n", ""),
        ("  - service: ec2", "  - {service: ec2, subnet: tight-b}\n  - service: ec2"),
    ]));
}

#[test]
fn yaml() {
    insta::assert_snapshot!(refusals(&[
        ("nodes:", "nodes: ["),
        ("nodes:", "nodes: *none\nx:"),
        ("nodes:", "---\nnodes:"),
        ("nodes:", "!ruby/object:Gem nodes:"),
        ("name: demo", "\"name: demo"),
        ("name: demo", "- name"),
    ]));
    let texts = ["", "# nothing\n", "12", "[]", "a: &a [*a]", "? [x]\n: y"];
    let answers = texts
        .map(|text| format!("{text:?}\n{}\n", Topology::from_yaml(text).expect_err("refused")));
    insta::assert_snapshot!("not_a_mapping", answers.concat());
}

/// One line below `requests:` that is wrong, per line of a snapshot.
#[test]
fn requests() {
    let wrong = [
        "profile: realstic",
        "throttle: yes",
        "share: 0",
        "latency: 100",
        "latency: {DescribeSubnet: 100}",
        "latency: {'*': 500-100}",
        "latency: {CreateTags: 60001}",
        "newEniDelay: soon",
        "newEniDelay: -1",
        "metadataDelay: 600001",
        "metadataHalfVisible: 101",
        "deny: CreateTags",
        "deny: [CreateTag]",
        "delay: 1",
    ];
    let api = "api:\n";
    let edits: Vec<String> =
        wrong.iter().map(|line| format!("requests:\n  {line}\napi:\n")).collect();
    let edits: Vec<(&str, &str)> = edits.iter().map(|edit| (api, edit.as_str())).collect();
    insta::assert_snapshot!(refusals(&edits));
}

#[test]
fn security_groups() {
    let with = |groups: &str| format!("securityGroups: [{groups}]\nendpoints:\n");
    let group = |rest: &str| with(&format!("{{name: web, {rest}}}"));
    let ingress = |rule: &str| group(&format!("ingress: [{{{rule}}}]"));
    let files = [
        with("{}"),
        with("{name: default}, {name: a}, {name: a}"),
        group("inbound: []"),
        ingress("protocol: tcp, ports: 443-80, from: self"),
        ingress("protocol: icmp, ports: 8, from: self"),
        ingress("protocol: tpc, from: 10.0.0.1/8"),
        ingress("protocol: 300, from: wbe"),
        ingress("protocol: tcp, to: self"),
        group("egress: [{protocol: all, from: self}]"),
    ];
    let edits: Vec<(&str, &str)> = files.iter().map(|to| ("endpoints:\n", to.as_str())).collect();
    let nodes = [
        (
            "    subnet: nodes-a\n  - name: node-2",
            "    subnet: nodes-a\n    securityGroups: [clutser]\n  - name: node-2",
        ),
        (
            "    subnet: nodes-a\n  - name: node-2",
            "    subnet: nodes-a\n    securityGroups: [default, default]\n  - name: node-2",
        ),
        (
            "    subnet: nodes-a\n  - name: node-2",
            "    subnet: nodes-a\n    securityGroups: default\n  - name: node-2",
        ),
    ];
    insta::assert_snapshot!(refusals(&[edits, nodes.to_vec()].concat()));
}

#[test]
fn security_groups_are_read() {
    let text = GOOD.replacen(
        "endpoints:\n",
        "securityGroups:\n  - name: web\n    ingress:\n      - {protocol: tcp, ports: 80-443, from: self}\n      \
         - {protocol: 4, from: cluster}\n    egress: [{protocol: 6, to: 10.10.0.0/16}]\nendpoints:\n",
        1,
    );
    let lab = Topology::from_yaml(&text).expect("valid");
    let [web] = lab.security_groups.as_slice() else { panic!("{:?}", lab.security_groups) };
    let shown = format!("{web:?}");
    for part in [
        "Tcp(PortRange { first: 80, last: 443 }), peer: Group(\"web\")",
        "Protocol(4), peer: Group(\"cluster\")",
        "egress: Some([Rule { traffic: Tcp(PortRange { first: 0, last: 65535 }), peer: Block(10.10.0.0/16) }])",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}
