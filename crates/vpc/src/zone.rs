//! Availability Zones.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::id::InvalidId;

/// An Availability Zone by name: its Region and a letter, e.g. `us-west-2a`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AvailabilityZone(Arc<str>);

impl AvailabilityZone {
    /// The zone's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The Region the zone is in, e.g. `us-west-2`.
    #[must_use]
    pub fn region(&self) -> &str {
        self.0.trim_end_matches(|c: char| c.is_ascii_lowercase())
    }

    /// The zone's ID, e.g. `usw2-az1`.
    ///
    /// AWS maps letters to zone IDs differently for each account; here `a` is always `az1`.
    #[must_use]
    pub fn zone_id(&self) -> String {
        let mut segments = self.region().split('-');
        let mut id = segments.next().unwrap_or_default().to_owned();
        for segment in segments {
            id.push_str(match segment {
                "northeast" => "ne",
                "northwest" => "nw",
                "southeast" => "se",
                "southwest" => "sw",
                number if number.starts_with(|c: char| c.is_ascii_digit()) => number,
                word => word.get(..1).unwrap_or_default(),
            });
        }
        let letter = self.0.bytes().last().unwrap_or(b'a');
        format!("{id}-az{}", letter - b'a' + 1)
    }
}

impl FromStr for AvailabilityZone {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_zone = match text.split_at_checked(text.len().saturating_sub(1)) {
            Some((region, letter)) => {
                letter.bytes().all(|b| b.is_ascii_lowercase()) && is_region(region)
            }
            None => false,
        };
        if is_zone {
            Ok(Self(text.into()))
        } else {
            Err(InvalidId {
                value: text.to_owned(),
                expected: "an Availability Zone (a Region and a letter, e.g. us-west-2a)",
            })
        }
    }
}

/// Words and then one number, joined by dashes. Local Zones (`us-west-2-lax-1a`) are not modelled.
fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && words.contains('-')
        && words
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
}

impl fmt::Display for AvailabilityZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for AvailabilityZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> AvailabilityZone {
        name.parse().expect("a zone")
    }

    #[test]
    fn a_zone_knows_its_region_and_id() {
        for (name, region, id) in [
            ("us-west-2a", "us-west-2", "usw2-az1"),
            ("us-east-1f", "us-east-1", "use1-az6"),
            ("ap-northeast-1c", "ap-northeast-1", "apne1-az3"),
            ("eu-central-1b", "eu-central-1", "euc1-az2"),
            ("us-gov-west-1a", "us-gov-west-1", "usgw1-az1"),
        ] {
            assert_eq!(zone(name).region(), region);
            assert_eq!(zone(name).zone_id(), id);
        }
    }

    #[test]
    fn what_is_not_a_zone_is_refused() {
        for text in [
            "",
            "a",
            "us-west-2",
            "us-west-2A",
            "us-west-a",
            "us-2a",
            "us-west-2-lax-1a",
            "us--2a",
            "us-west-2é",
        ] {
            assert!(text.parse::<AvailabilityZone>().is_err(), "{text}");
        }
    }
}
