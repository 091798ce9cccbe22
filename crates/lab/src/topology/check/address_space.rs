//! The VPC's CIDR and its subnets', judged by the model that will hold them.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use vpc::{AccountId, AvailabilityZone, Error, SubnetSpec, Tags, VpcId, VpcSpec, World};

use crate::topology::decode::{Draft, DraftSubnet};
use crate::topology::fields::{Located, Problems};

/// Reports CIDRs that EC2 would refuse. Returns the usable addresses of the subnets that it would
/// take, by name.
pub(super) fn check<'a>(draft: &'a Draft, problems: &mut Problems) -> BTreeMap<&'a str, u32> {
    let own = draft.vpc_cidr.as_ref().and_then(|cidr| match Ground::new(cidr.value) {
        Some(Ok(ground)) => Some(ground),
        Some(Err(refusal)) => {
            problems.refuse(cidr, refusal.to_string());
            None
        }
        None => None,
    });
    let mut grounds = Grounds { own, substitutes: BTreeMap::new() };
    let mut usable = BTreeMap::new();
    let mut accepted: Vec<(&Located<Ipv4Net>, &DraftSubnet)> = Vec::new();
    for subnet in &draft.subnets {
        let Some(cidr) = &subnet.cidr else { continue };
        let Some(ground) = grounds.of(cidr.value) else { continue };
        match ground.place(cidr.value) {
            Ok(addresses) => {
                usable.extend(subnet.name.as_ref().map(|name| (name.value.as_str(), addresses)));
                accepted.push((cidr, subnet));
            }
            Err(refusal) => problems.refuse(cidr, words(&refusal, &accepted)),
        }
    }
    usable
}

/// The model's words, with names of the file where the model has ids.
fn words(refusal: &Error, accepted: &[(&Located<Ipv4Net>, &DraftSubnet)]) -> String {
    match refusal {
        Error::SubnetOutsideVpc { cidr, vpc_cidrs, .. } => {
            let blocks: Vec<String> = vpc_cidrs.iter().map(ToString::to_string).collect();
            format!("{cidr} is not inside the VPC's CIDR {}", blocks.join(", "))
        }
        Error::SubnetConflict { cidr, conflict_cidr, .. } => {
            let other = accepted.iter().find(|(other, _)| other.value == *conflict_cidr);
            let place = other.map_or_else(String::new, |(other, subnet)| {
                let name = subnet.name.as_ref().map_or("the subnet", |name| &name.value);
                format!(" of {name} on line {}", other.line)
            });
            format!("{cidr} overlaps {conflict_cidr}{place}")
        }
        other => other.to_string(),
    }
}

/// Where subnets are tried out.
struct Grounds {
    /// The file's own VPC, if its CIDR can be used.
    own: Option<Ground>,
    /// Without it, a VPC for every /16 that subnets lie in: wrong sizes and overlaps are then
    /// found all the same, since no subnet is larger than a /16.
    substitutes: BTreeMap<Ipv4Net, Option<Ground>>,
}

impl Grounds {
    fn of(&mut self, subnet: Ipv4Net) -> Option<&mut Ground> {
        if self.own.is_some() {
            return self.own.as_mut();
        }
        let block = Ipv4Net::new(subnet.network(), 16).ok()?.trunc();
        let ground = || Ground::new(block)?.ok();
        self.substitutes.entry(block).or_insert_with(ground).as_mut()
    }
}

/// A VPC in a Region of its own.
struct Ground {
    world: World,
    vpc: VpcId,
    zone: AvailabilityZone,
}

impl Ground {
    /// `None` cannot happen: the account and zone are fixed.
    fn new(cidr: Ipv4Net) -> Option<Result<Self, Error>> {
        let owner: AccountId = "111122223333".parse().ok()?;
        let zone: AvailabilityZone = "us-west-2a".parse().ok()?;
        let mut world = World::new(0);
        let spec = VpcSpec { owner, region: zone.region().to_owned(), cidr, tags: Tags::new() };
        Some(world.create_vpc(spec).map(|vpc| Self { world, vpc, zone }))
    }

    /// Creates a subnet; returns how many addresses ENIs can hold there.
    fn place(&mut self, cidr: Ipv4Net) -> Result<u32, Error> {
        let id = self.world.create_subnet(SubnetSpec {
            vpc: self.vpc.clone(),
            cidr,
            availability_zone: self.zone.clone(),
            tags: Tags::new(),
        })?;
        Ok(self.world.subnet_usage(&id)?.usable)
    }
}
