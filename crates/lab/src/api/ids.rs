//! Identifiers in requests: their form, and what EC2 says when there is no such resource.

use std::str::FromStr;

use vpc::{
    AttachmentId, EniId, InstanceId, SecurityGroupId, SecurityGroupRuleId, SubnetCidrReservationId,
    SubnetId, VpcCidrAssociationId, VpcId,
};

use super::error::ApiError;

/// How EC2 speaks of one kind of resource.
#[derive(Debug)]
pub(super) struct Kind {
    prefix: &'static str,
    malformed: &'static str,
    not_found: &'static str,
    /// What stands before `'ID' does not exist`.
    noun: &'static str,
}

/// An identifier that requests name resources by.
pub(super) trait Identifier: FromStr {
    /// The kind of resource it names.
    const KIND: Kind;
}

macro_rules! identifier {
    ($id:ty, $malformed:literal, $not_found:literal, $noun:literal) => {
        impl Identifier for $id {
            const KIND: Kind = Kind {
                prefix: <$id>::PREFIX,
                malformed: $malformed,
                not_found: $not_found,
                noun: $noun,
            };
        }
    };
}

identifier!(VpcId, "InvalidVpcID.Malformed", "InvalidVpcID.NotFound", "The vpc ID");
identifier!(SubnetId, "InvalidSubnetID.Malformed", "InvalidSubnetID.NotFound", "The subnet ID");
identifier!(
    SubnetCidrReservationId,
    "InvalidSubnetCidrReservationID.Malformed",
    "InvalidSubnetCidrReservationID.NotFound",
    "The subnet CIDR reservation ID"
);
identifier!(
    VpcCidrAssociationId,
    "InvalidVpcCidrBlockAssociationID.Malformed",
    "InvalidVpcCidrBlockAssociationID.NotFound",
    "The vpc CIDR block association ID"
);
identifier!(
    EniId,
    "InvalidNetworkInterfaceId.Malformed",
    "InvalidNetworkInterfaceID.NotFound",
    "The networkInterface ID"
);
identifier!(
    AttachmentId,
    "InvalidAttachmentID.Malformed",
    "InvalidAttachmentID.NotFound",
    "The network interface attachment ID"
);
identifier!(
    InstanceId,
    "InvalidInstanceID.Malformed",
    "InvalidInstanceID.NotFound",
    "The instance ID"
);
identifier!(
    SecurityGroupId,
    "InvalidGroupId.Malformed",
    "InvalidGroup.NotFound",
    "The security group"
);
identifier!(
    SecurityGroupRuleId,
    "InvalidSecurityGroupRuleId.Malformed",
    "InvalidSecurityGroupRuleId.NotFound",
    "The security group rule ID"
);

/// Reads an identifier.
///
/// # Errors
/// EC2's `….Malformed` for its kind.
pub(super) fn parse<I: Identifier>(text: &str) -> Result<I, ApiError> {
    text.parse().map_err(|_| {
        let Kind { prefix, malformed, .. } = I::KIND;
        ApiError::bad_request(
            malformed,
            format!("Invalid id: \"{text}\" (expecting \"{prefix}...\")"),
        )
    })
}

/// Reads a list of identifiers; the first malformed one is the one named.
pub(super) fn parse_all<I: Identifier>(texts: &[String]) -> Result<Vec<I>, ApiError> {
    texts.iter().map(|text| parse(text)).collect()
}

/// EC2's `….NotFound` for the kind of `I`.
pub(super) fn not_found<I: Identifier>(id: &str) -> ApiError {
    let Kind { not_found, noun, .. } = I::KIND;
    ApiError::bad_request(not_found, format!("{noun} '{id}' does not exist"))
}
