//! DescribeAvailabilityZones.

use crate::{Filter, action::action};
use serde::{Deserialize, Serialize};

/// Lists the Availability Zones of the Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeAvailabilityZones {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Names of the zones to list; none means all.
    #[serde(rename = "ZoneName", default)]
    pub zone_names: Vec<String>,
    /// Ids of the zones to list; none means all.
    #[serde(rename = "ZoneId", default)]
    pub zone_ids: Vec<String>,
    /// Conditions that must all hold.
    #[serde(rename = "Filter", default)]
    pub filters: Vec<Filter>,
    /// Also list zones that the account has not opted in to.
    pub all_availability_zones: Option<bool>,
}

action!(DescribeAvailabilityZones => DescribeAvailabilityZonesResponse, repeatable);

/// Answer to [`DescribeAvailabilityZones`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeAvailabilityZonesResponse {
    /// The zones.
    #[serde(rename = "AvailabilityZoneInfo")]
    pub availability_zones: Vec<AvailabilityZone>,
}

/// An Availability Zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AvailabilityZone {
    /// Name, such as `us-west-2a`; which zone that is may differ from account to account.
    pub zone_name: String,
    /// Id, such as `usw2-az1`; the same for all accounts.
    pub zone_id: String,
    /// `available`, `information`, `impaired`, `unavailable` or `constrained`.
    #[serde(rename = "ZoneState")]
    pub state: String,
    /// The Region.
    pub region_name: String,
    /// `availability-zone`, `local-zone` or `wavelength-zone`.
    pub zone_type: String,
    /// Group of zones, such as `us-west-2-zg-1`.
    pub group_name: String,
    /// Set of zones from which AWS announces public addresses.
    pub network_border_group: String,
    /// `opt-in-not-required`, `opted-in` or `not-opted-in`.
    pub opt_in_status: String,
    /// What AWS has to say about the zone.
    #[serde(rename = "MessageSet")]
    pub messages: Vec<AvailabilityZoneMessage>,
}

/// A message about an Availability Zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AvailabilityZoneMessage {
    /// The text.
    pub message: String,
}
