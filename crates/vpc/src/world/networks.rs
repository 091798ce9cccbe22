//! Creating VPCs and subnets.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::World;
use super::security_groups::all;
use crate::security_group::DEFAULT_NAME;
use crate::subnet::AddressSpace;
use crate::vpc_cidr_rules::{is_block_size, unusable};
use crate::{
    Direction, Error, Peer, SecurityGroupSpec, Subnet, SubnetId, SubnetSpec, Tags, Vpc,
    VpcAttributes, VpcCidr, VpcId, VpcSpec, tags,
};

impl World {
    /// Creates a VPC with its default security group.
    ///
    /// # Errors
    /// The CIDR block is not a /16 to a /28 or not for hosts, the tags break a rule, or the
    /// account has its quota of VPCs or security groups.
    pub fn create_vpc(&mut self, spec: VpcSpec) -> Result<VpcId, Error> {
        let cidr = spec.cidr.trunc();
        if !is_block_size(cidr) {
            return Err(Error::VpcCidrSize { cidr });
        }
        if let Some(restricted) = unusable(cidr) {
            return Err(Error::VpcCidrRestricted { cidr, restricted });
        }
        tags::check(&spec.tags)?;
        let limit = self.quotas.vpcs;
        let owned = self.vpcs.values().filter(|vpc| vpc.owner == spec.owner).count();
        if owned >= limit as usize {
            return Err(Error::VpcLimitExceeded { owner: spec.owner, limit });
        }
        self.check_security_group_quota(&spec.owner)?;

        let id = self.new_vpc_id();
        let association = self.new_vpc_cidr_association_id();
        let default_security_group = self.add_security_group(
            SecurityGroupSpec {
                vpc: id.clone(),
                name: DEFAULT_NAME.to_owned(),
                description: "default VPC security group".to_owned(),
                tags: Tags::new(),
            },
            spec.owner.clone(),
        );
        // Its members may talk to each other (Amazon VPC user guide, "Default security groups").
        self.add_rules(
            &default_security_group,
            vec![all(Direction::Ingress, Peer::Group(default_security_group.clone()))],
        );
        let vpc = Vpc {
            id: id.clone(),
            owner: spec.owner,
            region: spec.region,
            cidr: VpcCidr { association, block: cidr },
            secondary_cidrs: Vec::new(),
            attributes: VpcAttributes::default(),
            tags: spec.tags,
            default_security_group,
            subnets: BTreeMap::new(),
        };
        self.vpcs.insert(id.clone(), vpc);
        Ok(id)
    }

    /// Creates a subnet.
    ///
    /// # Errors
    /// There is no such VPC; the CIDR block is not a /16 to a /28, not inside the VPC, or overlaps
    /// another subnet; the Availability Zone is of another Region; the tags break a rule; or the
    /// VPC has its quota of subnets.
    pub fn create_subnet(&mut self, spec: SubnetSpec) -> Result<SubnetId, Error> {
        let vpc = self.vpc(&spec.vpc)?;
        let cidr = spec.cidr.trunc();
        if !is_block_size(cidr) {
            return Err(Error::SubnetCidrSize { cidr });
        }
        if !vpc.cidrs().any(|vpc_cidr| vpc_cidr.block.contains(&cidr)) {
            let vpc_cidrs = vpc.cidrs().map(|vpc_cidr| vpc_cidr.block).collect();
            return Err(Error::SubnetOutsideVpc { cidr, vpc: spec.vpc, vpc_cidrs });
        }
        if let Some((conflict, conflict_cidr)) = self.overlapping_subnet(vpc, cidr) {
            return Err(Error::SubnetConflict { cidr, conflict, conflict_cidr });
        }
        let zone = spec.availability_zone;
        if zone.region() != vpc.region {
            return Err(Error::ZoneOutsideRegion { zone, region: vpc.region.clone() });
        }
        tags::check(&spec.tags)?;
        let limit = self.quotas.subnets_per_vpc;
        if vpc.subnets.len() >= limit as usize {
            return Err(Error::SubnetLimitExceeded { vpc: spec.vpc, limit });
        }

        let id = self.new_subnet_id();
        if let Some(vpc) = self.vpcs.get_mut(&spec.vpc) {
            vpc.subnets.insert(cidr.network(), id.clone());
        }
        let subnet = Subnet {
            id: id.clone(),
            vpc: spec.vpc,
            cidr,
            availability_zone_id: zone.zone_id(),
            availability_zone: zone,
            tags: spec.tags,
            map_public_ip_on_launch: false,
            cidr_reservations: BTreeMap::new(),
            space: AddressSpace::new(cidr),
        };
        self.subnets.insert(id.clone(), subnet);
        Ok(id)
    }

    /// A subnet of the VPC that shares addresses with the block. Blocks either nest or are apart,
    /// so it is the one that begins last at or below the block's last address, if any.
    fn overlapping_subnet(&self, vpc: &Vpc, cidr: Ipv4Net) -> Option<(SubnetId, Ipv4Net)> {
        let (_, id) = vpc.subnets.range(..=cidr.broadcast()).next_back()?;
        let other = self.subnets.get(id)?.cidr;
        (other.contains(&cidr) || cidr.contains(&other)).then(|| (id.clone(), other))
    }
}
