//! Running and terminating instances.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::instance::private_dns_name;
use crate::{
    AddressRequest, AttachmentTarget, EniId, EniSpec, Error, Instance, InstanceId, InstanceSpec,
    InstanceState, InterfaceType, Tags, tags,
};

impl World {
    /// Runs an instance with its primary ENI, which is deleted with it.
    ///
    /// # Errors
    /// There is no such subnet or security group; the address is outside the subnet, reserved or
    /// in use; the subnet has no free address; security groups or tags break a rule; or the
    /// account has its quota of ENIs.
    pub fn run_instance(&mut self, spec: InstanceSpec) -> Result<InstanceId, Error> {
        let eni_spec = EniSpec {
            subnet: spec.subnet.clone(),
            owner: spec.owner.clone(),
            requester: None,
            interface_type: InterfaceType::Interface,
            description: String::new(),
            primary: spec.private_ip,
            secondary: AddressRequest::None,
            groups: spec.groups,
            tags: Tags::new(),
            client_token: None,
            now: spec.now,
        };
        let groups = self.check_eni(&eni_spec)?;
        tags::check(&spec.tags)?;

        let id = self.new_instance_id();
        let eni_id = self.add_eni(eni_spec, groups)?;
        let eni = self.eni(&eni_id)?;
        let instance = Instance {
            id: id.clone(),
            owner: spec.owner,
            instance_type: spec.instance_type,
            subnet: spec.subnet,
            private_dns_name: private_dns_name(eni.primary, eni.availability_zone.region()),
            availability_zone: eni.availability_zone.clone(),
            state: InstanceState::Running,
            launched: spec.now,
            tags: spec.tags,
            enis: BTreeMap::new(),
            unusable: BTreeSet::new(),
        };
        self.instances.insert(id.clone(), instance);
        let target =
            AttachmentTarget::Instance { id: id.clone(), device_index: 0, network_card: 0 };
        self.link(&eni_id, target, true, spec.now)?;
        Ok(id)
    }

    /// Terminates an instance: deletes its ENIs that are to be deleted with it and detaches the
    /// others. It stays known as terminated; terminating it again changes nothing.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn terminate_instance(&mut self, id: &InstanceId) -> Result<(), Error> {
        let enis: Vec<EniId> = self.instance(id)?.enis.values().cloned().collect();
        for eni in &enis {
            let attachment = self.eni(eni)?.attachment.as_ref();
            if attachment.is_some_and(|attachment| attachment.delete_on_termination) {
                self.remove_eni(eni);
            } else {
                self.unlink(eni);
            }
        }
        if let Some(instance) = self.instances.get_mut(id) {
            instance.state = InstanceState::Terminated;
            instance.unusable.clear();
        }
        Ok(())
    }
}
