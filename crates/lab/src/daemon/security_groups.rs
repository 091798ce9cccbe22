//! The security groups a lab begins with: the cluster's, the endpoint's, and the topology's.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use vpc::{
    Direction, Peer, Permission, PortRange, SecurityGroupId, SecurityGroupSpec, Tags, Traffic,
    VpcId, World,
};

use crate::topology::{CLUSTER, DEFAULT, ENDPOINT, Node, Rule, RulePeer, Service, Topology};

/// The port of the EC2 API in the VPC.
const ENDPOINT_PORT: u16 = 80;

/// Security groups by the names of the topology.
#[derive(Debug, Default)]
pub struct Groups(BTreeMap<String, SecurityGroupId>);

impl Groups {
    /// Makes the groups of a new VPC.
    ///
    /// # Errors
    /// A rule of EC2 that the topology's own checks leave out.
    pub fn create(world: &mut World, vpc: &VpcId, topology: &Topology) -> anyhow::Result<Self> {
        let mut groups = Self::default();
        let default = world.vpc(vpc)?.default_security_group.clone();
        groups.0.insert(DEFAULT.to_owned(), default);
        if let Some(control_plane) = &topology.control_plane {
            groups.create_cluster_group(world, vpc, &control_plane.name)?;
        }
        if topology.endpoints.iter().any(|endpoint| endpoint.service == Service::Ec2) {
            let group = make(world, vpc, ENDPOINT, "EC2 API endpoint", Tags::new())?;
            let everyone = Peer::Ipv4(topology.vpc.cidr);
            let port = PortRange::new(ENDPOINT_PORT, ENDPOINT_PORT);
            let port = port.ok_or_else(|| anyhow!("{ENDPOINT_PORT} is not a port"))?;
            allow(world, &group, [(Direction::Ingress, Traffic::Tcp(port), everyone)])?;
            groups.0.insert(ENDPOINT.to_owned(), group);
        }
        for told in &topology.security_groups {
            let group = make(world, vpc, &told.name, &told.name, Tags::new())?;
            groups.0.insert(told.name.clone(), group);
        }
        // Rules name groups that come later in the file, too.
        for told in &topology.security_groups {
            groups.add_rules(world, told).with_context(|| format!("group {}", told.name))?;
        }
        Ok(groups)
    }

    /// The groups of a node: those it names, else the cluster's, else the VPC's default.
    ///
    /// # Errors
    /// A name that the topology's own checks leave out.
    pub fn of_node(&self, node: &Node) -> anyhow::Result<Vec<SecurityGroupId>> {
        if node.security_groups.is_empty() {
            return Ok(self.of_x_eni());
        }
        node.security_groups.iter().map(|name| self.named(name)).collect()
    }

    /// The groups of an X-ENI.
    #[must_use]
    pub fn of_x_eni(&self) -> Vec<SecurityGroupId> {
        self.0.get(CLUSTER).cloned().into_iter().collect()
    }

    /// The cluster's group.
    ///
    /// # Errors
    /// There is no control plane.
    pub fn cluster(&self) -> anyhow::Result<SecurityGroupId> {
        self.named(CLUSTER)
    }

    /// The groups of the EC2 endpoint's ENI.
    #[must_use]
    pub fn of_endpoint(&self) -> Vec<SecurityGroupId> {
        self.0.get(ENDPOINT).cloned().into_iter().collect()
    }

    fn named(&self, name: &str) -> anyhow::Result<SecurityGroupId> {
        self.0.get(name).cloned().ok_or_else(|| anyhow!("no security group is called {name}"))
    }

    /// The group that EKS makes for a cluster: its members are X-ENIs and nodes, which may all
    /// talk to each other (EKS user guide, "Amazon EKS security group requirements").
    fn create_cluster_group(
        &mut self,
        world: &mut World,
        vpc: &VpcId,
        cluster: &str,
    ) -> anyhow::Result<()> {
        // EKS ends the name with a number of its own; this one follows from the VPC.
        let digits = vpc.as_str().get(vpc.as_str().len().saturating_sub(8)..);
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let name = format!("eks-cluster-sg-{cluster}-{}", number.unwrap_or_default());
        let tags = Tags::from([
            ("Name".to_owned(), name.clone()),
            (format!("kubernetes.io/cluster/{cluster}"), "owned".to_owned()),
        ]);
        let description = "EKS created security group applied to ENI that is attached to EKS \
                           Control Plane master nodes, as well as any managed workloads.";
        let group = make(world, vpc, &name, description, tags)?;
        let members = Peer::Group(group.clone());
        allow(world, &group, [(Direction::Ingress, Traffic::All, members)])?;
        self.0.insert(CLUSTER.to_owned(), group);
        Ok(())
    }

    fn add_rules(
        &self,
        world: &mut World,
        told: &crate::topology::SecurityGroup,
    ) -> anyhow::Result<()> {
        let group = self.named(&told.name)?;
        let mut rules = self.rules(Direction::Ingress, &told.ingress)?;
        if let Some(egress) = &told.egress {
            let everything = Permission {
                direction: Direction::Egress,
                traffic: Traffic::All,
                peer: Peer::ANY_IPV4,
            };
            world.revoke(&group, &[everything])?;
            rules.extend(self.rules(Direction::Egress, egress)?);
        }
        allow(world, &group, rules)
    }

    fn rules(
        &self,
        direction: Direction,
        rules: &[Rule],
    ) -> anyhow::Result<Vec<(Direction, Traffic, Peer)>> {
        let rule = |rule: &Rule| {
            let peer = match &rule.peer {
                RulePeer::Block(block) => Peer::Ipv4(*block),
                RulePeer::Group(name) => Peer::Group(self.named(name)?),
            };
            Ok((direction, rule.traffic, peer))
        };
        rules.iter().map(rule).collect()
    }
}

fn make(
    world: &mut World,
    vpc: &VpcId,
    name: &str,
    description: &str,
    tags: Tags,
) -> anyhow::Result<SecurityGroupId> {
    let spec = SecurityGroupSpec {
        vpc: vpc.clone(),
        name: name.to_owned(),
        description: description.to_owned(),
        tags,
    };
    world.create_security_group(spec).with_context(|| format!("security group {name}"))
}

fn allow(
    world: &mut World,
    group: &SecurityGroupId,
    rules: impl IntoIterator<Item = (Direction, Traffic, Peer)>,
) -> anyhow::Result<()> {
    let spec = |(direction, traffic, peer)| Permission { direction, traffic, peer }.into();
    world.authorize(group, rules.into_iter().map(spec).collect())?;
    Ok(())
}
