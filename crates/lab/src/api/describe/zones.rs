//! DescribeAvailabilityZones.

use std::collections::BTreeSet;

use ec2_query::{AvailabilityZone, DescribeAvailabilityZones, DescribeAvailabilityZonesResponse};
use vpc::World;

use super::{never, one};
use crate::api::Context;
use crate::api::error::ApiError;
use crate::api::filter::{Filtered, select};

/// Every Region has at least these.
const LETTERS: [char; 3] = ['a', 'b', 'c'];

pub(in crate::api) fn zones(
    context: &Context<'_>,
    request: &DescribeAvailabilityZones,
) -> Result<DescribeAvailabilityZonesResponse, ApiError> {
    let mut all = context.lab.read(|world| zones_of(&context.lab.region, world));
    if let Some(name) =
        request.zone_names.iter().find(|name| !all.iter().any(|zone| zone.zone_name == **name))
    {
        return Err(ApiError::invalid_value(format!("Invalid availability zone: [{name}]")));
    }
    if let Some(id) =
        request.zone_ids.iter().find(|id| !all.iter().any(|zone| zone.zone_id == **id))
    {
        return Err(ApiError::invalid_value(format!("Invalid availability zone-id: [{id}]")));
    }
    let asked = |list: &[String], value: &String| list.is_empty() || list.contains(value);
    all.retain(|zone| {
        asked(&request.zone_names, &zone.zone_name) && asked(&request.zone_ids, &zone.zone_id)
    });
    Ok(DescribeAvailabilityZonesResponse { availability_zones: select(all, &request.filters)? })
}

/// The Region's zones: the usual three, and any others that subnets are in.
pub(in crate::api) fn zones_of(region: &str, world: &World) -> Vec<AvailabilityZone> {
    let usual = LETTERS.iter().filter_map(|letter| format!("{region}{letter}").parse().ok());
    let used = world.subnets().map(|subnet| subnet.availability_zone.clone());
    let zones: BTreeSet<vpc::AvailabilityZone> = usual.chain(used).collect();
    zones.iter().map(view).collect()
}

fn view(zone: &vpc::AvailabilityZone) -> AvailabilityZone {
    AvailabilityZone {
        zone_name: zone.to_string(),
        zone_id: zone.zone_id(),
        state: "available".into(),
        region_name: zone.region().into(),
        zone_type: "availability-zone".into(),
        group_name: zone.region().into(),
        network_border_group: zone.region().into(),
        opt_in_status: "opt-in-not-required".into(),
        messages: Vec::new(),
    }
}

impl Filtered for AvailabilityZone {
    fn attribute(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "group-name" => one(&self.group_name),
            "opt-in-status" => one(&self.opt_in_status),
            "region-name" => one(&self.region_name),
            "state" => one(&self.state),
            "zone-id" => one(&self.zone_id),
            "zone-name" => one(&self.zone_name),
            "zone-type" => one(&self.zone_type),
            "group-long-name" | "message" | "parent-zone-id" | "parent-zone-name" => never(),
            _ => None,
        }
    }

    fn tags(&self) -> Option<Vec<(&str, &str)>> {
        None
    }
}
