//! CreateNetworkInterface: what is made, and each refusal.

use ec2_query::{
    AssignPrivateIpAddresses, CreateNetworkInterface, PrivateIpAddressSpecification, Tag,
    TagSpecification,
};

use super::requests::{create, creation, invalid, unheld};
use super::{ABSENT, Scene, default_group, error};

#[test]
fn creates_what_is_asked_for() {
    let scene = Scene::new();
    let addresses = unheld(&scene, 3);
    let request = CreateNetworkInterface {
        description: Some("a test's".into()),
        private_ip_addresses: vec![
            PrivateIpAddressSpecification {
                private_ip_address: addresses[1].clone(),
                primary: None,
            },
            PrivateIpAddressSpecification {
                private_ip_address: addresses[0].clone(),
                primary: Some(true),
            },
            PrivateIpAddressSpecification {
                private_ip_address: addresses[2].clone(),
                primary: Some(false),
            },
        ],
        groups: vec![default_group(&scene).to_string()],
        tag_specifications: vec![TagSpecification {
            resource_type: "network-interface".into(),
            tags: vec![Tag::new("Name", "x"), Tag::new("empty", "")],
        }],
        interface_type: Some("interface".into()),
        client_token: Some("token".into()),
        ..creation(&scene)
    };
    let answer = scene.call(&request);
    assert_eq!(answer.client_token.as_deref(), Some("token"));
    let eni = answer.network_interface;
    let shown: Vec<_> = eni
        .private_ip_addresses
        .iter()
        .map(|address| (address.private_ip_address.clone(), address.primary))
        .collect();
    assert_eq!(
        shown,
        [
            (addresses[0].clone(), true),
            (addresses[1].clone(), false),
            (addresses[2].clone(), false)
        ]
    );
    assert_eq!(eni.private_ip_address.as_deref(), Some(addresses[0].as_str()));
    assert_eq!((eni.status.as_str(), eni.description.as_str()), ("available", "a test's"));
    assert_eq!(eni.tags, [Tag::new("Name", "x"), Tag::new("empty", "")]);
    assert_eq!(eni.availability_zone, "us-west-2a");
    assert_eq!(eni.owner_id, "111122223333");
    assert!(!eni.requester_managed && eni.source_dest_check);
    assert_eq!(scene.fabric.convergences(), 1);
    let again = scene.call(&request).network_interface;
    assert_eq!(again.network_interface_id, eni.network_interface_id, "the same token");
    let other = CreateNetworkInterface { description: Some("other".into()), ..request };
    assert_eq!(
        scene.refused(&other),
        error(
            400,
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in \
             previous request(s)."
        )
    );
}

#[test]
fn refuses_addresses_that_cannot_be_given() {
    let scene = Scene::new();
    let primary = |address: &str| CreateNetworkInterface {
        private_ip_address: Some(address.into()),
        ..creation(&scene)
    };
    assert_eq!(
        scene.refused(&primary("10.10.2.5")),
        invalid("Address does not fall within the subnet's address range")
    );
    for reserved in ["10.10.1.0", "10.10.1.1", "10.10.1.2", "10.10.1.3", "10.10.1.255"] {
        assert_eq!(
            scene.refused(&primary(reserved)),
            invalid("Address is in subnet's reserved address range"),
            "{reserved}"
        );
    }
    let held = scene.primary_eni(&scene.node_1).primary.to_string();
    assert_eq!(
        scene.refused(&primary(&held)),
        error(400, "InvalidIPAddress.InUse", "The specified address is already in use.")
    );
    assert_eq!(
        scene.refused(&primary("10.10.1.300")),
        invalid(
            "Value (10.10.1.300) for parameter privateIpAddress is invalid. Invalid IPv4 address."
        )
    );
    let address = unheld(&scene, 1).remove(0);
    let twice = CreateNetworkInterface {
        private_ip_addresses: vec![
            PrivateIpAddressSpecification {
                private_ip_address: address.clone(),
                primary: None
            };
            2
        ],
        ..creation(&scene)
    };
    assert_eq!(
        scene.refused(&twice),
        invalid(format!("Duplicate address {address} in the request."))
    );
    let full = CreateNetworkInterface {
        subnet_id: scene.tight_b.to_string(),
        secondary_private_ip_address_count: Some(11),
        ..CreateNetworkInterface::default()
    };
    let insufficient = error(
        400,
        "InsufficientFreeAddressesInSubnet",
        "The specified subnet does not have enough free addresses to satisfy the request.",
    );
    assert_eq!(scene.refused(&full), insufficient);
    let fits = CreateNetworkInterface { secondary_private_ip_address_count: Some(10), ..full };
    let eni = scene.call(&fits).network_interface.network_interface_id;
    assert_eq!(scene.free(&scene.tight_b), 0);
    let more = AssignPrivateIpAddresses {
        network_interface_id: eni,
        secondary_private_ip_address_count: Some(1),
        ..AssignPrivateIpAddresses::default()
    };
    assert_eq!(scene.refused(&more), insufficient);
}

#[test]
fn refuses_contradictory_or_unsupported_creations() {
    let scene = Scene::new();
    let primary = PrivateIpAddressSpecification {
        private_ip_address: "10.10.1.9".into(),
        primary: Some(true),
    };
    let secondary =
        PrivateIpAddressSpecification { private_ip_address: "10.10.1.10".into(), primary: None };
    let both = CreateNetworkInterface {
        private_ip_addresses: vec![secondary],
        secondary_private_ip_address_count: Some(1),
        ..creation(&scene)
    };
    assert_eq!(
        scene.refused(&both),
        error(
            400,
            "InvalidParameterCombination",
            "You may specify one and only one of privateIpAddressSet or \
             secondaryPrivateIpAddressCount or ipv4Prefixes or ipv4PrefixCount, but not more than \
             one of them."
        )
    );
    let two = CreateNetworkInterface {
        private_ip_address: Some("10.10.1.8".into()),
        private_ip_addresses: vec![primary],
        ..creation(&scene)
    };
    assert_eq!(
        scene.refused(&two),
        error(
            400,
            "InvalidParameterCombination",
            "Only one primary private IP address can be specified."
        )
    );
    let typed = |name: &str| CreateNetworkInterface {
        interface_type: Some(name.into()),
        ..creation(&scene)
    };
    assert_eq!(
        scene.refused(&typed("trunk")),
        error(400, "UnsupportedOperation", "InterfaceType trunk is not supported by the lab.")
    );
    assert_eq!(
        scene.refused(&typed("wireless")),
        invalid("Value (wireless) for parameter interfaceType is invalid.")
    );
    let described =
        CreateNetworkInterface { description: Some("x".repeat(256)), ..creation(&scene) };
    assert!(scene.refused(&described).2.ends_with("Character length cannot exceed 255."));
    let token = CreateNetworkInterface { client_token: Some("é".into()), ..creation(&scene) };
    assert_eq!(scene.refused(&token), invalid("Value (é) for parameter clientToken is invalid."));
    let tagged = CreateNetworkInterface {
        tag_specifications: vec![TagSpecification {
            resource_type: "instance".into(),
            tags: vec![Tag::new("a", "b")],
        }],
        ..creation(&scene)
    };
    assert_eq!(
        scene.refused(&tagged),
        invalid("'instance' is not a valid taggable resource type for this operation.")
    );
}

#[test]
fn refuses_subnets_and_groups_that_are_not_there() {
    let scene = Scene::new();
    let absent = format!("subnet-{ABSENT}");
    let elsewhere = CreateNetworkInterface { subnet_id: absent.clone(), ..creation(&scene) };
    assert_eq!(
        scene.refused(&elsewhere),
        error(400, "InvalidSubnetID.NotFound", format!("The subnet ID '{absent}' does not exist"))
    );
    let foreign = scene.eni(scene.foreign_eni.as_str());
    let foreign_subnet =
        CreateNetworkInterface { subnet_id: foreign.subnet.to_string(), ..creation(&scene) };
    assert_eq!(scene.refused(&foreign_subnet).1, "InvalidSubnetID.NotFound");
    let groups =
        |ids: &[String]| CreateNetworkInterface { groups: ids.to_vec(), ..creation(&scene) };
    assert_eq!(
        scene.refused(&groups(&[format!("sg-{ABSENT}")])),
        error(
            400,
            "InvalidGroup.NotFound",
            format!("The security group 'sg-{ABSENT}' does not exist")
        )
    );
    assert_eq!(
        scene.refused(&groups(&["default".into()])),
        error(400, "InvalidGroupId.Malformed", "Invalid id: \"default\" (expecting \"sg-...\")")
    );
    assert_eq!(
        scene.refused(&groups(&[foreign.groups[0].to_string()])),
        error(
            400,
            "InvalidParameter",
            "You have specified two resources that belong to different networks."
        )
    );
    let vpc = scene.vpc.clone();
    let many: Vec<String> = (0..6)
        .map(|n| {
            let spec = vpc::SecurityGroupSpec {
                vpc: vpc.clone(),
                name: format!("group {n}"),
                description: "of a test".into(),
                tags: vpc::Tags::new(),
            };
            scene.lab.mutate(|world| world.create_security_group(spec)).unwrap().to_string()
        })
        .collect();
    assert_eq!(
        scene.refused(&groups(&many)),
        error(
            400,
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached."
        )
    );
}

#[test]
fn an_account_has_a_quota_of_enis() {
    let scene = Scene::new();
    scene
        .lab
        .mutate(|world| {
            // Two nodes' and an X-ENI; one more fits.
            world.set_quotas(vpc::Quotas { enis: 4, ..world.quotas().clone() });
            Ok(())
        })
        .unwrap();
    create(&scene, 0);
    assert_eq!(
        scene.refused(&creation(&scene)),
        error(
            400,
            "NetworkInterfaceLimitExceeded",
            "The maximum number of network interfaces has been reached."
        )
    );
}
