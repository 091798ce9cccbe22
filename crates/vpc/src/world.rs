//! The networking state of a Region, and the operations that change it.

mod addresses;
mod attachments;
mod cidr_reservations;
mod client_tokens;
mod deletion;
mod enis;
mod instances;
mod names;
mod networks;
mod prefixes;
mod security_groups;
mod tagging;
mod vpc_cidrs;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use self::client_tokens::ClientTokens;
use crate::random::Random;
use crate::shared_map::SharedMap;
use crate::{
    AccountId, AttachmentId, Eni, EniId, Error, Instance, InstanceId, MacAddress, Quotas,
    SecurityGroup, SecurityGroupId, Subnet, SubnetId, SubnetUsage, Vpc, VpcId,
};

/// All of a Region's networking state: VPCs, subnets, security groups, instances and ENIs of any
/// number of accounts.
///
/// Every operation checks all it needs before it changes anything, so a refused one leaves the
/// World equal to what it was, its generator included. The same seed and the same operations give
/// the same identifiers and addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    random: Random,
    /// Rules have a generator of their own, so that other identifiers and the choice of
    /// addresses do not depend on them.
    rule_random: Random,
    quotas: Quotas,
    vpcs: BTreeMap<VpcId, Vpc>,
    subnets: BTreeMap<SubnetId, Subnet>,
    security_groups: BTreeMap<SecurityGroupId, SecurityGroup>,
    instances: SharedMap<InstanceId, Instance>,
    enis: SharedMap<EniId, Eni>,
    attachments: SharedMap<AttachmentId, EniId>,
    macs: SharedMap<MacAddress, ()>,
    /// ENIs per account, for its quota.
    eni_counts: BTreeMap<AccountId, u32>,
    client_tokens: ClientTokens,
}

impl World {
    /// A World with nothing in it and the default quotas.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            rule_random: Random::new(!seed),
            quotas: Quotas::default(),
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            security_groups: BTreeMap::new(),
            instances: SharedMap::new(),
            enis: SharedMap::new(),
            attachments: SharedMap::new(),
            macs: SharedMap::new(),
            eni_counts: BTreeMap::new(),
            client_tokens: ClientTokens::default(),
        }
    }

    /// The quotas of every account.
    #[must_use]
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Sets the quotas of every account. What exists already stays, even above them.
    pub fn set_quotas(&mut self, quotas: Quotas) {
        self.quotas = quotas;
    }

    /// The VPC of that ID.
    ///
    /// # Errors
    /// [`Error::UnknownVpc`].
    pub fn vpc(&self, id: &VpcId) -> Result<&Vpc, Error> {
        self.vpcs.get(id).ok_or_else(|| Error::UnknownVpc { vpc: id.clone() })
    }

    /// The subnet of that ID.
    ///
    /// # Errors
    /// [`Error::UnknownSubnet`].
    pub fn subnet(&self, id: &SubnetId) -> Result<&Subnet, Error> {
        self.subnets.get(id).ok_or_else(|| Error::UnknownSubnet { subnet: id.clone() })
    }

    /// The security group of that ID.
    ///
    /// # Errors
    /// [`Error::UnknownSecurityGroup`].
    pub fn security_group(&self, id: &SecurityGroupId) -> Result<&SecurityGroup, Error> {
        let group = self.security_groups.get(id);
        group.ok_or_else(|| Error::UnknownSecurityGroup { group: id.clone() })
    }

    /// The instance of that ID, running or terminated.
    ///
    /// # Errors
    /// [`Error::UnknownInstance`].
    pub fn instance(&self, id: &InstanceId) -> Result<&Instance, Error> {
        self.instances.get(id).ok_or_else(|| Error::UnknownInstance { instance: id.clone() })
    }

    /// The ENI of that ID.
    ///
    /// # Errors
    /// [`Error::UnknownEni`].
    pub fn eni(&self, id: &EniId) -> Result<&Eni, Error> {
        self.enis.get(id).ok_or_else(|| Error::UnknownEni { eni: id.clone() })
    }

    /// The ENI of that attachment.
    ///
    /// # Errors
    /// [`Error::UnknownAttachment`].
    pub fn attached_eni(&self, id: &AttachmentId) -> Result<&Eni, Error> {
        let unknown = || Error::UnknownAttachment { attachment: id.clone() };
        self.eni(self.attachments.get(id).ok_or_else(unknown)?)
    }

    /// All VPCs in the order of their IDs.
    pub fn vpcs(&self) -> impl Iterator<Item = &Vpc> {
        self.vpcs.values()
    }

    /// All subnets in the order of their IDs.
    pub fn subnets(&self) -> impl Iterator<Item = &Subnet> {
        self.subnets.values()
    }

    /// All security groups in the order of their IDs.
    pub fn security_groups(&self) -> impl Iterator<Item = &SecurityGroup> {
        self.security_groups.values()
    }

    /// All instances, terminated ones too, in the order of their IDs.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values()
    }

    /// All ENIs in the order of their IDs.
    pub fn enis(&self) -> impl Iterator<Item = &Eni> {
        self.enis.values()
    }

    /// The ENIs of an instance by network card and device index, so the primary one first; none
    /// if there is no such instance.
    #[must_use]
    pub fn instance_enis(&self, id: &InstanceId) -> Vec<&Eni> {
        let Some(instance) = self.instances.get(id) else { return Vec::new() };
        instance.enis.values().filter_map(|eni| self.enis.get(eni)).collect()
    }

    /// The ENI that holds the address, by itself or in a prefix, in that VPC. Other VPCs may use the same address.
    #[must_use]
    pub fn eni_at(&self, vpc: &VpcId, address: Ipv4Addr) -> Option<&Eni> {
        self.enis.get(self.subnet_at(vpc, address)?.space.holder(address)?)
    }

    /// The subnet the address is of in that VPC.
    #[must_use]
    pub fn subnet_at(&self, vpc: &VpcId, address: Ipv4Addr) -> Option<&Subnet> {
        let (_, subnet) = self.vpcs.get(vpc)?.subnets.range(..=address).next_back()?;
        self.subnets.get(subnet).filter(|subnet| subnet.cidr.contains(&address))
    }

    /// How the addresses of a subnet are used.
    ///
    /// # Errors
    /// [`Error::UnknownSubnet`].
    pub fn subnet_usage(&self, id: &SubnetId) -> Result<SubnetUsage, Error> {
        let subnet = self.subnet(id)?;
        let is_primary = |(address, eni): &(Ipv4Addr, EniId)| {
            self.enis.get(eni).is_some_and(|eni| eni.primary == *address)
        };
        let (primaries, secondaries): (Vec<_>, Vec<_>) = subnet
            .space
            .holders()
            .map(|(address, eni)| (address, eni.clone()))
            .partition(is_primary);
        let total = 1 << (32 - u32::from(subnet.cidr.prefix_len()));
        let reserved = 5;
        Ok(SubnetUsage {
            total,
            reserved,
            usable: total - reserved,
            free: subnet.space.free(),
            withheld: subnet.space.withheld(),
            primaries,
            secondaries,
            prefixes: subnet.space.prefixes().map(|(prefix, eni)| (prefix, eni.clone())).collect(),
            blocks: subnet.blocks().collect(),
        })
    }
}

#[cfg(test)]
mod tests;
