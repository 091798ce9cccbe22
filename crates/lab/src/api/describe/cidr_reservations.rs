//! GetSubnetCidrReservations.

use ec2_query::{
    GetSubnetCidrReservations, GetSubnetCidrReservationsResponse, SubnetCidrReservation,
};
use vpc::{CidrReservation, SubnetCidrReservationId, SubnetId};

use super::{Described, Selection, list, one, tag_pairs, tags};
use crate::api::error::ApiError;
use crate::api::filter::Filtered;
use crate::api::{Context, ids};

pub(in crate::api) fn cidr_reservations(
    context: &Context<'_>,
    request: &GetSubnetCidrReservations,
) -> Result<GetSubnetCidrReservationsResponse, ApiError> {
    let subnet: SubnetId = ids::parse(&request.subnet_id)?;
    context.own_subnet(&subnet)?;
    let all = context.lab.read(|world| {
        let found = world.subnet(&subnet).ok();
        found.into_iter().flat_map(|found| found.cidr_reservations.values().map(view)).collect()
    });
    let selection = Selection {
        ids: &[],
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (ipv4, next_token) =
        list::<SubnetCidrReservationId, SubnetCidrReservation>(context, &selection, all)?;
    Ok(GetSubnetCidrReservationsResponse { ipv4, ipv6: Vec::new(), next_token })
}

/// A CIDR reservation as EC2 answers it.
pub(in crate::api) fn view(reservation: &CidrReservation) -> SubnetCidrReservation {
    SubnetCidrReservation {
        subnet_cidr_reservation_id: reservation.id.to_string(),
        subnet_id: reservation.subnet.to_string(),
        cidr: reservation.cidr.to_string(),
        reservation_type: reservation.kind.to_string(),
        owner_id: reservation.owner.to_string(),
        description: Some(reservation.description.clone()).filter(|text| !text.is_empty()),
        tags: tags(&reservation.tags),
    }
}

impl Described for SubnetCidrReservation {
    const ACTION: &'static str = "GetSubnetCidrReservations";
    const IDS: &'static str = "subnetCidrReservationIdSet";

    fn key(&self) -> &str {
        &self.subnet_cidr_reservation_id
    }
}

impl Filtered for SubnetCidrReservation {
    /// The filters that the EC2 API reference has for this call.
    fn attribute(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "reservationType" | "reservation-type" => one(&self.reservation_type),
            "subnet-id" => one(&self.subnet_id),
            _ => None,
        }
    }

    fn tags(&self) -> Option<Vec<(&str, &str)>> {
        tag_pairs(&self.tags)
    }
}
