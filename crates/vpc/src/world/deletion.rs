//! Deleting subnets and VPCs.

use super::World;
use crate::{Error, SubnetId, VpcId};

impl World {
    /// Deletes a subnet, with its CIDR reservations.
    ///
    /// # Errors
    /// There is no such subnet, or it has an ENI.
    pub fn delete_subnet(&mut self, id: &SubnetId) -> Result<(), Error> {
        let subnet = self.subnet(id)?;
        if let Some(eni) = self.enis.values().find(|eni| eni.subnet == *id) {
            return Err(Error::SubnetInUse { subnet: id.clone(), eni: eni.id.clone() });
        }
        let (vpc, base) = (subnet.vpc.clone(), subnet.cidr.network());
        self.subnets.remove(id);
        if let Some(vpc) = self.vpcs.get_mut(&vpc) {
            vpc.subnets.remove(&base);
        }
        Ok(())
    }

    /// Deletes a VPC, with its default security group.
    ///
    /// # Errors
    /// There is no such VPC, or it has a subnet or a security group of its owner's.
    pub fn delete_vpc(&mut self, id: &VpcId) -> Result<(), Error> {
        let vpc = self.vpc(id)?;
        let default = vpc.default_security_group.clone();
        let subnet = vpc.subnets.values().next().map(|subnet| format!("subnet {subnet}"));
        let mut groups = self.security_groups.values();
        let group = groups.find(|group| group.vpc == *id && group.id != default);
        let group = group.map(|group| format!("security group {}", group.id));
        if let Some(dependency) = subnet.or(group) {
            return Err(Error::VpcInUse { vpc: id.clone(), dependency });
        }
        self.security_groups.remove(&default);
        self.vpcs.remove(id);
        Ok(())
    }
}
