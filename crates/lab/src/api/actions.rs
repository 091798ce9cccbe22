//! The actions the lab has.

use ec2_query::{
    Action, AssignPrivateIpAddresses, AssociateVpcCidrBlock, AttachNetworkInterface,
    AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, CreateNetworkInterface,
    CreateSecurityGroup, CreateSubnet, CreateSubnetCidrReservation, CreateTags, CreateVpc,
    DeleteNetworkInterface, DeleteSecurityGroup, DeleteSubnet, DeleteSubnetCidrReservation,
    DeleteTags, DeleteVpc, DescribeAvailabilityZones, DescribeInstanceTypes, DescribeInstances,
    DescribeNetworkInterfaces, DescribeSecurityGroupRules, DescribeSecurityGroups, DescribeSubnets,
    DescribeVpcAttribute, DescribeVpcs, DetachNetworkInterface, DisassociateVpcCidrBlock,
    FormError, GetSubnetCidrReservations, ModifyNetworkInterfaceAttribute, ModifySubnetAttribute,
    ModifyVpcAttribute, RevokeSecurityGroupEgress, RevokeSecurityGroupIngress,
    UnassignPrivateIpAddresses, from_form, to_xml,
};

use super::error::ApiError;
use super::{Context, change, describe};

/// Carries out one action: the request's parameters in, the answer's XML out.
pub(super) type Handler = fn(&Context<'_>, &[(String, String)], &str) -> Result<String, ApiError>;

/// The name and handler of an action; `None` when the lab does not have it.
pub(super) fn find(name: &str) -> Option<(&'static str, Handler)> {
    ACTIONS.iter().find(|(known, _)| *known == name).copied()
}

/// The names of all actions the lab has, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|(name, _)| *name)
}

macro_rules! actions {
    ($($action:ty => $carry_out:path,)*) => {
        &[$((<$action>::NAME, |context, parameters, request_id| {
            run::<$action>(context, parameters, request_id, $carry_out)
        }),)*]
    };
}

const ACTIONS: &[(&str, Handler)] = actions![
    AssignPrivateIpAddresses => change::assign,
    AssociateVpcCidrBlock => change::associate_vpc_cidr_block,
    AttachNetworkInterface => change::attach,
    AuthorizeSecurityGroupEgress => change::authorize_egress,
    AuthorizeSecurityGroupIngress => change::authorize_ingress,
    CreateNetworkInterface => change::create,
    CreateSubnet => change::create_subnet,
    CreateSubnetCidrReservation => change::create_cidr_reservation,
    CreateSecurityGroup => change::create_security_group,
    CreateTags => change::create_tags,
    CreateVpc => change::create_vpc,
    DeleteNetworkInterface => change::delete,
    DeleteSubnet => change::delete_subnet,
    DeleteSubnetCidrReservation => change::delete_cidr_reservation,
    DeleteSecurityGroup => change::delete_security_group,
    DeleteTags => change::delete_tags,
    DeleteVpc => change::delete_vpc,
    DescribeAvailabilityZones => describe::zones,
    DescribeInstanceTypes => describe::instance_types,
    DescribeInstances => describe::instances,
    DescribeNetworkInterfaces => describe::network_interfaces,
    DescribeSecurityGroupRules => describe::security_group_rules,
    DescribeSecurityGroups => describe::security_groups,
    DescribeSubnets => describe::subnets,
    DescribeVpcAttribute => describe::vpc_attribute,
    DescribeVpcs => describe::vpcs,
    DetachNetworkInterface => change::detach,
    DisassociateVpcCidrBlock => change::disassociate_vpc_cidr_block,
    GetSubnetCidrReservations => describe::cidr_reservations,
    ModifyNetworkInterfaceAttribute => change::modify_attribute,
    ModifySubnetAttribute => change::modify_subnet_attribute,
    ModifyVpcAttribute => change::modify_vpc_attribute,
    RevokeSecurityGroupEgress => change::revoke_egress,
    RevokeSecurityGroupIngress => change::revoke_ingress,
    UnassignPrivateIpAddresses => change::unassign,
];

fn run<A: Action>(
    context: &Context<'_>,
    parameters: &[(String, String)],
    request_id: &str,
    carry_out: fn(&Context<'_>, &A) -> Result<A::Response, ApiError>,
) -> Result<String, ApiError> {
    let request: A = from_form(parameters)?;
    let context = Context { dry_run: request.dry_run(), ..*context };
    let response = carry_out(&context, &request)?;
    if context.dry_run {
        return Err(ApiError::dry_run());
    }
    to_xml::<A>(request_id, &response).map_err(|error| {
        tracing::error!(%error, action = A::NAME, "answer could not be written");
        ApiError::internal()
    })
}

impl From<FormError> for ApiError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::Missing { parameter } if parameter == "Action" => {
                Self::bad_request("MissingAction", "The request must contain the parameter Action")
            }
            FormError::Missing { parameter } => Self::missing(&uncapitalised(&parameter)),
            FormError::Unknown { parameter } | FormError::NameTooLong { parameter } => {
                Self::bad_request(
                    "UnknownParameter",
                    format!("The parameter {parameter} is not recognized"),
                )
            }
            FormError::Value { parameter, value, expected } => Self::invalid_value(format!(
                "Value ({value}) for parameter {} is invalid. Expected {expected}.",
                uncapitalised(&parameter)
            )),
            FormError::TooManyParameters { .. }
            | FormError::Duplicate { .. }
            | FormError::Shape { .. }
            | FormError::Index { .. } => {
                Self::bad_request("MalformedQueryString", error.to_string())
            }
            FormError::Other { .. } => Self::invalid_value(error.to_string()),
        }
    }
}

/// EC2's messages begin parameters' names in lower case.
fn uncapitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}
