//! The calls that change the world.

mod addresses;
mod attachments;
mod attributes;
mod cidr_reservations;
mod create;
mod security_groups;
mod subnets;
mod tags;
mod vpcs;

pub(super) use addresses::{assign, unassign};
pub(super) use attachments::{attach, delete, detach};
pub(super) use attributes::modify_attribute;
pub(super) use cidr_reservations::{create_cidr_reservation, delete_cidr_reservation};
pub(super) use create::create;
pub(super) use security_groups::{
    authorize_egress, authorize_ingress, create_security_group, delete_security_group,
    revoke_egress, revoke_ingress,
};
pub(super) use subnets::{create_subnet, delete_subnet, modify_subnet_attribute};
pub(super) use tags::{create_tags, delete_tags};
pub(super) use vpcs::{
    associate_vpc_cidr_block, create_vpc, delete_vpc, disassociate_vpc_cidr_block,
    modify_vpc_attribute,
};

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::error::ApiError;

/// Reads IPv4 addresses of the parameter called `parameter` in EC2's messages.
fn addresses(texts: &[String], parameter: &str) -> Result<Vec<Ipv4Addr>, ApiError> {
    texts.iter().map(|text| address(text, parameter)).collect()
}

fn address(text: &str, parameter: &str) -> Result<Ipv4Addr, ApiError> {
    text.parse().map_err(|_| {
        ApiError::invalid_value(format!(
            "Value ({text}) for parameter {parameter} is invalid. Invalid IPv4 address."
        ))
    })
}

/// Reads a CIDR block of the parameter called `parameter` in EC2's messages.
fn cidr(text: &str, parameter: &str) -> Result<Ipv4Net, ApiError> {
    text.parse().map_err(|_| {
        ApiError::invalid_value(format!(
            "Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block."
        ))
    })
}

/// Reads prefixes.
fn prefixes<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<Vec<Ipv4Net>, ApiError> {
    texts.into_iter().map(|text| cidr(text, "ipv4Prefix")).collect()
}
