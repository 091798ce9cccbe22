//! What EC2 says about the CIDR blocks of VPCs, and about deleting VPCs and subnets.

use vpc::{Error, VpcCidrAssociationId};

use super::{ApiError, NOT_PERMITTED, not_found};

/// EC2's answer for a refusal about these; the table sends no other here.
pub(super) fn answer(error: &Error) -> ApiError {
    let (code, message) = match error {
        Error::VpcCidrFamily { cidr, .. } => (
            "InvalidVpc.Range",
            format!(
                "The CIDR '{cidr}' is restricted. Use a CIDR from the same private address range \
                 as the current VPC CIDR, or use a publicly-routable CIDR."
            ),
        ),
        Error::VpcCidrConflict { cidr, .. } => (
            "InvalidVpc.Range",
            format!("The CIDR '{cidr}' conflicts with another CIDR block of the VPC."),
        ),
        Error::VpcCidrLimitExceeded { vpc, limit } => (
            "CidrLimitExceeded",
            format!("This network '{vpc}' has met its maximum number of allowed CIDRs: {limit}"),
        ),
        Error::UnknownVpcCidrAssociation { association } => {
            return not_found::<VpcCidrAssociationId>(association.as_str());
        }
        Error::PrimaryVpcCidr { association, .. } => (
            NOT_PERMITTED,
            format!(
                "The vpc CIDR block with association ID {association} may not be disassociated. \
                 It is the primary IPv4 CIDR block of the VPC"
            ),
        ),
        Error::VpcCidrInUse { vpc, cidr, .. } => (
            "InvalidCidrBlock.InUse",
            format!("The vpc {vpc} currently has a subnet within CIDR block {cidr}"),
        ),
        Error::SubnetInUse { subnet, .. } => (
            "DependencyViolation",
            format!("The subnet '{subnet}' has dependencies and cannot be deleted."),
        ),
        Error::VpcInUse { vpc, .. } => (
            "DependencyViolation",
            format!("The vpc '{vpc}' has dependencies and cannot be deleted."),
        ),
        _ => return ApiError::internal(),
    };
    ApiError::bad_request(code, message)
}
