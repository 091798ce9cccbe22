//! AttachNetworkInterface, DetachNetworkInterface and DeleteNetworkInterface.

use ec2_query::{
    AttachNetworkInterface, AttachNetworkInterfaceResponse, DeleteNetworkInterface,
    DetachNetworkInterface, Return,
};
use vpc::{AttachmentId, InstanceId};

use crate::api::error::ApiError;
use crate::api::{Context, ids, refusal};

pub(in crate::api) fn attach(
    context: &Context<'_>,
    request: &AttachNetworkInterface,
) -> Result<AttachNetworkInterfaceResponse, ApiError> {
    let eni = context.own_eni_id(&request.network_interface_id)?;
    let instance: InstanceId = ids::parse(&request.instance_id)?;
    let owned = context.lab.read(|world| {
        world.instance(&instance).is_ok_and(|instance| context.owns(&instance.owner))
    });
    if !owned {
        return Err(ids::not_found::<InstanceId>(instance.as_str()));
    }
    // Only the lab's own VPC has a fabric; an ENI of another has nowhere to be plugged in.
    let apart = context.lab.read(|world| {
        let host = world.instance_enis(&instance).into_iter().next().map(|eni| &eni.vpc);
        host.is_some_and(|vpc| world.eni(&eni).is_ok_and(|eni| eni.vpc != *vpc))
    });
    if apart {
        return Err(ApiError::unsupported("Attaching a network interface of another VPC"));
    }
    let card = request.network_card_index.unwrap_or(0);
    let attachment = context.change(|world| {
        world.attach_eni(&eni, &instance, request.device_index, card, context.now)
    })?;
    Ok(AttachNetworkInterfaceResponse {
        attachment_id: attachment.to_string(),
        network_card_index: Some(card),
    })
}

pub(in crate::api) fn detach(
    context: &Context<'_>,
    request: &DetachNetworkInterface,
) -> Result<Return, ApiError> {
    let attachment: AttachmentId = ids::parse(&request.attachment_id)?;
    let owned = context
        .lab
        .read(|world| world.attached_eni(&attachment).is_ok_and(|eni| context.owns(&eni.owner)));
    if !owned {
        return Err(ids::not_found::<AttachmentId>(attachment.as_str()));
    }
    let force = request.force.unwrap_or(false);
    context.change_or(
        |world| world.detach_eni(&attachment, force),
        |error| match error {
            vpc::Error::RequesterManaged { .. } => refusal::not_ones_own_attachment(),
            other => refusal::answer(other),
        },
    )?;
    Ok(Return::default())
}

pub(in crate::api) fn delete(
    context: &Context<'_>,
    request: &DeleteNetworkInterface,
) -> Result<Return, ApiError> {
    let eni = context.own_eni_id(&request.network_interface_id)?;
    context.change_or(
        |world| world.delete_eni(&eni),
        |error| match error {
            vpc::Error::EniInUse { eni, .. } => refusal::delete_in_use(eni),
            other => refusal::answer(other),
        },
    )?;
    Ok(Return::default())
}
