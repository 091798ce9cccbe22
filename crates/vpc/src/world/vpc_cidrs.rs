//! Further CIDR blocks of a VPC, and its attributes and those of its subnets.

use ipnet::Ipv4Net;

use super::World;
use crate::vpc_cidr_rules::{is_block_size, restriction, unusable};
use crate::{Error, SubnetId, VpcAttribute, VpcCidr, VpcCidrAssociationId, VpcId};

impl World {
    /// Gives a VPC another CIDR block.
    ///
    /// # Errors
    /// There is no such VPC; the block is not a /16 to a /28, not for hosts, restricted beside a
    /// block the VPC has, or overlaps one; or the VPC has its quota of blocks.
    pub fn associate_vpc_cidr(&mut self, vpc: &VpcId, cidr: Ipv4Net) -> Result<VpcCidr, Error> {
        let found = self.vpc(vpc)?;
        let cidr = cidr.trunc();
        if !is_block_size(cidr) {
            return Err(Error::VpcCidrSize { cidr });
        }
        if let Some(restricted) = unusable(cidr) {
            return Err(Error::VpcCidrRestricted { cidr, restricted });
        }
        let overlaps = |other: &Ipv4Net| other.contains(&cidr) || cidr.contains(other);
        if let Some(existing) = found.cidrs().map(|cidr| cidr.block).find(overlaps) {
            return Err(Error::VpcCidrConflict { vpc: vpc.clone(), cidr, existing });
        }
        for existing in found.cidrs().map(|cidr| cidr.block) {
            if let Some(restricted) = restriction(existing, cidr) {
                return Err(Error::VpcCidrFamily { vpc: vpc.clone(), cidr, existing, restricted });
            }
        }
        let limit = self.quotas.cidr_blocks_per_vpc;
        if found.cidrs().count() >= limit as usize {
            return Err(Error::VpcCidrLimitExceeded { vpc: vpc.clone(), limit });
        }

        let new = VpcCidr { association: self.new_vpc_cidr_association_id(), block: cidr };
        let found = self.vpcs.get_mut(vpc).ok_or_else(|| Error::UnknownVpc { vpc: vpc.clone() })?;
        found.secondary_cidrs.push(new.clone());
        Ok(new)
    }

    /// Takes a CIDR block from its VPC; returns both.
    ///
    /// # Errors
    /// There is no such association, it is that of the primary block, or a subnet is in the block.
    pub fn disassociate_vpc_cidr(
        &mut self,
        id: &VpcCidrAssociationId,
    ) -> Result<(VpcId, VpcCidr), Error> {
        let found = self
            .vpcs
            .values()
            .find_map(|vpc| Some((vpc, vpc.cidrs().find(|cidr| cidr.association == *id)?)));
        let Some((vpc, cidr)) = found else {
            return Err(Error::UnknownVpcCidrAssociation { association: id.clone() });
        };
        let (vpc_id, gone) = (vpc.id.clone(), cidr.clone());
        if vpc.cidr == gone {
            let (association, cidr) = (id.clone(), gone.block);
            return Err(Error::PrimaryVpcCidr { vpc: vpc_id, association, cidr });
        }
        let block = gone.block;
        if let Some((_, subnet)) = vpc.subnets.range(block.network()..=block.broadcast()).next() {
            let subnet = subnet.clone();
            return Err(Error::VpcCidrInUse { vpc: vpc_id, cidr: block, subnet });
        }

        if let Some(vpc) = self.vpcs.get_mut(&vpc_id) {
            vpc.secondary_cidrs.retain(|cidr| cidr.association != *id);
        }
        Ok((vpc_id, gone))
    }

    /// Changes one attribute of a VPC.
    ///
    /// # Errors
    /// There is no such VPC.
    pub fn set_vpc_attribute(&mut self, vpc: &VpcId, change: VpcAttribute) -> Result<(), Error> {
        let found = self.vpcs.get_mut(vpc).ok_or_else(|| Error::UnknownVpc { vpc: vpc.clone() })?;
        let attributes = &mut found.attributes;
        match change {
            VpcAttribute::DnsSupport(on) => attributes.dns_support = on,
            VpcAttribute::DnsHostnames(on) => attributes.dns_hostnames = on,
            VpcAttribute::NetworkAddressUsageMetrics(on) => {
                attributes.network_address_usage_metrics = on;
            }
        }
        Ok(())
    }

    /// Sets whether instances launched in a subnet get a public IPv4 address.
    ///
    /// # Errors
    /// There is no such subnet.
    pub fn set_map_public_ip_on_launch(&mut self, id: &SubnetId, on: bool) -> Result<(), Error> {
        let unknown = || Error::UnknownSubnet { subnet: id.clone() };
        self.subnets.get_mut(id).ok_or_else(unknown)?.map_public_ip_on_launch = on;
        Ok(())
    }
}
