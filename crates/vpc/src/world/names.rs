//! New identifiers and MAC addresses. With 64 random bits a repetition is all but impossible;
//! checking makes it impossible.

use super::World;
use crate::{
    AttachmentId, EniId, InstanceId, MacAddress, SecurityGroupId, SecurityGroupRuleId,
    SubnetCidrReservationId, SubnetId, VpcCidrAssociationId, VpcId,
};

impl World {
    pub(super) fn new_vpc_id(&mut self) -> VpcId {
        loop {
            let id = VpcId::from_bits(self.random.next());
            if !self.vpcs.contains_key(&id) {
                return id;
            }
        }
    }

    pub(super) fn new_vpc_cidr_association_id(&mut self) -> VpcCidrAssociationId {
        loop {
            let id = VpcCidrAssociationId::from_bits(self.random.next());
            if self.vpcs.values().flat_map(|vpc| vpc.cidrs()).all(|cidr| cidr.association != id) {
                return id;
            }
        }
    }

    pub(super) fn new_subnet_id(&mut self) -> SubnetId {
        loop {
            let id = SubnetId::from_bits(self.random.next());
            if !self.subnets.contains_key(&id) {
                return id;
            }
        }
    }

    pub(super) fn new_cidr_reservation_id(&mut self) -> SubnetCidrReservationId {
        loop {
            let id = SubnetCidrReservationId::from_bits(self.random.next());
            if self.cidr_reservation(&id).is_err() {
                return id;
            }
        }
    }

    pub(super) fn new_security_group_id(&mut self) -> SecurityGroupId {
        loop {
            let id = SecurityGroupId::from_bits(self.random.next());
            if !self.security_groups.contains_key(&id) {
                return id;
            }
        }
    }

    pub(super) fn new_security_group_rule_id(&mut self) -> SecurityGroupRuleId {
        loop {
            let id = SecurityGroupRuleId::from_bits(self.rule_random.next());
            if self.rule_group(&id).is_none() {
                return id;
            }
        }
    }

    pub(super) fn new_instance_id(&mut self) -> InstanceId {
        loop {
            let id = InstanceId::from_bits(self.random.next());
            if !self.instances.contains_key(&id) {
                return id;
            }
        }
    }

    pub(super) fn new_eni_id(&mut self) -> EniId {
        loop {
            let id = EniId::from_bits(self.random.next());
            if !self.enis.contains_key(&id) {
                return id;
            }
        }
    }

    pub(super) fn new_attachment_id(&mut self) -> AttachmentId {
        loop {
            let id = AttachmentId::from_bits(self.random.next());
            if !self.attachments.contains_key(&id) {
                return id;
            }
        }
    }

    pub(super) fn new_mac(&mut self) -> MacAddress {
        loop {
            let mac = MacAddress::from_bits(self.random.next());
            if self.macs.insert(mac, ()).is_none() {
                return mac;
            }
        }
    }
}
