//! The calls that change the world.

mod addresses;
mod attachments;
mod attributes;
mod create;
mod security_groups;
mod tags;

pub(super) use addresses::{assign, unassign};
pub(super) use attachments::{attach, delete, detach};
pub(super) use attributes::modify_attribute;
pub(super) use create::create;
pub(super) use security_groups::{
    authorize_egress, authorize_ingress, create_security_group, delete_security_group,
    revoke_egress, revoke_ingress,
};
pub(super) use tags::{create_tags, delete_tags};

use std::net::Ipv4Addr;

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
