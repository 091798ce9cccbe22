//! DescribeSubnets.

use ec2_query::{DescribeSubnets, DescribeSubnetsResponse, Subnet};
use vpc::{SubnetId, World};

use super::{Described, Selection, list, never, one, tag_pairs, tags};
use crate::api::Context;
use crate::api::error::ApiError;
use crate::api::filter::Filtered;
use crate::state::facts;

pub(in crate::api) fn subnets(
    context: &Context<'_>,
    request: &DescribeSubnets,
) -> Result<DescribeSubnetsResponse, ApiError> {
    let all = context
        .lab
        .read(|world| world.subnets().filter_map(|subnet| view(context, world, subnet)).collect());
    let selection = Selection {
        ids: &request.subnet_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (subnets, next_token) = list::<SubnetId, Subnet>(context, &selection, all)?;
    Ok(DescribeSubnetsResponse { subnets, next_token })
}

/// The subnet as its owner, who is its VPC's owner, sees it.
pub(in crate::api) fn view(
    context: &Context<'_>,
    world: &World,
    subnet: &vpc::Subnet,
) -> Option<Subnet> {
    let owner = &world.vpc(&subnet.vpc).ok().filter(|vpc| context.owns(&vpc.owner))?.owner;
    let region = &context.lab.region;
    Some(Subnet {
        subnet_id: subnet.id.to_string(),
        subnet_arn: format!("arn:{}:ec2:{region}:{owner}:subnet/{}", facts::PARTITION, subnet.id),
        state: "available".into(),
        vpc_id: subnet.vpc.to_string(),
        owner_id: owner.to_string(),
        cidr_block: subnet.cidr.to_string(),
        available_ip_address_count: subnet.free_addresses(),
        availability_zone: subnet.availability_zone.to_string(),
        availability_zone_id: subnet.availability_zone.zone_id(),
        default_for_az: false,
        map_public_ip_on_launch: subnet.map_public_ip_on_launch,
        map_customer_owned_ip_on_launch: false,
        assign_ipv6_address_on_creation: false,
        ipv6_native: false,
        enable_dns64: false,
        tags: tags(&subnet.tags),
    })
}

impl Described for Subnet {
    const ACTION: &'static str = "DescribeSubnets";
    const IDS: &'static str = "subnetSet";

    fn key(&self) -> &str {
        &self.subnet_id
    }
}

impl Filtered for Subnet {
    fn attribute(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "availability-zone" | "availabilityZone" => one(&self.availability_zone),
            "availability-zone-id" | "availabilityZoneId" => one(&self.availability_zone_id),
            "available-ip-address-count" => one(&self.available_ip_address_count),
            "cidr-block" | "cidr" | "cidrBlock" => one(&self.cidr_block),
            "default-for-az" | "defaultForAz" => one(&self.default_for_az),
            "enable-dns64" => one(&self.enable_dns64),
            "ipv6-native" => one(&self.ipv6_native),
            "map-customer-owned-ip-on-launch" => one(&self.map_customer_owned_ip_on_launch),
            "map-public-ip-on-launch" => one(&self.map_public_ip_on_launch),
            "owner-id" => one(&self.owner_id),
            "private-dns-name-options-on-launch.hostname-type" => one("ip-name"),
            "private-dns-name-options-on-launch.enable-resource-name-dns-a-record"
            | "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => {
                one(&false)
            }
            "state" => one(&self.state),
            "subnet-arn" => one(&self.subnet_arn),
            "subnet-id" => one(&self.subnet_id),
            "vpc-id" => one(&self.vpc_id),
            "customer-owned-ipv4-pool"
            | "enable-lni-at-device-index"
            | "ipv6-cidr-block-association.ipv6-cidr-block"
            | "ipv6-cidr-block-association.association-id"
            | "ipv6-cidr-block-association.state"
            | "outpost-arn" => never(),
            _ => None,
        }
    }

    fn tags(&self) -> Option<Vec<(&str, &str)>> {
        tag_pairs(&self.tags)
    }
}
