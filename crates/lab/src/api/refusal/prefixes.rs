//! What EC2 says about prefixes and CIDR reservations.
//!
//! The messages about a shortage are EC2's as seen in the field. The others have not been seen
//! there: their codes are EC2's usual ones for such parameters, their wording is Flatnet's.

use vpc::{Error, SubnetCidrReservationId};

use super::{ApiError, VALUE, not_found};

/// EC2's answer for a refusal about prefixes or reservations; the table sends no other here.
pub(super) fn answer(error: &Error) -> ApiError {
    let (code, message) = match error {
        Error::InsufficientFreePrefixes { .. } => (
            "InsufficientCidrBlocks",
            "The specified subnet does not have enough free cidr blocks to satisfy the request."
                .into(),
        ),
        Error::AddressInPrefix { address, .. } => {
            (VALUE, format!("[{address}] assigned, but move is not allowed."))
        }
        Error::InvalidPrefix { prefix } => (
            VALUE,
            format!("Value ({prefix}) for parameter ipv4Prefix is invalid. Expected a /28 block."),
        ),
        Error::PrefixOutsideSubnet { .. } => {
            (VALUE, "Prefix does not fall within the subnet's address range".into())
        }
        Error::PrefixReserved { .. } => {
            (VALUE, "Prefix is in subnet's reserved address range".into())
        }
        Error::PrefixInUse { prefix, .. } => {
            ("InvalidIPAddress.InUse", format!("The specified prefix {prefix} is already in use."))
        }
        Error::PrimaryInPrefix { prefix, .. } | Error::DuplicatePrefix { prefix } => {
            (VALUE, format!("Duplicate prefix or address in prefix {prefix} in the request."))
        }
        Error::PrefixesUnsupported { instance_type, .. } => {
            (VALUE, format!("Instance type {instance_type} does not support IPv4 prefixes."))
        }
        Error::PrefixesNotAssigned { eni, .. } => {
            (VALUE, format!("Some of the specified prefixes are not assigned to interface {eni}"))
        }
        Error::UnknownCidrReservation { reservation } => {
            return not_found::<SubnetCidrReservationId>(reservation.as_str());
        }
        Error::ReservationOutsideSubnet { reserved, .. } => (
            VALUE,
            format!("The CIDR '{reserved}' does not fall within the subnet's address range"),
        ),
        Error::ReservationConflict { reserved, conflict, .. } => (
            VALUE,
            format!("The CIDR '{reserved}' conflicts with the CIDR reservation '{conflict}'"),
        ),
        Error::ReservationLimitExceeded { .. } => (
            "SubnetCidrReservationLimitExceeded",
            "The maximum number of CIDR reservations of the subnet has been reached.".into(),
        ),
        _ => return ApiError::internal(),
    };
    ApiError::bad_request(code, message)
}

/// Creating an ENI in a subnet without room for its prefixes; AssignPrivateIpAddresses says
/// [`Error::InsufficientFreePrefixes`] in other words.
pub(in crate::api) fn create_without_blocks() -> ApiError {
    ApiError::invalid_value("There aren't sufficient free Ipv4 addresses or prefixes")
}
