//! Subnet CIDR reservations: create, delete, list.

use crate::{Filter, Tag, TagSpecification, action::action};
use serde::{Deserialize, Serialize};

/// Reserves a part of a subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSubnetCidrReservation {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The subnet.
    pub subnet_id: String,
    /// The block to reserve.
    pub cidr: String,
    /// `prefix` or `explicit`.
    pub reservation_type: String,
    /// Free text.
    pub description: Option<String>,
    /// Tags, for the resource type `subnet-cidr-reservation`.
    #[serde(rename = "TagSpecification", default)]
    pub tag_specifications: Vec<TagSpecification>,
}

action!(CreateSubnetCidrReservation => CreateSubnetCidrReservationResponse, |_request| false);

/// Answer to [`CreateSubnetCidrReservation`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateSubnetCidrReservationResponse {
    /// The reservation.
    pub subnet_cidr_reservation: SubnetCidrReservation,
}

/// Ends a CIDR reservation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSubnetCidrReservation {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The reservation.
    pub subnet_cidr_reservation_id: String,
}

action!(DeleteSubnetCidrReservation => DeleteSubnetCidrReservationResponse, repeatable);

/// Answer to [`DeleteSubnetCidrReservation`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteSubnetCidrReservationResponse {
    /// The reservation that was.
    pub deleted_subnet_cidr_reservation: SubnetCidrReservation,
}

/// Lists the CIDR reservations of a subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSubnetCidrReservations {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The subnet.
    pub subnet_id: String,
    /// Conditions that must all hold.
    #[serde(rename = "Filter", default)]
    pub filters: Vec<Filter>,
    /// Size of a page, 5 to 1000.
    pub max_results: Option<u32>,
    /// The page to answer with, from the answer before.
    pub next_token: Option<String>,
}

action!(GetSubnetCidrReservations => GetSubnetCidrReservationsResponse, repeatable);

/// Answer to [`GetSubnetCidrReservations`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetSubnetCidrReservationsResponse {
    /// Reservations of IPv4 addresses.
    #[serde(rename = "SubnetIpv4CidrReservationSet")]
    pub ipv4: Vec<SubnetCidrReservation>,
    /// Reservations of IPv6 addresses.
    #[serde(rename = "SubnetIpv6CidrReservationSet")]
    pub ipv6: Vec<SubnetCidrReservation>,
    /// Names the next page, if there is one.
    pub next_token: Option<String>,
}

/// A CIDR reservation of a subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SubnetCidrReservation {
    /// Id, `scr-…`.
    pub subnet_cidr_reservation_id: String,
    /// The subnet.
    pub subnet_id: String,
    /// The reserved block.
    pub cidr: String,
    /// `prefix` or `explicit`.
    pub reservation_type: String,
    /// Account that owns it.
    pub owner_id: String,
    /// Free text.
    pub description: Option<String>,
    /// Tags.
    #[serde(rename = "TagSet")]
    pub tags: Vec<Tag>,
}
