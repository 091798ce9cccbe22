//! Names of host veths.

use std::fmt;
use std::str::FromStr;

use sha1::{Digest, Sha1};

/// Longest link name in bytes (`IFNAMSIZ` less the terminator).
const MAX_NAME: usize = 15;

/// Hexadecimal digits of the pod's hash in a name.
const HASH_DIGITS: usize = 11;

/// What host veth names begin with: at most four letters, digits, `_` or `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VethPrefix(String);

impl Default for VethPrefix {
    /// `eni`, as on other EKS nodes.
    fn default() -> Self {
        Self("eni".into())
    }
}

/// Prefixes of links that are no pods': Ethernet devices, VLANs of branch ENIs, loopback.
const RESERVED: [&str; 3] = ["eth", "vlan", "lo"];

/// Not a prefix of host veths.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' cannot begin the names of host veths: use one to {} letters, digits, '_' or '-', \
     and not {}",
    MAX_NAME - HASH_DIGITS,
    RESERVED.join(", ")
)]
pub struct VethPrefixError {
    /// What was given.
    pub text: String,
}

impl FromStr for VethPrefix {
    type Err = VethPrefixError;

    fn from_str(text: &str) -> Result<Self, VethPrefixError> {
        let fits = (1..=MAX_NAME - HASH_DIGITS).contains(&text.len());
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if fits && plain && !RESERVED.contains(&text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(VethPrefixError { text: text.to_owned() })
        }
    }
}

impl fmt::Display for VethPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a pod's host veth: the prefix and the beginning of the SHA-1 of `NAMESPACE.POD`,
/// the names that tools on EKS nodes look for. The same pod has the same name on every node.
#[must_use]
pub fn host_veth_name(prefix: &VethPrefix, namespace: &str, pod: &str) -> String {
    hashed(prefix, &format!("{namespace}.{pod}"))
}

/// The name of the host veth of something that is no Kubernetes pod, by what identifies it, such
/// as container id and interface name.
#[must_use]
pub fn host_veth_name_of(prefix: &VethPrefix, key: &str) -> String {
    hashed(prefix, key)
}

fn hashed(prefix: &VethPrefix, key: &str) -> String {
    let hash = Sha1::digest(key.as_bytes());
    let mut name = prefix.0.clone();
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).take(HASH_DIGITS);
    name.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_prefix_and_sha1() {
        // printf default.web-0 | sha1sum
        let name = host_veth_name(&VethPrefix::default(), "default", "web-0");
        assert_eq!(name, "eni0d7763386da");
        assert_eq!(name.len(), 14);
        assert_eq!(name, host_veth_name_of(&VethPrefix::default(), "default.web-0"));
        assert_ne!(name, host_veth_name(&VethPrefix::default(), "default", "web-1"));
    }

    #[test]
    fn prefixes_leave_room_for_the_hash() {
        for good in ["eni", "a", "x_-9"] {
            let prefix: VethPrefix = good.parse().unwrap();
            assert_eq!(prefix.to_string(), good);
            assert!(host_veth_name(&prefix, "n", "p").len() <= MAX_NAME);
        }
        for bad in ["", "fiver", "a/b", "a.b", "a b", "é", "eth", "vlan", "lo"] {
            let error = bad.parse::<VethPrefix>().unwrap_err();
            assert!(error.to_string().contains("one to 4 letters"), "{error}");
        }
    }
}
