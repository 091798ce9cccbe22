//! Identifiers of AWS resources: a fixed prefix and hexadecimal digits, as EC2 writes them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Digits of the identifiers EC2 gives out since 2018; it gave out eight before.
const LONG: usize = 17;
const SHORT: usize = 8;

/// A text that is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is not {expected}")]
pub struct InvalidId {
    /// The text as given.
    pub value: String,
    /// What was expected, with its form, e.g. ``a subnet ID (`subnet-` and 17 hex digits)``.
    pub expected: &'static str,
}

macro_rules! resource_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        ///
        /// Cheap to clone. Parsing takes the prefix and 17 (or, for old resources, 8)
        /// lower-case hexadecimal digits.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// What the identifier begins with.
            pub const PREFIX: &'static str = $prefix;

            /// The identifier as EC2 writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// An identifier of 17 digits: a zero, as EC2's begin, and those of `bits`.
            pub(crate) fn from_bits(bits: u64) -> Self {
                Self(format!(concat!($prefix, "0{:016x}"), bits).into())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                match text.strip_prefix($prefix) {
                    Some(digits) if is_resource_digits(digits) => Ok(Self(text.into())),
                    _ => Err(InvalidId {
                        value: text.to_owned(),
                        expected: concat!($what, " ID (`", $prefix, "` and 17 hex digits)"),
                    }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

resource_id!(
    /// Identifies a VPC: `vpc-…`.
    VpcId, "vpc-", "a VPC");
resource_id!(
    /// Identifies the association of a CIDR block with a VPC: `vpc-cidr-assoc-…`.
    VpcCidrAssociationId, "vpc-cidr-assoc-", "a VPC CIDR association");
resource_id!(
    /// Identifies a subnet: `subnet-…`.
    SubnetId, "subnet-", "a subnet");
resource_id!(
    /// Identifies a CIDR reservation of a subnet: `scr-…`.
    SubnetCidrReservationId, "scr-", "a subnet CIDR reservation");
resource_id!(
    /// Identifies an ENI: `eni-…`.
    EniId, "eni-", "a network interface");
resource_id!(
    /// Identifies the attachment of an ENI: `eni-attach-…`.
    AttachmentId, "eni-attach-", "a network interface attachment");
resource_id!(
    /// Identifies an instance: `i-…`.
    InstanceId, "i-", "an instance");
resource_id!(
    /// Identifies a security group: `sg-…`.
    SecurityGroupId, "sg-", "a security group");
resource_id!(
    /// Identifies a rule of a security group: `sgr-…`.
    SecurityGroupRuleId, "sgr-", "a security group rule");

fn is_resource_digits(digits: &str) -> bool {
    matches!(digits.len(), SHORT | LONG)
        && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// An AWS account: 12 digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidId { value: text.to_owned(), expected: "an account ID (12 digits)" })
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_written() {
        let id = EniId::from_bits(0x1b2c);
        assert_eq!(id.to_string(), "eni-00000000000001b2c");
        assert_eq!(id.as_str().parse(), Ok(id));
        assert!("eni-1a2b3c4d".parse::<EniId>().is_ok(), "old identifiers have eight digits");
    }

    #[test]
    fn ids_of_another_form_are_refused() {
        for text in [
            "",
            "eni-",
            "eni-0123456789abcdef",
            "eni-0123456789abcdef00",
            "eni-0123456789ABCDEF0",
            "eni-0123456789abcdefg",
            "eni-attach-0123456789abcdef0",
            "subnet-0123456789abcdef0",
        ] {
            let refused = text.parse::<EniId>().expect_err(text);
            assert_eq!(refused.value, text);
            assert_eq!(refused.expected, "a network interface ID (`eni-` and 17 hex digits)");
        }
    }

    #[test]
    fn accounts_have_twelve_digits() {
        assert_eq!("111122223333".parse::<AccountId>().expect("valid").as_str(), "111122223333");
        for text in ["11112222333", "1111222233334", "11112222333a", ""] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }
}
