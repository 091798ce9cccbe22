//! ModifyNetworkInterfaceAttribute, and who may change what.

use ec2_query::{DeleteNetworkInterface, ModifyNetworkInterfaceAttribute};

use super::requests::{assignment, create, unassignment, unheld};
use super::{ABSENT, Scene, default_group, error};

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
