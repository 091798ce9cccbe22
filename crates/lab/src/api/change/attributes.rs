//! ModifyNetworkInterfaceAttribute.

use ec2_query::{ModifyNetworkInterfaceAttribute, NetworkInterfaceAttachmentChanges, Return};
use vpc::EniAttribute;

use super::create::description;
use crate::api::error::ApiError;
use crate::api::{Context, ids};

/// One attribute per call.
pub(in crate::api) fn modify_attribute(
    context: &Context<'_>,
    request: &ModifyNetworkInterfaceAttribute,
) -> Result<Return, ApiError> {
    let attribute = attribute(request)?;
    let eni = context.own_eni_id(&request.network_interface_id)?;
    context.change(|world| world.set_eni_attribute(&eni, attribute))?;
    Ok(Return::default())
}

fn attribute(request: &ModifyNetworkInterfaceAttribute) -> Result<EniAttribute, ApiError> {
    let named: Vec<&str> = [
        ("description", request.description.is_some()),
        ("groupSet", !request.groups.is_empty()),
        ("sourceDestCheck", request.source_dest_check.is_some()),
        ("attachment", request.attachment.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect();
    if named.len() > 1 {
        return Err(ApiError::combination(format!(
            "Fields for multiple attribute types specified: {}",
            named.join(", ")
        )));
    }
    if let Some(value) = &request.description {
        return Ok(EniAttribute::Description(description(Some(&value.value))?));
    }
    if let Some(check) = &request.source_dest_check {
        return Ok(EniAttribute::SourceDestCheck(check.value));
    }
    if let Some(changes) = &request.attachment {
        return delete_on_termination(changes);
    }
    if !request.groups.is_empty() {
        return Ok(EniAttribute::Groups(ids::parse_all(&request.groups)?));
    }
    Err(ApiError::combination("No attributes specified."))
}

fn delete_on_termination(
    changes: &NetworkInterfaceAttachmentChanges,
) -> Result<EniAttribute, ApiError> {
    let value = changes.delete_on_termination;
    let value = value.ok_or_else(|| ApiError::missing("attachment.deleteOnTermination"))?;
    Ok(EniAttribute::DeleteOnTermination { attachment: ids::parse(&changes.attachment_id)?, value })
}
