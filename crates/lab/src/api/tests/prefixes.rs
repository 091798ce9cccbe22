//! Prefixes and CIDR reservations over the API.

use ec2_query::{
    AssignPrivateIpAddresses, AttachNetworkInterface, CreateNetworkInterface,
    CreateSubnetCidrReservation, DeleteSubnetCidrReservation, DescribeNetworkInterfaces,
    DescribeSubnets, Filter, GetSubnetCidrReservations, Ipv4PrefixSpecificationRequest, Tag,
    TagSpecification, UnassignPrivateIpAddresses,
};

use super::requests::{assignment, create, creation, invalid, unassignment};
use super::{ABSENT, Scene, error};

fn prefix_count(eni: &str, count: u32) -> AssignPrivateIpAddresses {
    AssignPrivateIpAddresses { ipv4_prefix_count: Some(count), ..assignment(eni, &[]) }
}

fn named(eni: &str, prefixes: &[&str]) -> AssignPrivateIpAddresses {
    let ipv4_prefixes = prefixes.iter().map(ToString::to_string).collect();
    AssignPrivateIpAddresses { ipv4_prefixes, ..assignment(eni, &[]) }
}

fn free(scene: &Scene) -> u32 {
    let request =
        DescribeSubnets { subnet_ids: vec![scene.nodes_a.to_string()], ..Default::default() };
    scene.call(&request).subnets[0].available_ip_address_count
}

fn reservation(scene: &Scene, cidr: &str, kind: &str) -> CreateSubnetCidrReservation {
    CreateSubnetCidrReservation {
        subnet_id: scene.nodes_a.to_string(),
        cidr: cidr.into(),
        reservation_type: kind.into(),
        ..Default::default()
    }
}

#[test]
fn prefixes_are_created_assigned_shown_and_unassigned() {
    let scene = Scene::new();
    let before = free(&scene);
    let request = CreateNetworkInterface { ipv4_prefix_count: Some(1), ..creation(&scene) };
    let eni = scene.call(&request).network_interface;
    assert_eq!((eni.ipv4_prefixes.len(), eni.private_ip_addresses.len()), (1, 1));
    assert_eq!(free(&scene), before - 17, "a prefix counts 16");

    let id = eni.network_interface_id.as_str();
    let answer = scene.call(&prefix_count(id, 2));
    assert_eq!(answer.assigned_ipv4_prefixes.len(), 2);
    assert!(answer.assigned_private_ip_addresses.is_empty());
    let described =
        DescribeNetworkInterfaces { network_interface_ids: vec![id.into()], ..Default::default() };
    let shown = scene.call(&described).network_interfaces.remove(0).ipv4_prefixes;
    assert_eq!(shown.len(), 3);
    assert_eq!(shown[0], eni.ipv4_prefixes[0]);

    let ipv4_prefixes = shown.into_iter().map(|prefix| prefix.ipv4_prefix).collect();
    let all = UnassignPrivateIpAddresses { ipv4_prefixes, ..unassignment(id, &[]) };
    scene.call(&all);
    assert_eq!(free(&scene), before - 1);
    assert_eq!(
        scene.refused(&all),
        invalid(format!("Some of the specified prefixes are not assigned to interface {id}"))
    );
    let block = Ipv4PrefixSpecificationRequest { ipv4_prefix: "10.10.1.240/28".into() };
    let last = CreateNetworkInterface { ipv4_prefixes: vec![block], ..creation(&scene) };
    assert_eq!(scene.refused(&last), invalid("Prefix is in subnet's reserved address range"));
}

#[test]
fn a_shortage_is_said_in_the_words_of_the_call() {
    let scene = Scene::new();
    let eni = create(&scene, 0);
    let id = eni.network_interface_id.as_str();
    assert_eq!(
        scene.refused(&prefix_count(id, 15)),
        error(
            400,
            "InsufficientCidrBlocks",
            "The specified subnet does not have enough free cidr blocks to satisfy the request."
        )
    );
    let request = CreateNetworkInterface { ipv4_prefix_count: Some(15), ..creation(&scene) };
    assert_eq!(
        scene.refused(&request),
        invalid("There aren't sufficient free Ipv4 addresses or prefixes")
    );
    let both = AssignPrivateIpAddresses {
        secondary_private_ip_address_count: Some(1),
        ..prefix_count(id, 1)
    };
    assert_eq!(scene.refused(&both).1, "InvalidParameterCombination");
    assert_eq!(scene.refused(&prefix_count(id, 0)).1, "InvalidParameter");
    for (prefix, message) in [
        ("10.10.2.16/28", "Prefix does not fall within the subnet's address range"),
        (
            "10.10.1.16/29",
            "Value (10.10.1.16/29) for parameter ipv4Prefix is invalid. Expected a /28 block.",
        ),
        (
            "nonsense",
            "Value (nonsense) for parameter ipv4Prefix is invalid. This is not a valid CIDR block.",
        ),
    ] {
        assert_eq!(scene.refused(&named(id, &[prefix])), invalid(message));
    }
}

#[test]
fn prefixes_and_addresses_share_the_instances_slots() {
    let scene = Scene::new();
    let primary = scene.primary_eni(&scene.node_1).id.to_string();
    let limit = error(
        400,
        "PrivateIpAddressLimitExceeded",
        "Number of private addresses will exceed limit.",
    );
    assert_eq!(scene.refused(&prefix_count(&primary, 10)), limit);
    let eni =
        scene.call(&CreateNetworkInterface { ipv4_prefix_count: Some(10), ..creation(&scene) });
    let attach = AttachNetworkInterface {
        network_interface_id: eni.network_interface.network_interface_id,
        instance_id: scene.node_1.to_string(),
        device_index: 1,
        ..Default::default()
    };
    assert_eq!(scene.refused(&attach), limit, "an m5.large has 10 per ENI, with the primary");
}

#[test]
fn reservations_are_created_listed_filtered_and_deleted() {
    let scene = Scene::new();
    let before = free(&scene);
    let tags = vec![TagSpecification {
        resource_type: "subnet-cidr-reservation".into(),
        tags: vec![Tag::new("Name", "pods")],
    }];
    let request = CreateSubnetCidrReservation {
        description: Some("for pods".into()),
        tag_specifications: tags,
        ..reservation(&scene, "10.10.1.128/26", "prefix")
    };
    let dry = CreateSubnetCidrReservation { dry_run: Some(true), ..request.clone() };
    assert_eq!(scene.refused(&dry).1, "DryRunOperation");
    assert!(free(&scene) == before, "a dry run changes nothing");
    let made = scene.call(&request).subnet_cidr_reservation;
    assert!(made.subnet_cidr_reservation_id.starts_with("scr-"), "{made:?}");
    assert_eq!((made.cidr.as_str(), made.reservation_type.as_str()), ("10.10.1.128/26", "prefix"));
    assert_eq!(made.tags, [Tag::new("Name", "pods")]);
    assert!(free(&scene) < before);
    scene.call(&reservation(&scene, "10.10.1.192/28", "explicit"));

    let list = |filters: Vec<Filter>| {
        let subnet_id = scene.nodes_a.to_string();
        let request = GetSubnetCidrReservations { subnet_id, filters, ..Default::default() };
        scene.call(&request).ipv4
    };
    assert_eq!(list(Vec::new()).len(), 2);
    assert_eq!(list(vec![Filter::new("tag:Name", ["pods"])]), std::slice::from_ref(&made));
    assert_eq!(list(vec![Filter::new("reservationType", ["explicit"])]).len(), 1);

    let eni = create(&scene, 0);
    let answer = scene.call(&prefix_count(&eni.network_interface_id, 1));
    let prefix: ipnet::Ipv4Net = answer.assigned_ipv4_prefixes[0].ipv4_prefix.parse().unwrap();
    assert!("10.10.1.128/26".parse::<ipnet::Ipv4Net>().unwrap().contains(&prefix), "{prefix}");

    let delete = DeleteSubnetCidrReservation {
        subnet_cidr_reservation_id: made.subnet_cidr_reservation_id.clone(),
        ..Default::default()
    };
    assert_eq!(scene.call(&delete).deleted_subnet_cidr_reservation, made);
    let id = &made.subnet_cidr_reservation_id;
    assert_eq!(
        scene.refused(&delete),
        error(
            400,
            "InvalidSubnetCidrReservationID.NotFound",
            format!("The subnet CIDR reservation ID '{id}' does not exist")
        )
    );
}

#[test]
fn refuses_reservations() {
    let scene = Scene::new();
    let made = scene.call(&reservation(&scene, "10.10.1.64/26", "prefix"));
    let id = made.subnet_cidr_reservation.subnet_cidr_reservation_id;
    for (cidr, kind, message) in [
        (
            "10.10.1.80/28",
            "explicit",
            format!("The CIDR '10.10.1.80/28' conflicts with the CIDR reservation '{id}'"),
        ),
        (
            "10.10.2.0/28",
            "prefix",
            "The CIDR '10.10.2.0/28' does not fall within the subnet's address range".into(),
        ),
        ("10.10.1.0/28", "both", "Value (both) for parameter reservationType is invalid.".into()),
    ] {
        assert_eq!(scene.refused(&reservation(&scene, cidr, kind)), invalid(message));
    }
    let absent = CreateSubnetCidrReservation {
        subnet_id: format!("subnet-{ABSENT}"),
        ..reservation(&scene, "10.10.1.0/28", "prefix")
    };
    assert_eq!(scene.refused(&absent).1, "InvalidSubnetID.NotFound");
}
