//! Every filter EC2 documents is known, matches what it should, and no other is.

use ec2_query::{
    DescribeInstanceTypes, DescribeInstances, DescribeNetworkInterfaces, DescribeSecurityGroups,
    DescribeSubnets, DescribeVpcs, Filter,
};

use super::{Scene, default_group, error};

/// The filters that EC2's API reference lists for each call, but for tags.
const DOCUMENTED: &[(&str, &str)] = &[
    ("DescribeVpcs", include_str!("documented/vpcs.txt")),
    ("DescribeSubnets", include_str!("documented/subnets.txt")),
    ("DescribeInstances", include_str!("documented/instances.txt")),
    ("DescribeNetworkInterfaces", include_str!("documented/network_interfaces.txt")),
    ("DescribeInstanceTypes", include_str!("documented/instance_types.txt")),
    ("DescribeSecurityGroups", include_str!("documented/security_groups.txt")),
    ("DescribeAvailabilityZones", include_str!("documented/availability_zones.txt")),
];

#[test]
fn every_documented_filter_is_known_and_no_other() {
    let scene = Scene::new();
    for (action, names) in DOCUMENTED {
        for name in names.lines() {
            let parameters =
                [("Filter.1.Name", name), ("Filter.1.Value.1", "nothing is like this")];
            let answer = scene.raw(&super::form(action, &parameters));
            assert_eq!(answer.status, 200, "{action} {name}: {}", answer.body);
        }
        let unknown = [("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")];
        assert_eq!(
            scene.refused_raw(action, &unknown),
            error(400, "InvalidParameterValue", "The filter 'colour' is invalid")
        );
        let is_tagged = !matches!(*action, "DescribeInstanceTypes" | "DescribeAvailabilityZones");
        for name in ["tag-key", "tag:Name"] {
            let parameters = [("Filter.1.Name", name), ("Filter.1.Value.1", "*")];
            let status = scene.raw(&super::form(action, &parameters)).status;
            assert_eq!(status == 200, is_tagged, "{action} {name}");
        }
    }
}

#[test]
fn network_interfaces_by_each_attribute() {
    let scene = Scene::new();
    let eni = scene.primary_eni(&scene.node_1);
    let own = eni.id.to_string();
    let attachment = eni.attachment.as_ref().unwrap().id.to_string();
    let group = default_group(&scene).to_string();
    let count = |name: &str, value: &str| {
        let request = DescribeNetworkInterfaces {
            filters: vec![Filter::new(name, [value])],
            ..DescribeNetworkInterfaces::default()
        };
        let found = scene.call(&request).network_interfaces;
        (found.len(), found.iter().any(|found| found.network_interface_id == own))
    };
    let (address, mac) = (eni.primary.to_string(), eni.mac.to_string());
    let host = format!("ip-{}.us-west-2.compute.internal", address.replace('.', "-"));
    for (name, value, all) in [
        ("addresses.primary", "true", 3),
        ("addresses.private-ip-address", address.as_str(), 1),
        ("attachment.attach-time", "2026-11-23T11:40:00.000Z", 3),
        ("attachment.attachment-id", &attachment, 1),
        ("attachment.delete-on-termination", "true", 2),
        ("attachment.device-index", "0", 2),
        ("attachment.instance-id", &scene.node_1.to_string(), 1),
        ("attachment.instance-owner-id", "111122223333", 2),
        ("attachment.network-card-index", "0", 2),
        ("attachment.status", "attached", 3),
        ("availability-zone", "us-west-2a", 2),
        ("availability-zone-id", "usw2-az1", 2),
        ("group-id", &group, 3),
        ("group-name", "default", 3),
        ("interface-type", "interface", 3),
        ("mac-address", &mac, 1),
        ("network-interface-id", &own, 1),
        ("owner-id", "111122223333", 3),
        ("private-dns-name", &host, 1),
        ("private-ip-address", &address, 1),
        ("private-ip-address", "10.10.1.*", 2),
        ("requester-managed", "false", 2),
        ("source-dest-check", "true", 3),
        ("status", "in-us?", 3),
        ("subnet-id", &scene.nodes_a.to_string(), 2),
        ("vpc-id", &scene.vpc.to_string(), 3),
    ] {
        assert_eq!(count(name, value), (all, true), "{name}={value}");
    }
    for (name, value, all) in [
        ("description", "Amazon EKS *", 1),
        ("requester-id", super::OTHER_ACCOUNT, 1),
        ("association.public-ip", "*", 0),
        ("vpc-id", &scene.foreign_vpc.to_string(), 0),
    ] {
        assert_eq!(count(name, value), (all, false), "{name}={value}");
    }
}

#[test]
fn other_resources_by_their_attributes() {
    let scene = Scene::new();
    let filters = |name: &str, value: &str| vec![Filter::new(name, [value])];
    for (name, value, count) in [
        ("cidr", "10.10.0.0/16", 1),
        ("cidr-block-association.state", "associated", 1),
        ("is-default", "true", 0),
        ("owner-id", "111122223333", 1),
        ("tag:Name", "demo", 1),
    ] {
        let request = DescribeVpcs { filters: filters(name, value), ..DescribeVpcs::default() };
        assert_eq!(scene.call(&request).vpcs.len(), count, "{name}={value}");
    }
    for (name, value, count) in [
        ("availability-zone", "us-west-2b", 2),
        ("available-ip-address-count", "11", 1),
        ("cidr-block", "10.10.3.0/28", 1),
        ("tag:Name", "nodes-?", 2),
        ("tag-key", "Name", 3),
        ("vpc-id", &scene.vpc.to_string(), 3),
    ] {
        let request =
            DescribeSubnets { filters: filters(name, value), ..DescribeSubnets::default() };
        assert_eq!(scene.call(&request).subnets.len(), count, "{name}={value}");
    }
    let eni = scene.primary_eni(&scene.node_1);
    for (name, value, count) in [
        ("instance-type", "m5.*", 1),
        ("instance-state-name", "running", 2),
        ("instance-state-code", "16", 2),
        ("instance.group-name", "default", 2),
        ("network-interface.network-interface-id", &*eni.id.to_string(), 1),
        ("network-interface.addresses.private-ip-address", &*eni.primary.to_string(), 1),
        ("network-interface.attachment.device-index", "1", 0),
        ("private-dns-name", "ip-10-10-1-*", 1),
        ("subnet-id", &*scene.nodes_b.to_string(), 1),
        ("tag:Name", "node-1", 1),
        ("ip-address", "*", 0),
        ("metadata-options.http-tokens", "required", 2),
    ] {
        let request =
            DescribeInstances { filters: filters(name, value), ..DescribeInstances::default() };
        assert_eq!(scene.call(&request).reservations.len(), count, "{name}={value}");
    }
    for (name, value, expected) in [
        ("instance-type", "m5.l*", "m5.large"),
        ("network-info.maximum-network-cards", "32", "p5.48xlarge"),
    ] {
        let request = DescribeInstanceTypes {
            filters: filters(name, value),
            ..DescribeInstanceTypes::default()
        };
        let found = scene.call(&request).instance_types;
        assert!(found.iter().any(|t| t.instance_type == expected), "{name}={value}");
        assert!(found.len() < 20, "{name}={value}: {}", found.len());
    }
    for (name, value, count) in [
        ("group-name", "default", 1),
        ("egress.ip-permission.cidr", "0.0.0.0/0", 1),
        ("ip-permission.cidr", "0.0.0.0/0", 0),
        ("ip-permission.group-id", &*default_group(&scene).to_string(), 1),
    ] {
        let request = DescribeSecurityGroups {
            filters: filters(name, value),
            ..DescribeSecurityGroups::default()
        };
        assert_eq!(scene.call(&request).security_groups.len(), count, "{name}={value}");
    }
}

#[test]
fn too_many_values_are_refused() {
    let scene = Scene::new();
    let filters = vec![Filter::new("vpc-id", vec!["x"; 201])];
    let request = DescribeVpcs { filters, ..DescribeVpcs::default() };
    assert_eq!(
        scene.refused(&request),
        error(
            400,
            "FilterLimitExceeded",
            "The maximum number of filter values specified on a single call is 200"
        )
    );
}

#[test]
fn a_filter_without_values_matches_nothing() {
    let scene = Scene::new();
    let filters = vec![Filter::new("vpc-id", [""; 0])];
    let request = DescribeVpcs { filters, ..DescribeVpcs::default() };
    assert_eq!(scene.call(&request).vpcs.len(), 0);
}
