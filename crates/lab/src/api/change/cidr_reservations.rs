//! CreateSubnetCidrReservation and DeleteSubnetCidrReservation.

use ec2_query::{
    CreateSubnetCidrReservation, CreateSubnetCidrReservationResponse, DeleteSubnetCidrReservation,
    DeleteSubnetCidrReservationResponse,
};
use vpc::{CidrReservationSpec, SubnetCidrReservationId, SubnetId};

use super::cidr;
use super::create::description;
use super::tags::from_specifications;
use crate::api::error::ApiError;
use crate::api::{Context, describe, ids};

pub(in crate::api) fn create_cidr_reservation(
    context: &Context<'_>,
    request: &CreateSubnetCidrReservation,
) -> Result<CreateSubnetCidrReservationResponse, ApiError> {
    let subnet: SubnetId = ids::parse(&request.subnet_id)?;
    let kind = request.reservation_type.parse().map_err(|_| {
        ApiError::invalid_value(format!(
            "Value ({}) for parameter reservationType is invalid.",
            request.reservation_type
        ))
    })?;
    let spec = CidrReservationSpec {
        subnet: subnet.clone(),
        cidr: cidr(&request.cidr, "cidr")?,
        kind,
        description: description(request.description.as_deref())?,
        tags: from_specifications(&request.tag_specifications, "subnet-cidr-reservation")?,
    };
    context.own_subnet(&subnet)?;
    let subnet_cidr_reservation = context.change(|world| {
        let id = world.create_cidr_reservation(spec)?;
        Ok(describe::cidr_reservation(world.cidr_reservation(&id)?))
    })?;
    Ok(CreateSubnetCidrReservationResponse { subnet_cidr_reservation })
}

pub(in crate::api) fn delete_cidr_reservation(
    context: &Context<'_>,
    request: &DeleteSubnetCidrReservation,
) -> Result<DeleteSubnetCidrReservationResponse, ApiError> {
    let id: SubnetCidrReservationId = ids::parse(&request.subnet_cidr_reservation_id)?;
    let owned = context
        .lab
        .read(|world| world.cidr_reservation(&id).is_ok_and(|found| context.owns(&found.owner)));
    if !owned {
        return Err(ids::not_found::<SubnetCidrReservationId>(id.as_str()));
    }
    let deleted = context.change(|world| world.delete_cidr_reservation(&id))?;
    Ok(DeleteSubnetCidrReservationResponse {
        deleted_subnet_cidr_reservation: describe::cidr_reservation(&deleted),
    })
}
