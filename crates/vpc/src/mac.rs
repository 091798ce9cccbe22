//! MAC addresses of ENIs.

use std::fmt;
use std::str::FromStr;

/// A MAC address; written `06:1a:2b:3c:4d:5e`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// A locally administered unicast address (second bit of the first octet set, IEEE 802) made
    /// of the low five octets of `bits`. The first octet is 06, which EC2 uses too and which
    /// keeps ENIs apart from tunnel devices, whose addresses begin with 02.
    pub(crate) fn from_bits(bits: u64) -> Self {
        let [_, _, _, b, c, d, e, f] = bits.to_be_bytes();
        Self([0x06, b, c, d, e, f])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

/// A text that is not a MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is not a MAC address (six pairs of hex digits joined by colons)")]
pub struct InvalidMacAddress {
    /// The text as given.
    pub value: String,
}

impl FromStr for MacAddress {
    type Err = InvalidMacAddress;

    fn from_str(text: &str) -> Result<Self, InvalidMacAddress> {
        parse(text).map(Self).ok_or_else(|| InvalidMacAddress { value: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut pairs = text.split(':');
    for octet in &mut octets {
        let pair = pairs.next()?;
        // from_str_radix alone would take "+f" and "f".
        if pair.len() != 2 || !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        *octet = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_as_written() {
        let mac = MacAddress::from_bits(0xffff_ff12_3456_789a);
        assert_eq!(mac.to_string(), "06:12:34:56:78:9a");
        assert_eq!(mac.to_string().parse(), Ok(mac));
        assert_eq!("0A:FF:00:01:02:03".parse(), Ok(MacAddress([10, 255, 0, 1, 2, 3])));
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "06:12:34:56:78",
            "06:12:34:56:78:9a:bc",
            "6:12:34:56:78:9a",
            "06-12-34-56-78-9a",
            "06:12:34:56:78:+a",
        ] {
            assert!(text.parse::<MacAddress>().is_err(), "{text}");
        }
    }
}
