//! How EC2 says what the VPC rules refuse: the one table of codes and messages.
//!
//! Wording is that of EC2's answers as seen in the field, for clients match on it.

mod networks;
mod prefixes;

use vpc::{
    AttachmentId, EniId, Error, InstanceId, SecurityGroupId, SecurityGroupRuleId, SubnetId, VpcId,
};

pub(super) use self::prefixes::create_without_blocks;
use super::error::ApiError;
use super::ids::not_found;

/// EC2's answer for a refusal, whatever the call.
pub(super) fn answer(error: &Error) -> ApiError {
    let (code, message) = match error {
        Error::UnknownVpc { vpc } => return not_found::<VpcId>(vpc.as_str()),
        Error::UnknownSubnet { subnet } => return not_found::<SubnetId>(subnet.as_str()),
        Error::UnknownEni { eni } => return not_found::<EniId>(eni.as_str()),
        Error::UnknownInstance { instance } => {
            return not_found::<InstanceId>(instance.as_str());
        }
        Error::UnknownSecurityGroup { group } => {
            return not_found::<SecurityGroupId>(group.as_str());
        }
        Error::UnknownAttachment { attachment } => {
            return not_found::<AttachmentId>(attachment.as_str());
        }
        Error::InvalidResourceId(id) => {
            ("InvalidID", format!("The ID '{}' is not valid", id.value))
        }
        Error::RequesterManaged { .. } => {
            ("AuthFailure", "You do not have permission to access the specified resource".into())
        }
        Error::IdempotentParameterMismatch { .. } => (
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in \
             previous request(s)."
                .into(),
        ),
        Error::InvalidClientToken { token } => {
            (VALUE, format!("Value ({token}) for parameter clientToken is invalid."))
        }
        // VPCs and subnets.
        Error::VpcCidrSize { cidr } | Error::VpcCidrRestricted { cidr, .. } => {
            ("InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid."))
        }
        Error::VpcLimitExceeded { .. } => {
            ("VpcLimitExceeded", "The maximum number of VPCs has been reached.".into())
        }
        Error::SubnetCidrSize { cidr } | Error::SubnetOutsideVpc { cidr, .. } => {
            ("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid."))
        }
        Error::SubnetConflict { cidr, .. } => {
            ("InvalidSubnet.Conflict", format!("The CIDR '{cidr}' conflicts with another subnet"))
        }
        Error::SubnetLimitExceeded { .. } => {
            ("SubnetLimitExceeded", "The maximum number of subnets has been reached.".into())
        }
        Error::ZoneOutsideRegion { zone, .. } => {
            (VALUE, format!("Value ({zone}) for parameter availabilityZone is invalid."))
        }
        // Security groups.
        Error::SecurityGroupDuplicate { vpc, name } => (
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc}'"),
        ),
        Error::InvalidSecurityGroupName { name, .. } => {
            (VALUE, format!("Value ({name}) for parameter GroupName is invalid."))
        }
        Error::InvalidSecurityGroupDescription { description, .. } => {
            (VALUE, format!("Value ({description}) for parameter GroupDescription is invalid."))
        }
        Error::SecurityGroupLimitExceeded { .. } => (
            "SecurityGroupLimitExceeded",
            "The maximum number of security groups has been reached.".into(),
        ),
        Error::SecurityGroupOtherVpc { .. } => (
            PARAMETER,
            "You have specified two resources that belong to different networks.".into(),
        ),
        Error::SecurityGroupsPerEniLimitExceeded { .. } => (
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached.".into(),
        ),
        Error::RuleDuplicate { permission, .. } => (
            "InvalidPermission.Duplicate",
            format!("the specified rule \"{permission}\" already exists"),
        ),
        Error::RuleGivenTwice { .. } => {
            (VALUE, "The same permission must not appear multiple times".into())
        }
        Error::UnknownPermission { .. } => (
            "InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.".into(),
        ),
        Error::UnknownRule { rule, .. } => {
            return not_found::<SecurityGroupRuleId>(rule.as_str());
        }
        Error::RulesPerSecurityGroupLimitExceeded { .. } => (
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.".into(),
        ),
        Error::InvalidRuleDescription { description, .. } => (
            VALUE,
            format!(
                "Invalid rule description. Valid descriptions are strings less than 256 characters \
                 from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$* ({description})"
            ),
        ),
        Error::SecurityGroupInUse { group, .. } => {
            ("DependencyViolation", format!("resource {group} has a dependent object"))
        }
        Error::DefaultSecurityGroup { group } => (
            "CannotDelete",
            format!(
                "the specified group: \"{group}\" name: \"default\" cannot be deleted by a user"
            ),
        ),
        Error::NoSecurityGroups { .. } => {
            ("MissingParameter", "The request must contain the parameter groupSet".into())
        }
        // Addresses.
        Error::AddressOutsideSubnet { .. } => {
            (VALUE, "Address does not fall within the subnet's address range".into())
        }
        Error::AddressReserved { .. } => {
            (VALUE, "Address is in subnet's reserved address range".into())
        }
        Error::AddressInUse { .. } => {
            ("InvalidIPAddress.InUse", "The specified address is already in use.".into())
        }
        Error::AddressAssigned { address, .. } => {
            (VALUE, format!("[{address}] assigned, but move is not allowed."))
        }
        Error::PrimaryAddressMove { address, .. } => (
            VALUE,
            format!("[{address}] is the primary address of an interface and cannot be moved."),
        ),
        Error::DuplicateAddress { address } => {
            (VALUE, format!("Duplicate address {address} in the request."))
        }
        Error::NoAddressRequested => (PARAMETER, NO_ADDRESSES.into()),
        Error::InsufficientFreeAddresses { .. } => (
            "InsufficientFreeAddressesInSubnet",
            "The specified subnet does not have enough free addresses to satisfy the request."
                .into(),
        ),
        Error::AddressLimitExceeded { .. } => (
            "PrivateIpAddressLimitExceeded",
            "Number of private addresses will exceed limit.".into(),
        ),
        Error::PrimaryUnassign { eni, .. } => {
            (VALUE, format!("The primary address of interface {eni} cannot be unassigned."))
        }
        Error::AddressesNotAssigned { eni, .. } => {
            (VALUE, format!("Some of the specified addresses are not assigned to interface {eni}"))
        }
        // ENIs and their attachments.
        Error::EniLimitExceeded { .. } => (
            "NetworkInterfaceLimitExceeded",
            "The maximum number of network interfaces has been reached.".into(),
        ),
        Error::EniInUse { eni, .. } => {
            ("InvalidNetworkInterface.InUse", format!("Interface: [{eni}] in use."))
        }
        Error::NotRequesterManaged { .. } | Error::EniOwnerMismatch { .. } => (
            NOT_PERMITTED,
            "The network interface cannot be attached to a resource of another account.".into(),
        ),
        Error::AvailabilityZoneMismatch { .. } => (
            COMBINATION,
            "You may not attach a network interface to an instance if they are not in the same \
             availability zone"
                .into(),
        ),
        Error::InstanceNotRunning { instance, .. } => (
            "IncorrectInstanceState",
            format!("Instance '{instance}' is not in the 'running' or 'stopped' state."),
        ),
        Error::DeviceIndexInUse { instance, device_index, .. } => (
            VALUE,
            format!(
                "Instance '{instance}' already has an interface attached at device index \
                 '{device_index}'."
            ),
        ),
        Error::PrimaryDeviceIndex { network_card, .. } => {
            (VALUE, format!("Device index 0 cannot be used on network card index {network_card}."))
        }
        Error::DeviceIndexUnusable { instance, device_index, .. } => (
            VALUE,
            format!(
                "Device index '{device_index}' of instance '{instance}' cannot be used until the \
                 instance is stopped and started."
            ),
        ),
        Error::UnknownNetworkCard { instance_type, network_card, .. } => (
            VALUE,
            format!("Network card index {network_card} exceeds the limit for {instance_type}"),
        ),
        Error::AttachmentLimitExceeded { instance_type, requested, .. } => (
            "AttachmentLimitExceeded",
            format!("Interface count {requested} exceeds the limit for {instance_type}"),
        ),
        Error::NetworkCardAttachmentLimitExceeded {
            instance_type,
            network_card,
            requested,
            ..
        } => (
            "AttachmentLimitExceeded",
            format!(
                "Interface count {requested} on network card {network_card} exceeds the limit \
                 for {instance_type}"
            ),
        ),
        Error::PrimaryEniDetach { .. } => {
            (NOT_PERMITTED, "The network interface at device index 0 cannot be detached.".into())
        }
        Error::InsufficientFreePrefixes { .. }
        | Error::AddressInPrefix { .. }
        | Error::InvalidPrefix { .. }
        | Error::PrefixOutsideSubnet { .. }
        | Error::PrefixReserved { .. }
        | Error::PrefixInUse { .. }
        | Error::PrimaryInPrefix { .. }
        | Error::DuplicatePrefix { .. }
        | Error::PrefixesUnsupported { .. }
        | Error::PrefixesNotAssigned { .. }
        | Error::UnknownCidrReservation { .. }
        | Error::ReservationOutsideSubnet { .. }
        | Error::ReservationConflict { .. }
        | Error::ReservationLimitExceeded { .. } => return prefixes::answer(error),
        Error::VpcCidrFamily { .. }
        | Error::VpcCidrConflict { .. }
        | Error::VpcCidrLimitExceeded { .. }
        | Error::UnknownVpcCidrAssociation { .. }
        | Error::PrimaryVpcCidr { .. }
        | Error::VpcCidrInUse { .. }
        | Error::SubnetInUse { .. }
        | Error::VpcInUse { .. } => return networks::answer(error),
        // Tags.
        Error::InvalidTag { key, .. } => (VALUE, invalid_tag(key)),
        Error::TagLimitExceeded { .. } => (
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.".into(),
        ),
    };
    ApiError::bad_request(code, message)
}

/// Detaching an ENI that a service manages; other calls say [`Error::RequesterManaged`] in other
/// words.
pub(super) fn not_ones_own_attachment() -> ApiError {
    ApiError::bad_request(
        "OperationNotPermitted",
        "You are not allowed to manage 'ela-attach' attachments.",
    )
}

/// Deleting an attached ENI; other calls say [`Error::EniInUse`] in other words.
pub(super) fn delete_in_use(eni: &EniId) -> ApiError {
    ApiError::invalid_value(format!("Network interface '{eni}' is currently in use."))
}

/// Asking for addresses without saying which or how many.
pub(super) fn no_addresses() -> ApiError {
    ApiError::bad_request(PARAMETER, NO_ADDRESSES)
}

const VALUE: &str = "InvalidParameterValue";
const PARAMETER: &str = "InvalidParameter";
const COMBINATION: &str = "InvalidParameterCombination";
const NOT_PERMITTED: &str = "OperationNotPermitted";
const NO_ADDRESSES: &str = "One of privateIpAddressSet or privateIpAddressCount or ipv4PrefixSet \
                            or ipv4PrefixCount must be specified.";

fn invalid_tag(key: &str) -> String {
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        format!(
            "Value ( {key} ) for parameter key is invalid. \
             Tag keys starting with 'aws:' are reserved for internal use"
        )
    } else if key.is_empty() {
        "Tag key cannot be empty".into()
    } else if key.chars().count() > 128 {
        "Tag key exceeds the maximum length of 128 characters".into()
    } else {
        "Tag value exceeds the maximum length of 256 characters".into()
    }
}
