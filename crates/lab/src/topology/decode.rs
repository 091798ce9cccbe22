//! Nodes → typed values: which keys exist, which are required, and what each may say.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ipnet::Ipv4Net;
use vpc::instance_types::InstanceType;
use vpc::{AccountId, AvailabilityZone};

use super::fields::{Cursor, Located, Problems};
use super::security_groups::{self, DraftGroup};
use super::tree::Node as YamlNode;
use super::{
    Agent, Api, ControlPlane, Endpoint, Node, PodSet, Service, Subnet, Topology, Vpc, agent_env,
    check, requests, values,
};
use crate::requests::RequestPolicy;

const DEFAULT_NAME: &str = "lab";
const DEFAULT_SEED: u64 = 1;
const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// EC2's default quota of subnets per VPC.
pub(super) const MAX_SUBNETS: usize = 200;
/// What one machine carries comfortably: each node is a namespace with an agent process.
pub(super) const MAX_NODES: usize = 100;
/// Entries of `pods`; also bounds the pods of one entry.
pub(super) const MAX_PODS: usize = 1_000;
const MAX_ENDPOINTS: usize = 16;
/// EKS places two to four X-ENIs.
const MAX_X_ENIS: usize = 4;

/// A file whose values are typed but not yet compared with each other. `None` stands for a value
/// that has been reported.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) account: Option<Located<AccountId>>,
    pub(super) region: Option<Located<String>>,
    pub(super) vpc_cidr: Option<Located<Ipv4Net>>,
    pub(super) subnets: Vec<DraftSubnet>,
    /// Whether `subnets` has all subnets of the file, even if parts of them are missing.
    pub(super) subnets_complete: bool,
    pub(super) security_groups: Vec<DraftGroup>,
    pub(super) control_plane: Option<DraftControlPlane>,
    pub(super) endpoints: Vec<DraftEndpoint>,
    pub(super) nodes: Vec<DraftNode>,
    /// As `subnets_complete`.
    pub(super) nodes_complete: bool,
    pub(super) nodes_at: Option<Located<()>>,
    pub(super) pods: Vec<DraftPods>,
    pub(super) api_listen: Option<Located<SocketAddr>>,
    pub(super) requests: RequestPolicy,
}

#[derive(Debug)]
pub(super) struct DraftSubnet {
    pub(super) name: Option<Located<String>>,
    pub(super) cidr: Option<Located<Ipv4Net>>,
    pub(super) availability_zone: Option<Located<AvailabilityZone>>,
}

#[derive(Debug)]
pub(super) struct DraftControlPlane {
    pub(super) name: Option<Located<String>>,
    pub(super) account: Option<Located<AccountId>>,
    pub(super) endpoint_name: Option<Located<String>>,
    pub(super) subnets_at: Option<Located<()>>,
    pub(super) subnets: Vec<Located<String>>,
    pub(super) subnets_complete: bool,
}

#[derive(Debug)]
pub(super) struct DraftEndpoint {
    pub(super) service: Option<Located<Service>>,
    pub(super) subnet: Option<Located<String>>,
}

#[derive(Debug)]
pub(super) struct DraftNode {
    pub(super) name: Option<Located<String>>,
    pub(super) instance_type: Option<Located<&'static InstanceType>>,
    pub(super) subnet: Option<Located<String>>,
    pub(super) security_groups: Vec<Located<String>>,
    pub(super) env: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(super) struct DraftPods {
    pub(super) node: Option<Located<String>>,
    pub(super) count: Option<Located<u32>>,
    pub(super) namespace: String,
    /// Without one in the file, the node's name and `pod`.
    pub(super) name_prefix: Option<String>,
}

/// Reads a whole file. Returns a value even when `problems` were found, if enough was readable;
/// only a value without problems may be used.
pub(super) fn topology(root: &YamlNode, problems: &mut Problems) -> Option<Topology> {
    const KEYS: &[&str] = &[
        "name",
        "seed",
        "account",
        "region",
        "vpc",
        "subnets",
        "securityGroups",
        "controlPlane",
        "endpoints",
        "agent",
        "nodes",
        "pods",
        "api",
        "requests",
    ];
    let fields = Cursor::root(root).fields(KEYS, problems)?;
    let name = fields.optional("name").map(|at| at.parse(problems, values::name));
    let seed = fields.optional("seed").map(|at| at.number(0, u64::MAX, problems));
    let env = fields.optional("agent").map(|at| agent(&at, problems)).unwrap_or_default();
    let (subnets, subnets_complete) =
        each(fields.required("subnets", problems), "subnets", MAX_SUBNETS, problems, subnet);
    let nodes_at = fields.optional("nodes");
    let (nodes, nodes_complete) =
        each(nodes_at.clone(), "nodes", MAX_NODES, problems, |at, problems| {
            node(at, &env, problems)
        });
    let (endpoints, _) =
        each(fields.optional("endpoints"), "endpoints", MAX_ENDPOINTS, problems, endpoint);
    let (pods, _) = each(fields.optional("pods"), "pods", MAX_PODS, problems, pods);
    let draft = Draft {
        account: fields
            .required("account", problems)
            .and_then(|at| at.parse(problems, values::account)),
        region: fields
            .required("region", problems)
            .and_then(|at| at.parse(problems, values::region)),
        vpc_cidr: fields.required("vpc", problems).and_then(|at| vpc_cidr(&at, problems)),
        subnets,
        subnets_complete,
        security_groups: security_groups::groups(&fields, problems),
        control_plane: fields.optional("controlPlane").and_then(|at| control_plane(&at, problems)),
        endpoints,
        nodes,
        nodes_complete,
        nodes_at: nodes_at.map(|at| at.located(())),
        pods,
        api_listen: fields.optional("api").and_then(|at| api_listen(&at, problems)),
        requests: fields
            .optional("requests")
            .and_then(|at| requests::requests(&at, problems))
            .unwrap_or_default(),
    };
    check::all(&draft, problems);
    finish(
        draft,
        name.map_or(Some(DEFAULT_NAME.to_owned()), |name| name.map(|name| name.value)),
        seed.map_or(Some(DEFAULT_SEED), |seed| seed.map(|seed| seed.value)),
    )
}

/// The draft as a topology, if nothing in it is missing.
fn finish(draft: Draft, name: Option<String>, seed: Option<u64>) -> Option<Topology> {
    let control_plane = match draft.control_plane {
        Some(draft) => {
            let name = draft.name?.value;
            let default_endpoint = format!("api.{name}.internal");
            Some(ControlPlane {
                account: draft.account?.value,
                endpoint_name: draft.endpoint_name.map_or(default_endpoint, |name| name.value),
                subnets: draft.subnets.into_iter().map(|subnet| subnet.value).collect(),
                name,
            })
        }
        None => None,
    };
    let subnets = draft.subnets.into_iter().map(|subnet| {
        Some(Subnet {
            name: subnet.name?.value,
            cidr: subnet.cidr?.value,
            availability_zone: subnet.availability_zone?.value,
        })
    });
    let endpoints = draft.endpoints.into_iter().map(|endpoint| {
        Some(Endpoint { service: endpoint.service?.value, subnet: endpoint.subnet?.value })
    });
    let nodes = draft.nodes.into_iter().map(|node| {
        Some(Node {
            name: node.name?.value,
            instance_type: node.instance_type?.value,
            subnet: node.subnet?.value,
            security_groups: node.security_groups.into_iter().map(|name| name.value).collect(),
            agent: Agent { env: node.env },
        })
    });
    let pods = draft.pods.into_iter().map(|set| {
        let node = set.node?.value;
        Some(PodSet {
            count: set.count?.value,
            namespace: set.namespace,
            name_prefix: set.name_prefix.unwrap_or_else(|| format!("{node}-pod")),
            node,
        })
    });
    Some(Topology {
        name: name?,
        seed: seed?,
        account: draft.account?.value,
        region: draft.region?.value,
        vpc: Vpc { cidr: draft.vpc_cidr?.value },
        subnets: subnets.collect::<Option<_>>()?,
        security_groups: security_groups::finish(draft.security_groups)?,
        control_plane,
        endpoints: endpoints.collect::<Option<_>>()?,
        nodes: nodes.collect::<Option<_>>()?,
        pods: pods.collect::<Option<_>>()?,
        requests: draft.requests,
        api: Api { listen: draft.api_listen.map_or(DEFAULT_LISTEN, |listen| listen.value) },
    })
}

// The sections of the file, in its order.

/// Reads each item of a list, if there is one, with `read`. Leaves out those that are not what
/// they should be; the second value says whether none was.
pub(super) fn each<'a, T>(
    at: Option<Cursor<'a>>,
    what: &str,
    max: usize,
    problems: &mut Problems,
    mut read: impl FnMut(&Cursor<'a>, &mut Problems) -> Option<T>,
) -> (Vec<T>, bool) {
    let Some(at) = at else { return (Vec::new(), true) };
    let Some(items) = at.items(what, max, problems) else { return (Vec::new(), false) };
    let values: Vec<T> = items.iter().filter_map(|item| read(item, problems)).collect();
    let complete = values.len() == items.len();
    (values, complete)
}

fn vpc_cidr(at: &Cursor<'_>, problems: &mut Problems) -> Option<Located<Ipv4Net>> {
    let fields = at.fields(&["cidr"], problems)?;
    fields.required("cidr", problems)?.parse(problems, values::cidr)
}

fn subnet(at: &Cursor<'_>, problems: &mut Problems) -> Option<DraftSubnet> {
    let fields = at.fields(&["name", "cidr", "availabilityZone"], problems)?;
    Some(DraftSubnet {
        name: fields.required("name", problems).and_then(|at| at.parse(problems, values::name)),
        cidr: fields.required("cidr", problems).and_then(|at| at.parse(problems, values::cidr)),
        availability_zone: fields
            .required("availabilityZone", problems)
            .and_then(|at| at.parse(problems, values::availability_zone)),
    })
}

fn control_plane(at: &Cursor<'_>, problems: &mut Problems) -> Option<DraftControlPlane> {
    let fields = at.fields(&["name", "account", "endpointName", "subnets"], problems)?;
    let subnets_at = fields.required("subnets", problems);
    let (subnets, subnets_complete) =
        each(subnets_at.clone(), "subnets", MAX_X_ENIS, problems, |at, problems| {
            at.parse(problems, values::name)
        });
    Some(DraftControlPlane {
        name: fields.required("name", problems).and_then(|at| at.parse(problems, values::name)),
        account: fields
            .required("account", problems)
            .and_then(|at| at.parse(problems, values::account)),
        endpoint_name: fields
            .optional("endpointName")
            .and_then(|at| at.parse(problems, values::dns_name)),
        subnets_at: subnets_at.map(|at| at.located(())),
        subnets,
        subnets_complete,
    })
}

fn endpoint(at: &Cursor<'_>, problems: &mut Problems) -> Option<DraftEndpoint> {
    let fields = at.fields(&["service", "subnet"], problems)?;
    Some(DraftEndpoint {
        service: fields
            .required("service", problems)
            .and_then(|at| at.parse(problems, values::service)),
        subnet: fields.required("subnet", problems).and_then(|at| at.parse(problems, values::name)),
    })
}

fn node(
    at: &Cursor<'_>,
    lab_env: &BTreeMap<String, String>,
    problems: &mut Problems,
) -> Option<DraftNode> {
    let fields =
        at.fields(&["name", "instanceType", "subnet", "securityGroups", "agent"], problems)?;
    let own_env = fields.optional("agent").map(|at| agent(&at, problems)).unwrap_or_default();
    let mut env = lab_env.clone();
    env.extend(own_env);
    Some(DraftNode {
        name: fields.required("name", problems).and_then(|at| at.parse(problems, values::name)),
        instance_type: fields
            .required("instanceType", problems)
            .and_then(|at| at.parse(problems, values::instance_type)),
        subnet: fields.required("subnet", problems).and_then(|at| at.parse(problems, values::name)),
        security_groups: security_groups::of_node(&fields, problems),
        env,
    })
}

fn agent(at: &Cursor<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let env = at.fields(&["env"], problems).and_then(|fields| fields.optional("env"));
    let Some(env) = env else { return BTreeMap::new() };
    let mut variables = BTreeMap::new();
    for (name, at) in env.entries("a mapping of environment variables", problems) {
        let checked = at.parse(problems, |value| agent_env::check(name, value));
        variables.extend(checked.map(|value| (name.to_owned(), value.value)));
    }
    variables
}

fn pods(at: &Cursor<'_>, problems: &mut Problems) -> Option<DraftPods> {
    let fields = at.fields(&["node", "count", "namespace", "namePrefix"], problems)?;
    Some(DraftPods {
        node: fields.required("node", problems).and_then(|at| at.parse(problems, values::name)),
        count: fields.required("count", problems).and_then(|at| {
            let count = at.number(0, MAX_PODS as u64, problems)?;
            u32::try_from(count.value).ok().map(|value| at.located(value))
        }),
        namespace: fields
            .optional("namespace")
            .and_then(|at| at.parse(problems, values::namespace))
            .map_or_else(|| "default".to_owned(), |namespace| namespace.value),
        name_prefix: fields
            .optional("namePrefix")
            .and_then(|at| at.parse(problems, values::name_prefix))
            .map(|prefix| prefix.value),
    })
}

fn api_listen(at: &Cursor<'_>, problems: &mut Problems) -> Option<Located<SocketAddr>> {
    let fields = at.fields(&["listen"], problems)?;
    fields.optional("listen")?.parse(problems, values::loopback_address)
}
