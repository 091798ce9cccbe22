//! Attaching ENIs to instances and detaching them.

use super::World;
use super::prefixes::check_hypervisor;
use crate::{
    Attachment, AttachmentId, AttachmentTarget, Eni, EniId, Error, ForeignAttachment, Instance,
    InstanceId, InstanceState, Timestamp,
};

impl World {
    /// Attaches an ENI to a running instance of its account and Availability Zone, at a device
    /// index of a network card. It will not be deleted with the instance unless that is asked for
    /// later ([`crate::EniAttribute::DeleteOnTermination`]).
    ///
    /// # Errors
    /// There is no such ENI or instance; a service manages the ENI; it is attached already; the
    /// instance is not running, of another account or Availability Zone, has no such network
    /// card, or the device index is taken; or the instance type's limit of ENIs, of ENIs per
    /// network card or of addresses per ENI would be exceeded, or it has
    /// prefixes and the instance type cannot.
    pub fn attach_eni(
        &mut self,
        eni: &EniId,
        instance: &InstanceId,
        device_index: u32,
        network_card: u32,
        now: Timestamp,
    ) -> Result<AttachmentId, Error> {
        let checked = self.changeable_eni(eni)?;
        let host = self.instance(instance)?;
        check_unattached(checked)?;
        check_host(checked, host)?;
        check_place(host, device_index, network_card)?;
        self.check_addresses_on(checked, 0, instance)?;
        if !checked.prefixes.is_empty() {
            check_hypervisor(checked, instance, host.instance_type)?;
        }

        let target =
            AttachmentTarget::Instance { id: instance.clone(), device_index, network_card };
        self.link(eni, target, false, now)
    }

    /// Attaches an ENI that a service manages to something of another account: an X-ENI to a
    /// control plane, an interface endpoint to its service.
    ///
    /// # Errors
    /// There is no such ENI, no service manages it, or it is attached already.
    pub fn attach_foreign(
        &mut self,
        eni: &EniId,
        to: ForeignAttachment,
        now: Timestamp,
    ) -> Result<AttachmentId, Error> {
        let checked = self.eni(eni)?;
        if !checked.is_requester_managed() {
            return Err(Error::NotRequesterManaged { eni: eni.clone() });
        }
        check_unattached(checked)?;
        self.link(eni, AttachmentTarget::Foreign(to), false, now)
    }

    /// Detaches an ENI from its instance and returns which ENI that was. After a forced detach
    /// nothing can be attached at the same device index until the instance stops.
    ///
    /// # Errors
    /// There is no such attachment, a service manages the ENI, or it is the instance's primary
    /// ENI.
    pub fn detach_eni(&mut self, attachment: &AttachmentId, force: bool) -> Result<EniId, Error> {
        let eni = self.attached_eni(attachment)?.id.clone();
        let target = self.changeable_eni(&eni)?.attachment.as_ref().map(|a| a.target.clone());
        if let Some(AttachmentTarget::Instance { id, device_index, network_card }) = target {
            if device_index == 0 {
                let attachment = attachment.clone();
                return Err(Error::PrimaryEniDetach { eni, attachment, instance: id });
            }
            if force && let Some(instance) = self.instances.get_mut(&id) {
                instance.unusable.insert((network_card, device_index));
            }
        }
        self.unlink(&eni);
        Ok(eni)
    }

    /// Attaches an ENI where the checks have found room.
    pub(super) fn link(
        &mut self,
        id: &EniId,
        target: AttachmentTarget,
        delete_on_termination: bool,
        now: Timestamp,
    ) -> Result<AttachmentId, Error> {
        let attachment = self.new_attachment_id();
        let eni = self.eni_mut(id)?;
        eni.attachment = Some(Attachment {
            id: attachment.clone(),
            target: target.clone(),
            delete_on_termination,
            attached_at: now,
        });
        self.attachments.insert(attachment.clone(), id.clone());
        if let AttachmentTarget::Instance { id: instance, device_index, network_card } = target
            && let Some(instance) = self.instances.get_mut(&instance)
        {
            instance.enis.insert((network_card, device_index), id.clone());
        }
        Ok(attachment)
    }

    /// Ends the attachment of an ENI, if it has one.
    pub(super) fn unlink(&mut self, id: &EniId) {
        let Some(attachment) = self.enis.get_mut(id).and_then(|eni| eni.attachment.take()) else {
            return;
        };
        self.attachments.remove(&attachment.id);
        if let AttachmentTarget::Instance { id, device_index, network_card } = attachment.target
            && let Some(instance) = self.instances.get_mut(&id)
        {
            instance.enis.remove(&(network_card, device_index));
        }
    }
}

/// Holds that the ENI is not attached.
pub(super) fn check_unattached(eni: &Eni) -> Result<(), Error> {
    match &eni.attachment {
        Some(Attachment { id, .. }) => {
            Err(Error::EniInUse { eni: eni.id.clone(), attachment: id.clone() })
        }
        None => Ok(()),
    }
}

/// Holds that the instance may have the ENI at all.
fn check_host(eni: &Eni, instance: &Instance) -> Result<(), Error> {
    let id = instance.id.clone();
    if instance.state != InstanceState::Running {
        return Err(Error::InstanceNotRunning { instance: id, state: instance.state });
    }
    if eni.owner != instance.owner {
        return Err(Error::EniOwnerMismatch {
            eni: eni.id.clone(),
            eni_owner: eni.owner.clone(),
            instance: id,
            instance_owner: instance.owner.clone(),
        });
    }
    if eni.availability_zone != instance.availability_zone {
        return Err(Error::AvailabilityZoneMismatch {
            eni: eni.id.clone(),
            eni_zone: eni.availability_zone.clone(),
            instance: id,
            instance_zone: instance.availability_zone.clone(),
        });
    }
    Ok(())
}

/// Holds that the instance has room for an ENI at that device index of that network card. The
/// limits count ENIs of every interface type.
fn check_place(instance: &Instance, device_index: u32, network_card: u32) -> Result<(), Error> {
    let id = || instance.id.clone();
    let instance_type = instance.instance_type;
    let Some(card_limit) = instance_type.card_enis(network_card) else {
        return Err(Error::UnknownNetworkCard {
            instance: id(),
            instance_type: instance_type.name,
            network_card,
            network_cards: instance_type.network_cards,
        });
    };
    let place = (network_card, device_index);
    if let Some(eni) = instance.enis.get(&place).cloned() {
        return Err(Error::DeviceIndexInUse { instance: id(), network_card, device_index, eni });
    }
    if device_index == 0 {
        return Err(Error::PrimaryDeviceIndex { instance: id(), network_card });
    }
    if instance.unusable.contains(&place) {
        return Err(Error::DeviceIndexUnusable { instance: id(), network_card, device_index });
    }
    let requested = instance.enis.len() + 1;
    if requested > instance_type.max_enis as usize {
        return Err(Error::AttachmentLimitExceeded {
            instance: id(),
            instance_type: instance_type.name,
            requested,
            limit: instance_type.max_enis,
        });
    }
    let requested = 1 + instance.enis.keys().filter(|(card, _)| *card == network_card).count();
    if requested > card_limit as usize {
        return Err(Error::NetworkCardAttachmentLimitExceeded {
            instance: id(),
            instance_type: instance_type.name,
            network_card,
            requested,
            limit: card_limit,
        });
    }
    Ok(())
}
