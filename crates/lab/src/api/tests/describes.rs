//! What the Describe calls show, and whom.

use ec2_query::{
    DescribeAvailabilityZones, DescribeInstanceTypes, DescribeInstances, DescribeNetworkInterfaces,
    DescribeSecurityGroups, DescribeSubnets, DescribeVpcs,
};

use super::{ABSENT, OTHER_ACCOUNT, Scene, default_group, error};

#[test]
fn vpcs() {
    let scene = Scene::new();
    let vpcs = scene.call(&DescribeVpcs::default()).vpcs;
    assert_eq!(vpcs.len(), 1, "another account's VPC is not there");
    assert_eq!(vpcs[0].vpc_id, scene.vpc.to_string());
    assert_eq!(vpcs[0].cidr_block, "10.10.0.0/16");
    assert_eq!(vpcs[0].cidr_block_association_set[0].cidr_block, "10.10.0.0/16");
    assert_eq!(vpcs[0].tags[0].value, "demo");
}

#[test]
fn subnets_count_their_free_addresses() {
    let scene = Scene::new();
    let subnets = scene.call(&DescribeSubnets::default()).subnets;
    let shown: Vec<_> = subnets
        .iter()
        .map(|s| (s.tags[0].value.as_str(), s.cidr_block.as_str(), s.available_ip_address_count))
        .collect();
    // nodes-a has a node and an X-ENI, nodes-b a node.
    for expected in [
        ("nodes-a", "10.10.1.0/24", 249),
        ("nodes-b", "10.10.2.0/24", 250),
        ("tight-b", "10.10.3.0/28", 11),
    ] {
        assert!(shown.contains(&expected), "{shown:?}");
    }
    let a = subnets.iter().find(|s| s.subnet_id == scene.nodes_a.to_string()).unwrap();
    assert_eq!(
        (a.availability_zone.as_str(), a.availability_zone_id.as_str()),
        ("us-west-2a", "usw2-az1")
    );
    assert_eq!(
        a.subnet_arn,
        format!("arn:aws:ec2:us-west-2:111122223333:subnet/{}", scene.nodes_a)
    );
}

#[test]
fn instances() {
    let scene = Scene::new();
    let answer = scene.call(&DescribeInstances::default());
    assert_eq!(answer.reservations.len(), 2);
    let one = DescribeInstances {
        instance_ids: vec![scene.node_1.to_string()],
        ..DescribeInstances::default()
    };
    let reservation = scene.call(&one).reservations.remove(0);
    assert_eq!(reservation.owner_id, "111122223333");
    let node = &reservation.instances[0];
    let eni = scene.primary_eni(&scene.node_1);
    assert_eq!(node.instance_type, "m5.large");
    assert_eq!((node.state.code, node.state.name.as_str()), (16, "running"));
    assert_eq!(node.launch_time, "2026-11-23T11:40:00.000Z");
    assert_eq!(node.private_ip_address, Some(eni.primary.to_string()));
    let host = eni.primary.to_string().replace('.', "-");
    assert_eq!(node.private_dns_name, format!("ip-{host}.us-west-2.compute.internal"));
    let profile = node.iam_instance_profile.as_ref().unwrap();
    assert_eq!(profile.arn, "arn:aws:iam::111122223333:instance-profile/flatnet-node");
    let interface = &node.network_interfaces[0];
    assert_eq!(interface.network_interface_id, eni.id.to_string());
    assert_eq!(interface.attachment.device_index, 0);
    assert!(interface.attachment.delete_on_termination, "launched with the instance");
}

#[test]
fn network_interfaces() {
    let scene = Scene::new();
    let enis = scene.call(&DescribeNetworkInterfaces::default()).network_interfaces;
    assert_eq!(enis.len(), 3, "another account's are not there");
    let xeni = enis.iter().find(|eni| eni.network_interface_id == scene.xeni.to_string()).unwrap();
    assert_eq!(xeni.description, "Amazon EKS demo");
    assert!(xeni.requester_managed);
    assert_eq!(xeni.requester_id.as_deref(), Some(OTHER_ACCOUNT));
    assert_eq!(xeni.owner_id, "111122223333");
    let attachment = xeni.attachment.as_ref().unwrap();
    assert_eq!(attachment.instance_id, None);
    assert_eq!(attachment.instance_owner_id, OTHER_ACCOUNT);
    assert_eq!(xeni.status, "in-use");
    let primary = scene.primary_eni(&scene.node_2);
    let shown = enis.iter().find(|eni| eni.network_interface_id == primary.id.to_string()).unwrap();
    assert_eq!(shown.groups[0].group_id, default_group(&scene).to_string());
    assert_eq!(shown.groups[0].group_name, "default");
    assert_eq!(shown.mac_address, primary.mac.to_string());
    assert_eq!(shown.availability_zone_id.as_deref(), Some("usw2-az2"));
    assert_eq!(shown.attachment.as_ref().unwrap().instance_id, Some(scene.node_2.to_string()));
}

#[test]
fn instance_types() {
    let scene = Scene::new();
    let request = DescribeInstanceTypes {
        instance_types: vec!["t3.small".into(), "m5.large".into(), "p5.48xlarge".into()],
        ..DescribeInstanceTypes::default()
    };
    let types = scene.call(&request).instance_types;
    let shown: Vec<_> = types
        .iter()
        .map(|t| (t.instance_type.as_str(), t.network_info.ipv4_addresses_per_interface))
        .collect();
    assert_eq!(shown, [("m5.large", 10), ("p5.48xlarge", 50), ("t3.small", 4)]);
    assert_eq!(types[0].network_info.maximum_network_interfaces, 3);
    assert_eq!(types[0].hypervisor.as_deref(), Some("nitro"));
    assert_eq!(types[0].memory_info.size_in_mib, 8192);
    assert_eq!(types[2].burstable_performance_supported, Some(true));
    let cards = &types[1].network_info.network_cards;
    assert_eq!(cards.len(), 32);
    let total: u32 = cards.iter().map(|card| card.maximum_network_interfaces).sum();
    assert_eq!(total, types[1].network_info.maximum_network_interfaces);
    let unknown = DescribeInstanceTypes {
        instance_types: vec!["m5.large".into(), "m5.tiny".into(), "x".into()],
        ..DescribeInstanceTypes::default()
    };
    assert_eq!(
        scene.refused(&unknown),
        error(
            400,
            "InvalidInstanceType",
            "The following supplied instance types do not exist: [m5.tiny, x]"
        )
    );
}

#[test]
fn security_groups() {
    let scene = Scene::new();
    let groups = scene.call(&DescribeSecurityGroups::default()).security_groups;
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].group_name, "default");
    assert_eq!(groups[0].vpc_id, scene.vpc.to_string());
    assert_eq!(groups[0].ip_permissions[0].groups[0].group_id, groups[0].group_id);
    assert_eq!(groups[0].ip_permissions_egress[0].ip_ranges[0].cidr_ip, "0.0.0.0/0");
    let named = DescribeSecurityGroups {
        group_names: vec!["default".into()],
        ..DescribeSecurityGroups::default()
    };
    assert_eq!(scene.refused(&named).1, "VPCIdNotSpecified");
}

#[test]
fn availability_zones() {
    let scene = Scene::new();
    let zones = scene.call(&DescribeAvailabilityZones::default()).availability_zones;
    let names: Vec<_> = zones.iter().map(|zone| (&*zone.zone_name, &*zone.zone_id)).collect();
    assert_eq!(
        names,
        [("us-west-2a", "usw2-az1"), ("us-west-2b", "usw2-az2"), ("us-west-2c", "usw2-az3")]
    );
    let one = DescribeAvailabilityZones {
        zone_ids: vec!["usw2-az2".into()],
        ..DescribeAvailabilityZones::default()
    };
    assert_eq!(scene.call(&one).availability_zones[0].zone_name, "us-west-2b");
    let none = DescribeAvailabilityZones {
        zone_names: vec!["us-east-1a".into()],
        ..DescribeAvailabilityZones::default()
    };
    assert_eq!(
        scene.refused(&none),
        error(400, "InvalidParameterValue", "Invalid availability zone: [us-east-1a]")
    );
}

/// For each kind: malformed, absent (the first of two), and another account's.
#[test]
fn ids_that_do_not_name_a_resource_of_ones_own() {
    let scene = Scene::new();
    let foreign_vpc = scene.foreign_vpc.to_string();
    let foreign_eni = scene.foreign_eni.to_string();
    for (action, parameter, prefix, malformed, not_found, noun) in [
        (
            "DescribeVpcs",
            "VpcId",
            "vpc-",
            "InvalidVpcID.Malformed",
            "InvalidVpcID.NotFound",
            "The vpc ID",
        ),
        (
            "DescribeSubnets",
            "SubnetId",
            "subnet-",
            "InvalidSubnetID.Malformed",
            "InvalidSubnetID.NotFound",
            "The subnet ID",
        ),
        (
            "DescribeNetworkInterfaces",
            "NetworkInterfaceId",
            "eni-",
            "InvalidNetworkInterfaceId.Malformed",
            "InvalidNetworkInterfaceID.NotFound",
            "The networkInterface ID",
        ),
        (
            "DescribeInstances",
            "InstanceId",
            "i-",
            "InvalidInstanceID.Malformed",
            "InvalidInstanceID.NotFound",
            "The instance ID",
        ),
        (
            "DescribeSecurityGroups",
            "GroupId",
            "sg-",
            "InvalidGroupId.Malformed",
            "InvalidGroup.NotFound",
            "The security group",
        ),
    ] {
        let first = format!("{parameter}.1");
        let second = format!("{parameter}.2");
        assert_eq!(
            scene.refused_raw(action, &[(&first, "nonsense")]),
            error(400, malformed, format!("Invalid id: \"nonsense\" (expecting \"{prefix}...\")"))
        );
        let absent = format!("{prefix}{ABSENT}");
        let other = format!("{prefix}0123456789abcdef1");
        assert_eq!(
            scene.refused_raw(action, &[(&first, &absent), (&second, &other)]),
            error(400, not_found, format!("{noun} '{absent}' does not exist"))
        );
    }
    assert_eq!(
        scene.refused_raw("DescribeVpcs", &[("VpcId.1", &foreign_vpc)]),
        error(400, "InvalidVpcID.NotFound", format!("The vpc ID '{foreign_vpc}' does not exist"))
    );
    assert_eq!(
        scene.refused_raw("DescribeNetworkInterfaces", &[("NetworkInterfaceId.1", &foreign_eni)]),
        error(
            400,
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID '{foreign_eni}' does not exist")
        )
    );
}
