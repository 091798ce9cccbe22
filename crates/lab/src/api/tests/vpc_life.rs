//! VPCs and subnets from creation to deletion.

use ec2_query::{
    AssociateVpcCidrBlock, AttachNetworkInterface, AttributeBooleanValue, CreateNetworkInterface,
    CreateSubnet, CreateVpc, DeleteNetworkInterface, DeleteSubnet, DeleteVpc, DescribeVpcAttribute,
    DescribeVpcs, DisassociateVpcCidrBlock, ModifySubnetAttribute, ModifyVpcAttribute, Subnet, Tag,
    TagSpecification, Vpc,
};

use super::requests::invalid;
use super::{Scene, error};

fn make_vpc(scene: &Scene) -> Vpc {
    let tags = vec![Tag::new("Name", "second")];
    let tag_specifications = vec![TagSpecification { resource_type: "vpc".into(), tags }];
    let cidr_block = Some("10.20.3.4/16".into());
    scene.call(&CreateVpc { cidr_block, tag_specifications, ..Default::default() }).vpc
}

fn subnet_of(vpc: &Vpc, cidr: &str) -> CreateSubnet {
    CreateSubnet { vpc_id: vpc.vpc_id.clone(), cidr_block: Some(cidr.into()), ..Default::default() }
}

fn make_subnet(scene: &Scene, vpc: &Vpc, cidr: &str) -> Subnet {
    scene.call(&subnet_of(vpc, cidr)).subnet
}

#[test]
fn a_vpc_lives_from_creation_to_deletion() {
    let scene = Scene::new();
    let vpc = make_vpc(&scene);
    assert_eq!((vpc.cidr_block.as_str(), vpc.state.as_str()), ("10.20.0.0/16", "available"));
    assert_eq!(vpc.tags, [Tag::new("Name", "second")]);
    let subnet = make_subnet(&scene, &vpc, "10.20.1.0/24");
    assert_eq!(subnet.available_ip_address_count, 251);
    assert_eq!(subnet.availability_zone, "us-west-2a", "EC2 picks one");

    let eni = CreateNetworkInterface { subnet_id: subnet.subnet_id.clone(), ..Default::default() };
    let eni = scene.call(&eni).network_interface;
    assert_eq!((eni.vpc_id.as_str(), eni.private_dns_name), (vpc.vpc_id.as_str(), None));
    let attach = AttachNetworkInterface {
        network_interface_id: eni.network_interface_id.clone(),
        instance_id: scene.node_1.to_string(),
        device_index: 1,
        ..Default::default()
    };
    assert_eq!(scene.refused(&attach).1, "UnsupportedOperation", "it has no fabric");

    let delete_subnet = DeleteSubnet { subnet_id: subnet.subnet_id.clone(), ..Default::default() };
    let delete_vpc = DeleteVpc { vpc_id: vpc.vpc_id.clone(), ..Default::default() };
    let depends = |what: &str, id: &str| {
        let message = format!("The {what} '{id}' has dependencies and cannot be deleted.");
        error(400, "DependencyViolation", message)
    };
    assert_eq!(scene.refused(&delete_subnet), depends("subnet", &subnet.subnet_id));
    assert_eq!(scene.refused(&delete_vpc), depends("vpc", &vpc.vpc_id));
    let network_interface_id = eni.network_interface_id;
    scene.call(&DeleteNetworkInterface { network_interface_id, ..Default::default() });
    scene.call(&delete_subnet);
    let dry = DeleteVpc { dry_run: Some(true), ..delete_vpc.clone() };
    assert_eq!(scene.refused(&dry).1, "DryRunOperation");
    scene.call(&delete_vpc);
    assert_eq!(scene.refused(&delete_vpc).1, "InvalidVpcID.NotFound");
    assert_eq!(scene.refused(&delete_subnet).1, "InvalidSubnetID.NotFound");
}

#[test]
fn refuses_creations() {
    let scene = Scene::new();
    let vpc = |cidr: &str| CreateVpc { cidr_block: Some(cidr.into()), ..Default::default() };
    for cidr in ["10.0.0.0/15", "10.0.0.0/29", "169.254.0.0/16"] {
        let range = error(400, "InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid."));
        assert_eq!(scene.refused(&vpc(cidr)), range);
    }
    assert_eq!(
        scene.refused(&CreateVpc::default()),
        error(400, "MissingParameter", "The request must contain the parameter cidrBlock")
    );
    assert_eq!(
        scene.refused(&vpc("10.0.0.0")),
        invalid(
            "Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        )
    );
    let made = make_vpc(&scene);
    make_subnet(&scene, &made, "10.20.1.0/24");
    for (cidr, code) in [
        ("10.20.1.128/25", "InvalidSubnet.Conflict"),
        ("10.30.0.0/24", "InvalidSubnet.Range"),
        ("10.20.2.0/29", "InvalidSubnet.Range"),
    ] {
        assert_eq!(scene.refused(&subnet_of(&made, cidr)).1, code, "{cidr}");
    }
    let elsewhere = CreateSubnet {
        availability_zone: Some("eu-central-1a".into()),
        ..subnet_of(&made, "10.20.2.0/24")
    };
    let (_, code, message) = scene.refused(&elsewhere);
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("us-west-2a, us-west-2b, us-west-2c"), "{message}");
    for n in 1..4 {
        scene.call(&vpc(&format!("10.{n}.0.0/16")));
    }
    assert_eq!(scene.refused(&vpc("10.9.0.0/16")).1, "VpcLimitExceeded", "five is the quota");
    let foreign = Vpc { vpc_id: scene.foreign_vpc.to_string(), ..Vpc::default() };
    assert_eq!(scene.refused(&subnet_of(&foreign, "10.10.9.0/24")).1, "InvalidVpcID.NotFound");
}

#[test]
fn cidr_blocks_are_associated_and_disassociated() {
    let scene = Scene::new();
    let vpc = make_vpc(&scene);
    let associate = |cidr: &str| AssociateVpcCidrBlock {
        vpc_id: vpc.vpc_id.clone(),
        cidr_block: Some(cidr.into()),
        ..Default::default()
    };
    let made = scene.call(&associate("100.64.0.0/16"));
    let block = made.cidr_block_association;
    assert_eq!(block.cidr_block_state.state, "associating");
    let by_block = DescribeVpcs {
        filters: vec![ec2_query::Filter::new("cidr-block-association.cidr-block", ["100.64.*"])],
        ..Default::default()
    };
    let shown = scene.call(&by_block).vpcs.remove(0);
    let states: Vec<_> = shown
        .cidr_block_association_set
        .iter()
        .map(|block| (block.cidr_block.as_str(), block.cidr_block_state.state.as_str()))
        .collect();
    assert_eq!(states, [("10.20.0.0/16", "associated"), ("100.64.0.0/16", "associated")]);

    let subnet = make_subnet(&scene, &vpc, "100.64.1.0/24");
    let disassociate = |id: &str| DisassociateVpcCidrBlock { association_id: id.into() };
    let id = block.association_id.as_str();
    assert_eq!(scene.refused(&disassociate(id)).1, "InvalidCidrBlock.InUse");
    scene.call(&DeleteSubnet { subnet_id: subnet.subnet_id, ..Default::default() });
    let gone = scene.call(&disassociate(id)).cidr_block_association;
    assert_eq!(gone.cidr_block_state.state, "disassociating");
    assert_eq!(
        scene.refused(&disassociate(id)),
        error(
            400,
            "InvalidVpcCidrBlockAssociationID.NotFound",
            format!("The vpc CIDR block association ID '{id}' does not exist")
        )
    );
    let primary = &vpc.cidr_block_association_set[0].association_id;
    assert_eq!(scene.refused(&disassociate(primary)).1, "OperationNotPermitted");
    for cidr in ["192.168.0.0/16", "10.20.9.0/24"] {
        assert_eq!(scene.refused(&associate(cidr)).1, "InvalidVpc.Range", "{cidr}");
    }
    for n in 21..25 {
        scene.call(&associate(&format!("10.{n}.0.0/16")));
    }
    assert_eq!(scene.refused(&associate("10.25.0.0/16")).1, "CidrLimitExceeded");
}

#[test]
fn attributes_are_changed_one_at_a_time_and_shown() {
    let scene = Scene::new();
    let vpc_id = make_vpc(&scene).vpc_id;
    let ask = |attribute: &str| DescribeVpcAttribute {
        vpc_id: vpc_id.clone(),
        attribute: attribute.into(),
        ..Default::default()
    };
    let on = || Some(AttributeBooleanValue { value: true });
    let hostnames = |scene: &Scene| scene.call(&ask("enableDnsHostnames")).enable_dns_hostnames;
    assert_eq!(hostnames(&scene), Some(AttributeBooleanValue { value: false }));
    let change = ModifyVpcAttribute {
        vpc_id: vpc_id.clone(),
        enable_dns_hostnames: on(),
        ..Default::default()
    };
    scene.call(&change);
    assert_eq!(hostnames(&scene), on());
    assert_eq!(scene.call(&ask("enableDnsSupport")).enable_dns_support, on());
    assert_eq!(scene.refused(&ask("enableMagic")).1, "InvalidParameterValue");
    let both = ModifyVpcAttribute { enable_dns_support: on(), ..change };
    assert_eq!(scene.refused(&both).1, "InvalidParameterCombination");

    let subnet_id = scene.nodes_b.to_string();
    let public = ModifySubnetAttribute {
        subnet_id: subnet_id.clone(),
        map_public_ip_on_launch: on(),
        ..Default::default()
    };
    scene.call(&public);
    assert!(scene.lab.read(|w| w.subnet(&scene.nodes_b).unwrap().map_public_ip_on_launch));
    let ipv6 = ModifySubnetAttribute { subnet_id, enable_dns64: on(), ..Default::default() };
    assert_eq!(scene.refused(&ipv6).1, "UnsupportedOperation");
}
