//! Creating VPCs, subnets and security groups.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::World;
use crate::security_group::{self, DEFAULT_NAME};
use crate::subnet::AddressSpace;
use crate::vpc_cidr_rules::{is_block_size, unusable};
use crate::{
    AccountId, Error, SecurityGroup, SecurityGroupId, SecurityGroupSpec, Subnet, SubnetId,
    SubnetSpec, Tags, Vpc, VpcAttributes, VpcCidr, VpcId, VpcSpec, tags,
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

    /// Creates a security group without rules.
    ///
    /// # Errors
    /// There is no such VPC, it has a group of that name, the name, description or tags break a
    /// rule, or the VPC's account has its quota of security groups.
    pub fn create_security_group(
        &mut self,
        spec: SecurityGroupSpec,
    ) -> Result<SecurityGroupId, Error> {
        let owner = self.vpc(&spec.vpc)?.owner.clone();
        if let Some(problem) = security_group::name_problem(&spec.name) {
            return Err(Error::InvalidSecurityGroupName { name: spec.name, problem });
        }
        if let Some(problem) = security_group::description_problem(&spec.description) {
            let description = spec.description;
            return Err(Error::InvalidSecurityGroupDescription { description, problem });
        }
        if self.security_groups.values().any(|g| g.vpc == spec.vpc && g.name == spec.name) {
            return Err(Error::SecurityGroupDuplicate { vpc: spec.vpc, name: spec.name });
        }
        tags::check(&spec.tags)?;
        self.check_security_group_quota(&owner)?;
        Ok(self.add_security_group(spec, owner))
    }

    /// The security groups of a new or changed ENI of the VPC: those given, each once; the
    /// default group if none is given.
    pub(super) fn security_groups_for(
        &self,
        vpc: &Vpc,
        groups: Vec<SecurityGroupId>,
    ) -> Result<Vec<SecurityGroupId>, Error> {
        if groups.is_empty() {
            return Ok(vec![vpc.default_security_group.clone()]);
        }
        let mut unique: Vec<SecurityGroupId> = Vec::with_capacity(groups.len());
        for group in groups {
            let group_vpc = &self.security_group(&group)?.vpc;
            if *group_vpc != vpc.id {
                let (group_vpc, vpc) = (group_vpc.clone(), vpc.id.clone());
                return Err(Error::SecurityGroupOtherVpc { group, group_vpc, vpc });
            }
            if !unique.contains(&group) {
                unique.push(group);
            }
        }
        let (requested, limit) = (unique.len(), self.quotas.security_groups_per_eni);
        if requested > limit as usize {
            return Err(Error::SecurityGroupsPerEniLimitExceeded { requested, limit });
        }
        Ok(unique)
    }

    fn add_security_group(&mut self, spec: SecurityGroupSpec, owner: AccountId) -> SecurityGroupId {
        let id = self.new_security_group_id();
        let group = SecurityGroup {
            id: id.clone(),
            vpc: spec.vpc,
            owner,
            name: spec.name,
            description: spec.description,
            tags: spec.tags,
        };
        self.security_groups.insert(id.clone(), group);
        id
    }

    fn check_security_group_quota(&self, owner: &AccountId) -> Result<(), Error> {
        let limit = self.quotas.security_groups;
        let owned = self.security_groups.values().filter(|group| group.owner == *owner).count();
        if owned >= limit as usize {
            return Err(Error::SecurityGroupLimitExceeded { owner: owner.clone(), limit });
        }
        Ok(())
    }

    /// A subnet of the VPC that shares addresses with the block. Blocks either nest or are apart,
    /// so it is the one that begins last at or below the block's last address, if any.
    fn overlapping_subnet(&self, vpc: &Vpc, cidr: Ipv4Net) -> Option<(SubnetId, Ipv4Net)> {
        let (_, id) = vpc.subnets.range(..=cidr.broadcast()).next_back()?;
        let other = self.subnets.get(id)?.cidr;
        (other.contains(&cidr) || cidr.contains(&other)).then(|| (id.clone(), other))
    }
}
