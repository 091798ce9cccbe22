//! Rules of security groups on the wire: `IpPermission` and what it means.

use std::collections::BTreeMap;

use ec2_query::{IpPermission, IpRange, Ipv6Range, UserIdGroupPair};
use vpc::{
    AccountId, Direction, IcmpKind, Peer, Permission, PortRange, SecurityGroupId,
    SecurityGroupRule, SecurityGroupRuleSpec, Tags, Traffic,
};

use super::error::ApiError;
use super::ids;

/// Numbers of the protocols that have names in rules (IANA, "Protocol Numbers").
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// What EC2 writes, and takes, for "every port", "every type" and "every code".
const ANY: i32 = -1;

/// The rules that a request's permissions stand for: one per peer.
///
/// # Errors
/// What EC2 does not take as a protocol, ports or a peer.
pub(super) fn rules(
    direction: Direction,
    permissions: &[IpPermission],
) -> Result<Vec<SecurityGroupRuleSpec>, ApiError> {
    let mut rules = Vec::new();
    for permission in permissions {
        let traffic = traffic(&permission.ip_protocol, permission.from_port, permission.to_port)?;
        let mut add = |peer: Peer, description: &Option<String>| {
            rules.push(SecurityGroupRuleSpec {
                permission: Permission { direction, traffic, peer },
                description: description.clone(),
                tags: Tags::new(),
            });
        };
        for range in &permission.ip_ranges {
            add(Peer::Ipv4(ipv4(&range.cidr_ip)?), &range.description);
        }
        for range in &permission.ipv6_ranges {
            add(Peer::Ipv6(ipv6(&range.cidr_ipv6)?), &range.description);
        }
        for pair in &permission.groups {
            add(Peer::Group(group(pair)?), &pair.description);
        }
        if !permission.prefix_list_ids.is_empty() {
            return Err(ApiError::unsupported("A prefix list in a security group rule"));
        }
    }
    if rules.is_empty() {
        return Err(ApiError::missing("ipPermissions"));
    }
    Ok(rules)
}

fn traffic(protocol: &str, from: Option<i32>, to: Option<i32>) -> Result<Traffic, ApiError> {
    let number = match protocol.to_ascii_lowercase().as_str() {
        "" => return Err(ApiError::missing("ipProtocol")),
        "-1" | "all" => return Ok(Traffic::All),
        "tcp" => TCP,
        "udp" => UDP,
        "icmp" => ICMP,
        "icmpv6" => ICMPV6,
        other => other.parse().map_err(|_| {
            ApiError::invalid_value(format!(
                "Invalid value '{protocol}' for IP protocol. Unknown protocol."
            ))
        })?,
    };
    Ok(match number {
        TCP => Traffic::Tcp(ports("TCP", from, to)?),
        UDP => Traffic::Udp(ports("UDP", from, to)?),
        ICMP => Traffic::Icmp(icmp(from, to)?),
        // Without a type, every message of ICMPv6 (API reference, IpPermission).
        ICMPV6 => Traffic::Icmpv6(icmp(from.or(Some(ANY)), to.or(Some(ANY)))?),
        other => Traffic::Protocol(other),
    })
}

fn ports(protocol: &str, from: Option<i32>, to: Option<i32>) -> Result<PortRange, ApiError> {
    let (Some(from), Some(to)) = (from, to) else {
        return Err(ApiError::invalid_value(format!(
            "Invalid value 'Must specify both from and to ports with {protocol}.' for portRange."
        )));
    };
    if (from, to) == (ANY, ANY) {
        return Ok(PortRange::ALL);
    }
    let port = |number: i32| {
        u16::try_from(number).map_err(|_| {
            let side = if number < 0 { "small" } else { "large" };
            ApiError::invalid_value(format!(
                "Invalid value '{number}' for portRange. Port is too {side}; use 0 to 65535."
            ))
        })
    };
    PortRange::new(port(from)?, port(to)?).ok_or_else(|| {
        ApiError::invalid_value(format!(
            "Invalid TCP/UDP port range ({from}:{to}). From port must not exceed to port."
        ))
    })
}

fn icmp(r#type: Option<i32>, code: Option<i32>) -> Result<IcmpKind, ApiError> {
    let invalid = |what: &str, value: i32| {
        ApiError::invalid_value(format!("ICMP {what} ({value}) out of range"))
    };
    let (Some(r#type), Some(code)) = (r#type, code) else {
        return Err(ApiError::invalid_value(
            "Invalid value 'Must specify both type and code with ICMP.' for portRange.",
        ));
    };
    if r#type == ANY {
        return if code == ANY { Ok(IcmpKind::All) } else { Err(invalid("code", code)) };
    }
    let number = u8::try_from(r#type).map_err(|_| invalid("type", r#type))?;
    if code == ANY {
        return Ok(IcmpKind::Type(number));
    }
    Ok(IcmpKind::Code(number, u8::try_from(code).map_err(|_| invalid("code", code))?))
}

fn ipv4(text: &str) -> Result<ipnet::Ipv4Net, ApiError> {
    let block: Option<ipnet::Ipv4Net> = text.parse().ok();
    // EC2 keeps the block, without the host bits (API reference, IpRange).
    block.map(|block| block.trunc()).ok_or_else(|| malformed(text))
}

fn ipv6(text: &str) -> Result<ipnet::Ipv6Net, ApiError> {
    let block: Option<ipnet::Ipv6Net> = text.parse().ok();
    block.map(|block| block.trunc()).ok_or_else(|| malformed(text))
}

fn malformed(text: &str) -> ApiError {
    ApiError::invalid_value(format!("CIDR block {text} is malformed"))
}

fn group(pair: &UserIdGroupPair) -> Result<SecurityGroupId, ApiError> {
    if pair.group_id.is_empty() {
        // Names work in a default VPC only, which a lab has none of.
        return Err(ApiError::missing("groupId"));
    }
    ids::parse(&pair.group_id)
}

/// Protocol, first and last port as `IpPermission` has them; `None` where it has no ports.
pub(super) fn wire_traffic(traffic: Traffic) -> (String, Option<(i32, i32)>) {
    let kind = |kind: IcmpKind| match kind {
        IcmpKind::All => (ANY, ANY),
        IcmpKind::Type(r#type) => (i32::from(r#type), ANY),
        IcmpKind::Code(r#type, code) => (i32::from(r#type), i32::from(code)),
    };
    let range = |ports: PortRange| (i32::from(ports.first()), i32::from(ports.last()));
    match traffic {
        Traffic::All => ("-1".to_owned(), None),
        Traffic::Tcp(ports) => ("tcp".to_owned(), Some(range(ports))),
        Traffic::Udp(ports) => ("udp".to_owned(), Some(range(ports))),
        Traffic::Icmp(message) => ("icmp".to_owned(), Some(kind(message))),
        Traffic::Icmpv6(message) => ("icmpv6".to_owned(), Some(kind(message))),
        Traffic::Protocol(number) => (number.to_string(), None),
    }
}

/// Rules as DescribeSecurityGroups shows them: those of the same traffic together.
pub(super) fn permissions<'r>(
    rules: impl Iterator<Item = &'r SecurityGroupRule>,
    owner: &AccountId,
) -> Vec<IpPermission> {
    let mut by_traffic: BTreeMap<Traffic, IpPermission> = BTreeMap::new();
    for rule in rules {
        let traffic = rule.permission.traffic;
        let entry = by_traffic.entry(traffic).or_insert_with(|| {
            let (ip_protocol, ports) = wire_traffic(traffic);
            IpPermission {
                ip_protocol,
                from_port: ports.map(|(from, _)| from),
                to_port: ports.map(|(_, to)| to),
                ..IpPermission::default()
            }
        });
        let description = rule.description.clone();
        match &rule.permission.peer {
            Peer::Ipv4(block) => {
                entry.ip_ranges.push(IpRange { cidr_ip: block.to_string(), description });
            }
            Peer::Ipv6(block) => {
                entry.ipv6_ranges.push(Ipv6Range { cidr_ipv6: block.to_string(), description });
            }
            Peer::Group(group) => entry.groups.push(UserIdGroupPair {
                user_id: owner.to_string(),
                group_id: group.to_string(),
                description,
                ..UserIdGroupPair::default()
            }),
        }
    }
    by_traffic.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(protocol: &str, from: Option<i32>, to: Option<i32>) -> Result<Traffic, String> {
        traffic(protocol, from, to).map_err(|error| error.message)
    }

    #[test]
    fn protocols_by_name_and_number_are_the_same() {
        let web = Traffic::Tcp(PortRange::new(80, 443).unwrap());
        for protocol in ["tcp", "TCP", "6"] {
            assert_eq!(check(protocol, Some(80), Some(443)), Ok(web));
        }
        assert_eq!(wire_traffic(web), ("tcp".to_owned(), Some((80, 443))));
        assert_eq!(check("-1", Some(80), Some(443)), Ok(Traffic::All));
        assert_eq!(check("4", Some(80), Some(80)), Ok(Traffic::Protocol(4)));
        assert_eq!(check("udp", Some(-1), Some(-1)), Ok(Traffic::Udp(PortRange::ALL)));
        assert_eq!(check("icmp", Some(8), Some(-1)), Ok(Traffic::Icmp(IcmpKind::Type(8))));
        assert_eq!(check("icmpv6", None, None), Ok(Traffic::Icmpv6(IcmpKind::All)));
    }

    #[test]
    fn what_is_no_protocol_or_range_is_refused() {
        for (protocol, from, to) in [
            ("tcpp", Some(1), Some(1)),
            ("256", None, None),
            ("tcp", None, None),
            ("tcp", Some(2), Some(1)),
            ("udp", Some(0), Some(65_536)),
            ("udp", Some(-2), Some(1)),
            ("icmp", Some(256), Some(0)),
            ("icmp", Some(-1), Some(0)),
            ("icmp", Some(8), None),
            ("", None, None),
        ] {
            assert!(check(protocol, from, to).is_err(), "{protocol} {from:?} {to:?}");
        }
    }
}
