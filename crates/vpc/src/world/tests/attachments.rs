use super::*;
use crate::{AttachmentTarget, EniStatus};

fn indexes(world: &World, instance: &InstanceId) -> Vec<(u32, u32)> {
    let place = |eni: &&Eni| match eni.attachment.as_ref().map(|a| &a.target) {
        Some(AttachmentTarget::Instance { device_index, network_card, .. }) => {
            (*network_card, *device_index)
        }
        other => panic!("attached to {other:?}"),
    };
    world.instance_enis(instance).iter().map(place).collect()
}

#[test]
fn an_attached_eni_is_in_use_and_outlives_its_instance() {
    let mut f = Fixture::new();
    let (instance, eni) = (f.instance("t3.small"), f.eni());
    let later = Timestamp(NOW.0 + 1);
    let id = f.world.attach_eni(&eni, &instance, 2, 0, later).expect("attached");
    let attached = f.world.attached_eni(&id).expect("the ENI");
    assert_eq!((&attached.id, attached.status()), (&eni, EniStatus::InUse));
    assert_eq!(attached.instance(), Some(&instance));
    let attachment = attached.attachment.as_ref().expect("an attachment");
    assert_eq!((&attachment.id, attachment.attached_at), (&id, later));
    assert!(!attachment.delete_on_termination);
    assert_eq!(indexes(&f.world, &instance), [(0, 0), (0, 2)]);

    f.world.terminate_instance(&instance).expect("terminated");
    assert_eq!(f.world.eni(&eni).expect("it").status(), EniStatus::Available);
    assert_eq!(f.world.attached_eni(&id), Err(Error::UnknownAttachment { attachment: id }));
}

#[test]
fn an_eni_attaches_once() {
    let mut f = Fixture::new();
    let (first, second, eni) = (f.instance("t3.small"), f.instance("t3.small"), f.eni());
    let attachment = f.world.attach_eni(&eni, &first, 1, 0, NOW).expect("attached");
    let error = Error::EniInUse { eni: eni.clone(), attachment };
    f.refuses(&error, |w| w.attach_eni(&eni, &second, 1, 0, NOW));
    f.refuses(&error, |w| w.attach_eni(&eni, &first, 2, 0, NOW));
}

#[test]
fn an_eni_attaches_in_its_zone() {
    let mut f = Fixture::new();
    let instance = f.instance("t3.small");
    let eni = f.world.create_eni(eni_spec(&f.tight)).expect("an ENI");
    let error = Error::AvailabilityZoneMismatch {
        eni: eni.clone(),
        eni_zone: "us-west-2b".parse().expect("a zone"),
        instance: instance.clone(),
        instance_zone: "us-west-2a".parse().expect("a zone"),
    };
    f.refuses(&error, |w| w.attach_eni(&eni, &instance, 1, 0, NOW));
}

#[test]
fn an_eni_attaches_to_its_owners_instances() {
    let mut f = Fixture::new();
    let instance = f.instance("t3.small");
    let spec = EniSpec { owner: other_account(), ..f.spec() };
    let eni = f.world.create_eni(spec).expect("an ENI");
    let error = Error::EniOwnerMismatch {
        eni: eni.clone(),
        eni_owner: other_account(),
        instance: instance.clone(),
        instance_owner: account(),
    };
    f.refuses(&error, |w| w.attach_eni(&eni, &instance, 1, 0, NOW));
}

#[test]
fn a_device_index_has_one_eni() {
    let mut f = Fixture::new();
    let (instance, first, second) = (f.instance("t3.small"), f.eni(), f.eni());
    let primary = f.world.instance_enis(&instance)[0].id.clone();
    f.world.attach_eni(&first, &instance, 1, 0, NOW).expect("attached");
    for (device_index, eni) in [(1, first), (0, primary)] {
        let error = Error::DeviceIndexInUse {
            instance: instance.clone(),
            network_card: 0,
            device_index,
            eni,
        };
        f.refuses(&error, |w| w.attach_eni(&second, &instance, device_index, 0, NOW));
    }
    f.world.attach_eni(&second, &instance, 7, 0, NOW).expect("indexes may leave gaps");
}

#[test]
fn the_instance_type_limits_enis() {
    let mut f = Fixture::new();
    let instance = f.instance("t3.medium");
    for (index, interface_type) in [(1, InterfaceType::Trunk), (2, InterfaceType::Interface)] {
        let spec = EniSpec { interface_type, ..f.spec() };
        let eni = f.world.create_eni(spec).expect("an ENI");
        f.world.attach_eni(&eni, &instance, index, 0, NOW).expect("attached");
    }
    let eni = f.eni();
    let error = Error::AttachmentLimitExceeded {
        instance: instance.clone(),
        instance_type: "t3.medium",
        requested: 4,
        limit: 3,
    };
    f.refuses(&error, |w| w.attach_eni(&eni, &instance, 3, 0, NOW));
}

#[test]
fn the_instance_type_limits_enis_of_a_card() {
    let mut f = Fixture::new();
    // Two ENIs on two network cards.
    let instance = f.instance("hpc6id.32xlarge");
    let (eni, another) = (f.eni(), f.eni());
    let error = Error::NetworkCardAttachmentLimitExceeded {
        instance: instance.clone(),
        instance_type: "hpc6id.32xlarge",
        network_card: 0,
        requested: 2,
        limit: 1,
    };
    f.refuses(&error, |w| w.attach_eni(&eni, &instance, 1, 0, NOW));
    let error = Error::UnknownNetworkCard {
        instance: instance.clone(),
        instance_type: "hpc6id.32xlarge",
        network_card: 2,
        network_cards: 2,
    };
    f.refuses(&error, |w| w.attach_eni(&eni, &instance, 1, 2, NOW));
    let error = Error::PrimaryDeviceIndex { instance: instance.clone(), network_card: 1 };
    f.refuses(&error, |w| w.attach_eni(&eni, &instance, 0, 1, NOW));
    f.world.attach_eni(&eni, &instance, 1, 1, NOW).expect("attached to the other card");
    assert_eq!(indexes(&f.world, &instance), [(0, 0), (1, 1)]);
    let error = Error::AttachmentLimitExceeded {
        instance: instance.clone(),
        instance_type: "hpc6id.32xlarge",
        requested: 3,
        limit: 2,
    };
    f.refuses(&error, |w| w.attach_eni(&another, &instance, 2, 1, NOW));
}

#[test]
fn the_instance_type_limits_addresses_at_attach() {
    let mut f = Fixture::new();
    let instance = f.instance("t3.small");
    let spec = EniSpec { secondary: AddressRequest::Count(4), ..f.spec() };
    let eni = f.world.create_eni(spec).expect("an unattached ENI may hold more");
    let error = Error::AddressLimitExceeded {
        eni: eni.clone(),
        instance: instance.clone(),
        instance_type: "t3.small",
        requested: 5,
        limit: 4,
    };
    f.refuses(&error, |w| w.attach_eni(&eni, &instance, 1, 0, NOW));
    let one = f.world.eni(&eni).expect("it").secondary[0];
    f.world.unassign(&eni, &[one]).expect("unassigned");
    f.world.attach_eni(&eni, &instance, 1, 0, NOW).expect("now it fits");
}

#[test]
fn enis_attach_to_running_instances() {
    let mut f = Fixture::new();
    let (instance, eni) = (f.instance("t3.small"), f.eni());
    f.world.terminate_instance(&instance).expect("terminated");
    let state = crate::InstanceState::Terminated;
    let error = Error::InstanceNotRunning { instance: instance.clone(), state };
    f.refuses(&error, |w| w.attach_eni(&eni, &instance, 1, 0, NOW));
    let unknown: InstanceId = "i-0123456789abcdef0".parse().expect("an ID");
    f.refuses(&Error::UnknownInstance { instance: unknown.clone() }, |w| {
        w.attach_eni(&eni, &unknown, 1, 0, NOW)
    });
}

#[test]
fn a_detached_eni_keeps_its_addresses_and_frees_its_index() {
    let mut f = Fixture::new();
    let (instance, eni) = (f.instance("t3.small"), f.eni());
    let held = f.world.assign(&eni, AddressRequest::Count(2), false).expect("assigned");
    let attachment = f.world.attach_eni(&eni, &instance, 1, 0, NOW).expect("attached");
    assert_eq!(f.world.detach_eni(&attachment, false), Ok(eni.clone()));
    let detached = f.world.eni(&eni).expect("it");
    assert_eq!((detached.status(), &detached.secondary), (EniStatus::Available, &held));
    assert_eq!(indexes(&f.world, &instance), [(0, 0)]);
    let error = Error::UnknownAttachment { attachment: attachment.clone() };
    f.refuses(&error, |w| w.detach_eni(&attachment, false));
    f.world.attach_eni(&eni, &instance, 1, 0, NOW).expect("attached again");
}

#[test]
fn the_primary_eni_is_not_detached() {
    let mut f = Fixture::new();
    let instance = f.instance("t3.small");
    let primary = f.world.instance_enis(&instance)[0].clone();
    let attachment = primary.attachment.expect("an attachment").id;
    let error =
        Error::PrimaryEniDetach { eni: primary.id, attachment: attachment.clone(), instance };
    f.refuses(&error, |w| w.detach_eni(&attachment, false));
    f.refuses(&error, |w| w.detach_eni(&attachment, true));
}

#[test]
fn a_forced_detach_leaves_the_index_unusable() {
    let mut f = Fixture::new();
    let (instance, eni) = (f.instance("t3.small"), f.eni());
    let attachment = f.world.attach_eni(&eni, &instance, 1, 0, NOW).expect("attached");
    f.world.detach_eni(&attachment, true).expect("detached");
    let error =
        Error::DeviceIndexUnusable { instance: instance.clone(), network_card: 0, device_index: 1 };
    f.refuses(&error, |w| w.attach_eni(&eni, &instance, 1, 0, NOW));
    f.world.attach_eni(&eni, &instance, 2, 0, NOW).expect("another index");
}
