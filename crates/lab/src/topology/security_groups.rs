//! `securityGroups`: the groups of the file, and the nodes that are in them.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use vpc::{Direction, IcmpKind, PortRange, Traffic};

use super::check::{known_name, unique};
use super::decode::{Draft, each};
use super::fields::{Cursor, Fields, Located, Problems, list, quoted};
use super::values;

/// Groups of a file; EC2 has a quota of 2,500 per account.
const MAX_GROUPS: usize = 100;
/// EC2's default quota of rules per group and direction.
const MAX_RULES: usize = 60;
/// EC2's default quota of groups per ENI.
const MAX_PER_NODE: usize = 5;
/// The VPC's own group.
pub const DEFAULT: &str = "default";
/// The group of the control plane's X-ENIs and, unless they say otherwise, of the nodes.
pub const CLUSTER: &str = "cluster";
/// The group of the EC2 endpoint's ENI.
pub const ENDPOINT: &str = "ec2-endpoint";
/// How a rule names its own group.
const OWN: &str = "self";

/// A security group of the VPC.
#[derive(Clone, Debug, PartialEq)]
pub struct SecurityGroup {
    /// Its name.
    pub name: String,
    /// What it lets in.
    pub ingress: Vec<Rule>,
    /// What it lets out; `None` for everything, as EC2 does for a new group.
    pub egress: Option<Vec<Rule>>,
}

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Of which protocol.
    pub traffic: Traffic,
    /// From or to whom.
    pub peer: RulePeer,
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum RulePeer {
    /// A CIDR block.
    Block(Ipv4Net),
    /// The members of the group of this name.
    Group(String),
}

#[derive(Debug)]
pub(super) struct DraftGroup {
    pub(super) name: Option<Located<String>>,
    ingress: Vec<DraftRule>,
    egress: Option<Vec<DraftRule>>,
}

#[derive(Debug)]
struct DraftRule {
    traffic: Option<Traffic>,
    peer: Option<Located<RulePeer>>,
}

/// The groups of the file.
pub(super) fn groups(fields: &Fields<'_>, problems: &mut Problems) -> Vec<DraftGroup> {
    let at = fields.optional("securityGroups");
    each(at, "security groups", MAX_GROUPS, problems, group).0
}

/// The names of a node's groups.
pub(super) fn of_node(fields: &Fields<'_>, problems: &mut Problems) -> Vec<Located<String>> {
    let at = fields.optional("securityGroups");
    let read = |at: &Cursor<'_>, problems: &mut Problems| at.parse(problems, values::name);
    each(at, "security groups", MAX_PER_NODE, problems, read).0
}

fn group(at: &Cursor<'_>, problems: &mut Problems) -> Option<DraftGroup> {
    let fields = at.fields(&["name", "ingress", "egress"], problems)?;
    let name = fields.required("name", problems).and_then(|at| at.parse(problems, values::name));
    let own = name.as_ref().map(|name| name.value.clone());
    let mut rules = |key: &str, direction: Direction| {
        let at = fields.optional(key)?;
        let read = |at: &Cursor<'_>, problems: &mut Problems| {
            rule(at, direction, own.as_deref(), problems)
        };
        Some(each(Some(at), "rules", MAX_RULES, problems, read).0)
    };
    let ingress = rules("ingress", Direction::Ingress).unwrap_or_default();
    let egress = rules("egress", Direction::Egress);
    Some(DraftGroup { name, ingress, egress })
}

fn rule(
    at: &Cursor<'_>,
    direction: Direction,
    own: Option<&str>,
    problems: &mut Problems,
) -> Option<DraftRule> {
    let peer_key = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let fields = at.fields(&["protocol", "ports", peer_key], problems)?;
    let protocol =
        fields.required("protocol", problems).and_then(|at| at.parse(problems, protocol));
    let ports_at = fields.optional("ports");
    let given = ports_at.as_ref().map(|at| at.parse(problems, ports));
    let traffic = match (protocol.map(|protocol| protocol.value), given) {
        (Some(Traffic::Tcp(_)), Some(Some(ports))) => Some(Traffic::Tcp(ports.value)),
        (Some(Traffic::Udp(_)), Some(Some(ports))) => Some(Traffic::Udp(ports.value)),
        (Some(_), Some(Some(ports))) => {
            problems.refuse(&ports, "only tcp and udp have ports; leave this key out");
            None
        }
        (traffic, None) => traffic,
        (_, Some(None)) | (None, _) => None,
    };
    let peer = fields
        .required(peer_key, problems)
        .and_then(|at| at.parse(problems, |text| peer(text, own)));
    Some(DraftRule { traffic, peer })
}

fn protocol(text: &str) -> Result<Traffic, String> {
    match text {
        "all" => Ok(Traffic::All),
        "tcp" => Ok(Traffic::Tcp(PortRange::ALL)),
        "udp" => Ok(Traffic::Udp(PortRange::ALL)),
        "icmp" => Ok(Traffic::Icmp(IcmpKind::All)),
        _ => text.parse().map(Traffic::Protocol).map_err(|_| {
            format!(
                "unknown protocol {}; allowed: all, tcp, udp, icmp, or a number from 0 to 255",
                quoted(text)
            )
        }),
    }
    .map(|traffic| match traffic {
        Traffic::Protocol(1) => Traffic::Icmp(IcmpKind::All),
        Traffic::Protocol(6) => Traffic::Tcp(PortRange::ALL),
        Traffic::Protocol(17) => Traffic::Udp(PortRange::ALL),
        other => other,
    })
}

fn ports(text: &str) -> Result<PortRange, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => PortRange::new(first, last),
        _ => None,
    };
    range.ok_or_else(|| {
        format!("{} is not a port or range; allowed: 0 to 65535, as 80 or 8000-8099", quoted(text))
    })
}

fn peer(text: &str, own: Option<&str>) -> Result<RulePeer, String> {
    if text == OWN {
        // A group without a readable name has been reported.
        return Ok(RulePeer::Group(own.unwrap_or(DEFAULT).to_owned()));
    }
    if text.contains(['/', '.']) {
        return values::cidr(text).map(RulePeer::Block);
    }
    values::name(text).map(RulePeer::Group)
}

/// Reports groups and references to them that contradict each other.
pub(super) fn check(draft: &Draft, problems: &mut Problems) {
    let names = || draft.security_groups.iter().filter_map(|group| group.name.as_ref());
    unique("security group", names(), problems);
    for name in names() {
        let taken = [DEFAULT, CLUSTER, ENDPOINT, OWN];
        if taken.contains(&name.value.as_str()) {
            problems.refuse(
                name,
                format!("{} is a name of the lab's own; not allowed: {}", name.value, list(&taken)),
            );
        }
    }
    let mut known: Vec<&str> = names().map(|name| name.value.as_str()).collect();
    known.push(DEFAULT);
    if draft.control_plane.is_some() {
        known.push(CLUSTER);
    }
    let rules = draft
        .security_groups
        .iter()
        .flat_map(|group| group.ingress.iter().chain(group.egress.iter().flatten()));
    for peer in rules.filter_map(|rule| rule.peer.as_ref()) {
        if let RulePeer::Group(name) = &peer.value {
            let named = Located { value: name.clone(), line: peer.line, field: peer.field.clone() };
            known_name("security group", &named, &known, problems);
        }
    }
    for node in &draft.nodes {
        let mut seen = BTreeSet::new();
        for name in &node.security_groups {
            known_name("security group", name, &known, problems);
            if !seen.insert(&name.value) {
                problems.refuse(name, format!("{} is on the list already", name.value));
            }
        }
    }
}

/// The groups, if nothing in them is missing.
pub(super) fn finish(drafts: Vec<DraftGroup>) -> Option<Vec<SecurityGroup>> {
    let rules = |drafts: Vec<DraftRule>| -> Option<Vec<Rule>> {
        let rule =
            |draft: DraftRule| Some(Rule { traffic: draft.traffic?, peer: draft.peer?.value });
        drafts.into_iter().map(rule).collect()
    };
    let group = |draft: DraftGroup| {
        Some(SecurityGroup {
            name: draft.name?.value,
            ingress: rules(draft.ingress)?,
            egress: match draft.egress {
                Some(egress) => Some(rules(egress)?),
                None => None,
            },
        })
    };
    drafts.into_iter().map(group).collect()
}
