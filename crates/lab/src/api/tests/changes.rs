//! ENIs and their addresses: what is made, and each refusal's code and message.

use std::net::Ipv4Addr;

use ec2_query::{
    AssignPrivateIpAddresses, CreateNetworkInterface, DeleteNetworkInterface,
    ModifyNetworkInterfaceAttribute, NetworkInterface, PrivateIpAddressSpecification, Tag,
    TagSpecification, UnassignPrivateIpAddresses,
};

use super::{ABSENT, Scene, default_group, error};

fn creation(scene: &Scene) -> CreateNetworkInterface {
    CreateNetworkInterface {
        subnet_id: scene.nodes_a.to_string(),
        ..CreateNetworkInterface::default()
    }
}

fn create(scene: &Scene, secondary: u32) -> NetworkInterface {
    let request = CreateNetworkInterface {
        secondary_private_ip_address_count: (secondary > 0).then_some(secondary),
        ..creation(scene)
    };
    scene.call(&request).network_interface
}

fn assignment(eni: &str, addresses: &[&str]) -> AssignPrivateIpAddresses {
    AssignPrivateIpAddresses {
        network_interface_id: eni.into(),
        private_ip_addresses: addresses.iter().map(ToString::to_string).collect(),
        ..AssignPrivateIpAddresses::default()
    }
}

fn unassignment(eni: &str, addresses: &[&str]) -> UnassignPrivateIpAddresses {
    UnassignPrivateIpAddresses {
        network_interface_id: eni.into(),
        private_ip_addresses: addresses.iter().map(ToString::to_string).collect(),
        ..UnassignPrivateIpAddresses::default()
    }
}

/// The highest addresses of nodes-a that nothing holds.
fn unheld(scene: &Scene, count: usize) -> Vec<String> {
    let held = scene.lab.read(|world| {
        let usage = world.subnet_usage(&scene.nodes_a).unwrap();
        let all = usage.primaries.into_iter().chain(usage.secondaries);
        all.map(|(address, _)| address).collect::<Vec<_>>()
    });
    (4..255u8)
        .rev()
        .map(|host| Ipv4Addr::new(10, 10, 1, host))
        .filter(|address| !held.contains(address))
        .take(count)
        .map(|address| address.to_string())
        .collect()
}

fn invalid(message: impl Into<String>) -> (u16, String, String) {
    error(400, "InvalidParameterValue", message)
}

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
    let prefixes = CreateNetworkInterface { ipv4_prefix_count: Some(1), ..creation(&scene) };
    assert_eq!(
        scene.refused(&prefixes),
        error(
            400,
            "UnsupportedOperation",
            "Creating a network interface with IPv4 prefixes is not supported by the lab."
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
    let prefixes =
        AssignPrivateIpAddresses { ipv4_prefix_count: Some(1), ..assignment(taker_id, &[]) };
    assert_eq!(
        scene.refused(&prefixes),
        error(400, "UnsupportedOperation", "Assigning IPv4 prefixes is not supported by the lab.")
    );
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
    assert_eq!(scene.refused(&prefixes).1, "UnsupportedOperation");
}

#[test]
fn attributes_change_one_at_a_time() {
    let scene = Scene::new();
    let id = create(&scene, 0).network_interface_id;
    let own = [("NetworkInterfaceId", id.as_str())];
    let modify = |parameters: &[(&str, &str)]| {
        let all = [&own, parameters].concat();
        scene.raw(&super::form("ModifyNetworkInterfaceAttribute", &all))
    };
    let group = default_group(&scene).to_string();
    assert_eq!(modify(&[("Description.Value", "new")]).status, 200);
    assert_eq!(modify(&[("SourceDestCheck.Value", "false")]).status, 200);
    assert_eq!(modify(&[("SecurityGroupId.1", &group)]).status, 200);
    let eni = scene.eni(&id);
    assert_eq!((eni.description.as_str(), eni.source_dest_check), ("new", false));
    let combination = |message: &str| error(400, "InvalidParameterCombination", message);
    assert_eq!(super::refusal(&modify(&[])), combination("No attributes specified."));
    let two = [("Description.Value", "x"), ("SourceDestCheck.Value", "true")];
    assert_eq!(
        super::refusal(&modify(&two)),
        combination("Fields for multiple attribute types specified: description, sourceDestCheck")
    );
    assert_eq!(
        super::refusal(&modify(&[("SourceDestCheck.Value", "maybe")])).1,
        "InvalidParameterValue"
    );
    let absent = format!("sg-{ABSENT}");
    assert_eq!(
        super::refusal(&modify(&[("SecurityGroupId.1", &absent)])).1,
        "InvalidGroup.NotFound"
    );
    let attachment = format!("eni-attach-{ABSENT}");
    let wrong = [
        ("Attachment.AttachmentId", attachment.as_str()),
        ("Attachment.DeleteOnTermination", "true"),
    ];
    assert_eq!(
        super::refusal(&modify(&wrong)),
        error(
            400,
            "InvalidAttachmentID.NotFound",
            format!("The network interface attachment ID '{attachment}' does not exist")
        )
    );
    assert_eq!(
        super::refusal(&modify(&[("Attachment.AttachmentId", &attachment)])),
        error(
            400,
            "MissingParameter",
            "The request must contain the parameter attachment.deleteOnTermination"
        )
    );
}

#[test]
fn what_a_service_or_another_account_manages_stays_as_it_is() {
    let scene = Scene::new();
    let xeni = scene.xeni.to_string();
    let denied =
        error(400, "AuthFailure", "You do not have permission to access the specified resource");
    let delete =
        |id: &str| DeleteNetworkInterface { dry_run: None, network_interface_id: id.into() };
    let modify = |id: &str| ModifyNetworkInterfaceAttribute {
        network_interface_id: id.into(),
        groups: vec![default_group(&scene).to_string()],
        ..ModifyNetworkInterfaceAttribute::default()
    };
    let address = unheld(&scene, 1).remove(0);
    assert_eq!(scene.refused(&delete(&xeni)), denied);
    assert_eq!(scene.refused(&modify(&xeni)), denied);
    assert_eq!(scene.refused(&assignment(&xeni, &[&address])), denied);
    assert_eq!(scene.refused(&unassignment(&xeni, &[&address])), denied);
    let foreign = scene.foreign_eni.to_string();
    let not_found = error(
        400,
        "InvalidNetworkInterfaceID.NotFound",
        format!("The networkInterface ID '{foreign}' does not exist"),
    );
    assert_eq!(scene.refused(&delete(&foreign)), not_found);
    assert_eq!(scene.refused(&modify(&foreign)), not_found);
    assert_eq!(scene.refused(&assignment(&foreign, &[&address])), not_found);
    assert_eq!(scene.refused(&unassignment(&foreign, &[&address])), not_found);
}
