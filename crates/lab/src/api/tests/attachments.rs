//! Attaching, detaching, deleting.

use ec2_query::{
    AttachNetworkInterface, CreateNetworkInterface, DeleteNetworkInterface, DetachNetworkInterface,
    ModifyNetworkInterfaceAttribute, NetworkInterfaceAttachmentChanges,
};
use vpc::{InstanceId, SubnetId};

use super::{ABSENT, Scene, error};

fn create(scene: &Scene, subnet: &SubnetId) -> String {
    let request = CreateNetworkInterface {
        subnet_id: subnet.to_string(),
        ..CreateNetworkInterface::default()
    };
    scene.call(&request).network_interface.network_interface_id
}

fn attachment(eni: &str, instance: &InstanceId, device_index: u32) -> AttachNetworkInterface {
    AttachNetworkInterface {
        network_interface_id: eni.into(),
        instance_id: instance.to_string(),
        device_index,
        ..AttachNetworkInterface::default()
    }
}

fn detachment(attachment: &str) -> DetachNetworkInterface {
    DetachNetworkInterface { attachment_id: attachment.into(), ..DetachNetworkInterface::default() }
}

fn deletion(eni: &str) -> DeleteNetworkInterface {
    DeleteNetworkInterface { dry_run: None, network_interface_id: eni.into() }
}

#[test]
fn a_life() {
    let scene = Scene::new();
    let eni = create(&scene, &scene.nodes_a);
    let answer = scene.call(&attachment(&eni, &scene.node_1, 1));
    assert_eq!(answer.network_card_index, Some(0));
    let held = scene.eni(&eni).attachment.unwrap();
    assert_eq!(held.id.to_string(), answer.attachment_id);
    assert!(!held.delete_on_termination, "false for what was attached later");
    let modify = ModifyNetworkInterfaceAttribute {
        network_interface_id: eni.clone(),
        attachment: Some(NetworkInterfaceAttachmentChanges {
            attachment_id: answer.attachment_id.clone(),
            delete_on_termination: Some(true),
        }),
        ..ModifyNetworkInterfaceAttribute::default()
    };
    scene.call(&modify);
    assert!(scene.eni(&eni).attachment.unwrap().delete_on_termination);
    assert_eq!(
        scene.refused(&deletion(&eni)),
        error(
            400,
            "InvalidParameterValue",
            format!("Network interface '{eni}' is currently in use.")
        )
    );
    assert_eq!(
        scene.refused(&attachment(&eni, &scene.node_1, 2)),
        error(400, "InvalidNetworkInterface.InUse", format!("Interface: [{eni}] in use."))
    );
    scene.call(&detachment(&answer.attachment_id));
    assert_eq!(scene.eni(&eni).attachment, None);
    assert_eq!(
        scene.refused(&detachment(&answer.attachment_id)),
        error(
            400,
            "InvalidAttachmentID.NotFound",
            format!(
                "The network interface attachment ID '{}' does not exist",
                answer.attachment_id
            )
        )
    );
    scene.call(&deletion(&eni));
    assert_eq!(
        scene.refused(&deletion(&eni)),
        error(
            400,
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID '{eni}' does not exist")
        )
    );
    assert_eq!(scene.fabric.convergences(), 5);
}

#[test]
fn places_an_eni_cannot_take() {
    let scene = Scene::new();
    let eni = create(&scene, &scene.nodes_a);
    let invalid = |message: String| error(400, "InvalidParameterValue", message);
    let node = &scene.node_1;
    assert_eq!(
        scene.refused(&attachment(&eni, node, 0)),
        invalid(format!(
            "Instance '{node}' already has an interface attached at device index '0'."
        ))
    );
    let card = |network_card| AttachNetworkInterface {
        network_card_index: Some(network_card),
        ..attachment(&eni, node, 1)
    };
    assert_eq!(
        scene.refused(&card(1)),
        invalid("Network card index 1 exceeds the limit for m5.large".into())
    );
    assert_eq!(
        scene.refused(&attachment(&eni, &scene.node_2, 1)),
        error(
            400,
            "InvalidParameterCombination",
            "You may not attach a network interface to an instance if they are not in the same \
             availability zone"
        )
    );
    for index in [1, 2] {
        let more = create(&scene, &scene.nodes_a);
        scene.call(&attachment(&more, node, index));
    }
    assert_eq!(
        scene.refused(&attachment(&eni, node, 3)),
        error(400, "AttachmentLimitExceeded", "Interface count 4 exceeds the limit for m5.large")
    );
    let absent: InstanceId = format!("i-{ABSENT}").parse().unwrap();
    for instance in [&absent, &scene.foreign_instance] {
        assert_eq!(
            scene.refused(&attachment(&eni, instance, 1)),
            error(
                400,
                "InvalidInstanceID.NotFound",
                format!("The instance ID '{instance}' does not exist")
            )
        );
    }
    assert_eq!(
        scene.refused_raw(
            "AttachNetworkInterface",
            &[("NetworkInterfaceId", &eni), ("InstanceId", "node-1"), ("DeviceIndex", "1")]
        ),
        error(400, "InvalidInstanceID.Malformed", "Invalid id: \"node-1\" (expecting \"i-...\")")
    );
    assert_eq!(
        scene.refused_raw(
            "AttachNetworkInterface",
            &[("NetworkInterfaceId", &eni), ("InstanceId", node.as_str())]
        ),
        error(400, "MissingParameter", "The request must contain the parameter deviceIndex")
    );
}

#[test]
fn too_many_addresses_for_the_instance_type() {
    let scene = Scene::new();
    let request = CreateNetworkInterface {
        subnet_id: scene.nodes_b.to_string(),
        secondary_private_ip_address_count: Some(6),
        ..CreateNetworkInterface::default()
    };
    let eni = scene.call(&request).network_interface.network_interface_id;
    assert_eq!(
        scene.refused(&attachment(&eni, &scene.node_2, 1)),
        error(
            400,
            "PrivateIpAddressLimitExceeded",
            "Number of private addresses will exceed limit."
        ),
        "seven, where a t3.medium's ENI may have six"
    );
}

#[test]
fn an_instance_that_is_gone() {
    let scene = Scene::new();
    let eni = create(&scene, &scene.nodes_a);
    let node = scene.node_1.clone();
    scene.lab.mutate(|world| world.terminate_instance(&node)).unwrap();
    assert_eq!(
        scene.refused(&attachment(&eni, &node, 1)),
        error(
            400,
            "IncorrectInstanceState",
            format!("Instance '{node}' is not in the 'running' or 'stopped' state.")
        )
    );
}

#[test]
fn a_forced_detach_spends_the_device_index() {
    let scene = Scene::new();
    let eni = create(&scene, &scene.nodes_a);
    let held = scene.call(&attachment(&eni, &scene.node_1, 1)).attachment_id;
    scene.call(&DetachNetworkInterface { force: Some(true), ..detachment(&held) });
    assert_eq!(
        scene.refused(&attachment(&eni, &scene.node_1, 1)),
        error(
            400,
            "InvalidParameterValue",
            format!(
                "Device index '1' of instance '{}' cannot be used until the instance is stopped \
                 and started.",
                scene.node_1
            )
        )
    );
    scene.call(&attachment(&eni, &scene.node_1, 2));
}

#[test]
fn attachments_that_cannot_be_undone() {
    let scene = Scene::new();
    let primary = scene.primary_eni(&scene.node_1).attachment.unwrap().id.to_string();
    assert_eq!(
        scene.refused(&detachment(&primary)),
        error(
            400,
            "OperationNotPermitted",
            "The network interface at device index 0 cannot be detached."
        )
    );
    assert_eq!(
        scene.refused(&detachment(scene.xeni_attachment.as_str())),
        error(
            400,
            "OperationNotPermitted",
            "You are not allowed to manage 'ela-attach' attachments."
        )
    );
    let foreign = scene.primary_eni(&scene.foreign_instance).attachment.unwrap().id;
    assert_eq!(
        scene.refused(&detachment(foreign.as_str())),
        error(
            400,
            "InvalidAttachmentID.NotFound",
            format!("The network interface attachment ID '{foreign}' does not exist")
        )
    );
    assert_eq!(
        scene.refused(&detachment("eni-attach-x")),
        error(
            400,
            "InvalidAttachmentID.Malformed",
            "Invalid id: \"eni-attach-x\" (expecting \"eni-attach-...\")"
        )
    );
}

#[test]
fn network_cards() {
    let scene = Scene::new();
    let (owner, subnet) = (scene.lab.account.clone(), scene.nodes_a.clone());
    let node = scene
        .lab
        .mutate(|world| {
            world.run_instance(vpc::InstanceSpec {
                owner,
                // 16 ENIs, eight on each of two cards.
                instance_type: vpc::instance_types::find("c6in.32xlarge").unwrap(),
                subnet,
                private_ip: None,
                groups: Vec::new(),
                tags: vpc::Tags::new(),
                now: scene.lab.now(),
            })
        })
        .unwrap();
    let on_card = |card, device_index| AttachNetworkInterface {
        network_card_index: Some(card),
        ..attachment(&create(&scene, &scene.nodes_a), &node, device_index)
    };
    assert_eq!(
        scene.refused(&on_card(1, 0)),
        error(
            400,
            "InvalidParameterValue",
            "Device index 0 cannot be used on network card index 1."
        )
    );
    assert_eq!(scene.call(&on_card(1, 1)).network_card_index, Some(1));
    for device_index in 1..8 {
        scene.call(&on_card(0, device_index));
    }
    assert_eq!(
        scene.refused(&on_card(0, 8)),
        error(
            400,
            "AttachmentLimitExceeded",
            "Interface count 9 on network card 0 exceeds the limit for c6in.32xlarge"
        )
    );
}
