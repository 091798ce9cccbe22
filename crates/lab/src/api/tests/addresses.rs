//! AssignPrivateIpAddresses and UnassignPrivateIpAddresses.

use ec2_query::{AssignPrivateIpAddresses, UnassignPrivateIpAddresses};

use super::requests::{assignment, create, invalid, unassignment, unheld};
use super::{ABSENT, Scene, error};

#[test]
fn assigning_answers_only_the_new_addresses() {
    let scene = Scene::new();
    let eni = create(&scene, 1);
    let id = eni.network_interface_id.as_str();
    let counted = AssignPrivateIpAddresses {
        network_interface_id: id.into(),
        secondary_private_ip_address_count: Some(2),
        ..AssignPrivateIpAddresses::default()
    };
    let answer = scene.call(&counted);
    assert_eq!(answer.network_interface_id, id);
    assert_eq!(answer.assigned_private_ip_addresses.len(), 2);
    let chosen = unheld(&scene, 1).remove(0);
    let answer = scene.call(&assignment(id, &[&chosen]));
    let new: Vec<_> = answer
        .assigned_private_ip_addresses
        .iter()
        .map(|address| address.private_ip_address.as_str())
        .collect();
    assert_eq!(new, [chosen.as_str()]);
    assert_eq!(scene.eni(id).address_count(), 5);
    scene.call(&unassignment(id, &[&chosen]));
    assert_eq!(scene.eni(id).address_count(), 4);
}

#[test]
fn refuses_assignments() {
    let scene = Scene::new();
    let (giver, taker) = (create(&scene, 1), create(&scene, 0));
    let taker_id = taker.network_interface_id.as_str();
    let moving = giver.private_ip_addresses[1].private_ip_address.as_str();
    assert_eq!(
        scene.refused(&assignment(taker_id, &[moving])),
        invalid(format!("[{moving}] assigned, but move is not allowed."))
    );
    let allowed = AssignPrivateIpAddresses {
        allow_reassignment: Some(true),
        ..assignment(taker_id, &[moving])
    };
    scene.call(&allowed);
    assert_eq!(scene.eni(&giver.network_interface_id).address_count(), 1);
    let primary = giver.private_ip_address.as_deref().unwrap();
    let steal = AssignPrivateIpAddresses {
        allow_reassignment: Some(true),
        ..assignment(taker_id, &[primary])
    };
    assert_eq!(
        scene.refused(&steal),
        invalid(format!("[{primary}] is the primary address of an interface and cannot be moved."))
    );
    let nothing = error(
        400,
        "InvalidParameter",
        "One of privateIpAddressSet or privateIpAddressCount or ipv4PrefixSet or \
         ipv4PrefixCount must be specified.",
    );
    assert_eq!(scene.refused(&assignment(taker_id, &[])), nothing);
    let zero = AssignPrivateIpAddresses {
        secondary_private_ip_address_count: Some(0),
        ..assignment(taker_id, &[])
    };
    assert_eq!(scene.refused(&zero), nothing);
    let both = AssignPrivateIpAddresses {
        secondary_private_ip_address_count: Some(1),
        ..assignment(taker_id, &["10.10.1.9"])
    };
    assert_eq!(scene.refused(&both).1, "InvalidParameterCombination");
    let mut outside = assignment(taker_id, &["10.10.2.9"]);
    outside.private_ip_addresses.extend(unheld(&scene, 1));
    assert_eq!(
        scene.refused(&outside),
        invalid("Address does not fall within the subnet's address range")
    );
    assert_eq!(scene.eni(taker_id).address_count(), 2, "all or nothing");
    let absent = format!("eni-{ABSENT}");
    assert_eq!(
        scene.refused(&assignment(&absent, &["10.10.1.9"])),
        error(
            400,
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID '{absent}' does not exist")
        )
    );
}

#[test]
fn an_attached_eni_holds_what_its_instance_type_allows() {
    let scene = Scene::new();
    let eni = scene.primary_eni(&scene.node_1).id.to_string();
    let count = |count| AssignPrivateIpAddresses {
        network_interface_id: eni.clone(),
        secondary_private_ip_address_count: Some(count),
        ..AssignPrivateIpAddresses::default()
    };
    let limit = error(
        400,
        "PrivateIpAddressLimitExceeded",
        "Number of private addresses will exceed limit.",
    );
    assert_eq!(scene.refused(&count(10)), limit);
    scene.call(&count(9));
    assert_eq!(scene.refused(&count(1)), limit);
}

#[test]
fn refuses_unassignments() {
    let scene = Scene::new();
    let eni = create(&scene, 1);
    let id = eni.network_interface_id.as_str();
    let primary = eni.private_ip_address.as_deref().unwrap();
    assert_eq!(
        scene.refused(&unassignment(id, &[primary])),
        invalid(format!("The primary address of interface {id} cannot be unassigned."))
    );
    let secondary = eni.private_ip_addresses[1].private_ip_address.as_str();
    assert_eq!(
        scene.refused(&unassignment(id, &[secondary, "10.10.1.9"])),
        invalid(format!("Some of the specified addresses are not assigned to interface {id}"))
    );
    assert_eq!(scene.eni(id).address_count(), 2, "all or nothing");
    assert_eq!(
        scene.refused(&unassignment(id, &[])),
        error(400, "MissingParameter", "The request must contain the parameter privateIpAddress")
    );
    let prefixes = UnassignPrivateIpAddresses {
        ipv4_prefixes: vec!["10.10.1.16/28".into()],
        ..unassignment(id, &[])
    };
    assert_eq!(
        scene.refused(&prefixes),
        invalid(format!("Some of the specified prefixes are not assigned to interface {id}"))
    );
}
