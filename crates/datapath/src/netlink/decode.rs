//! Netlink messages as values. A message that is no IPv4 object of interest gives `None`.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, State,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};

use super::Names;
use crate::model::{Address, Link, LinkKind, Mac, Neighbour, Route, RouteKind, Rule, Scope};

pub(super) fn is_running(message: &LinkMessage) -> bool {
    message
        .attributes
        .iter()
        .any(|attribute| matches!(attribute, LinkAttribute::OperState(State::Up)))
}

pub(super) fn link(message: LinkMessage) -> Option<Link> {
    let mut link = Link {
        name: String::new(),
        index: message.header.index,
        mac: Mac::default(),
        mtu: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        kind: LinkKind::Device,
        peer: None,
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::Link(peer) => link.peer = Some(peer),
            LinkAttribute::Address(octets) => link.mac = mac(&octets).unwrap_or_default(),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(InfoKind::Veth) => link.kind = LinkKind::Veth,
                        LinkInfo::Kind(kind) => link.kind = LinkKind::Other(kind.to_string()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    (!link.name.is_empty()).then_some(link)
}

pub(super) fn address(message: AddressMessage, names: &Names) -> Option<Address> {
    let mut local = None;
    let mut no_prefix_route = false;
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V4(addr)) => local = Some(addr),
            AddressAttribute::Flags(flags) => {
                no_prefix_route = flags.contains(AddressFlags::Noprefixroute);
            }
            _ => {}
        }
    }
    Some(Address {
        link: names.get(&message.header.index)?.clone(),
        addr: Ipv4Net::new(local?, message.header.prefix_len).ok()?,
        scope: scope(message.header.scope.into()),
        no_prefix_route,
    })
}

pub(super) fn route(message: RouteMessage, names: &Names) -> Option<Route> {
    let header = message.header;
    let mut dst = Ipv4Addr::UNSPECIFIED;
    let mut route = Route {
        table: header.table.into(),
        scope: scope(header.scope.into()),
        kind: match header.kind {
            RouteType::Unicast => RouteKind::Unicast,
            RouteType::BlackHole => RouteKind::Blackhole,
            RouteType::Unreachable => RouteKind::Unreachable,
            RouteType::Local => RouteKind::Local,
            other => RouteKind::Other(other.into()),
        },
        onlink: header.flags.contains(RouteFlags::Onlink),
        protocol: header.protocol.into(),
        ..Route::default()
    };
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Table(table) => route.table = table,
            RouteAttribute::Destination(RouteAddress::Inet(addr)) => dst = addr,
            RouteAttribute::Gateway(RouteAddress::Inet(addr)) => route.via = Some(addr),
            RouteAttribute::PrefSource(RouteAddress::Inet(addr)) => route.src = Some(addr),
            // A link that vanished while the routes were listed took its routes along.
            RouteAttribute::Oif(index) => route.link = Some(names.get(&index)?.clone()),
            _ => {}
        }
    }
    route.dst = Ipv4Net::new(dst, header.destination_prefix_length).ok()?;
    Some(route)
}

pub(super) fn rule(message: RuleMessage) -> Option<Rule> {
    let header = message.header;
    let mut rule = Rule { table: header.table.into(), protocol: 0, ..Rule::default() };
    let mut mark = None;
    // The kernel's default mask, which it does not always report.
    let mut mask = u32::MAX;
    for attribute in message.attributes {
        match attribute {
            RuleAttribute::Table(table) => rule.table = table,
            RuleAttribute::Priority(priority) => rule.priority = priority,
            RuleAttribute::Source(IpAddr::V4(addr)) => {
                rule.from = Some(Ipv4Net::new(addr, header.src_len).ok()?);
            }
            RuleAttribute::Destination(IpAddr::V4(addr)) => {
                rule.to = Some(Ipv4Net::new(addr, header.dst_len).ok()?);
            }
            RuleAttribute::Iifname(name) => rule.iif = Some(name),
            RuleAttribute::FwMark(value) => mark = Some(value),
            RuleAttribute::FwMask(value) => mask = value,
            RuleAttribute::Protocol(protocol) => rule.protocol = protocol.into(),
            _ => {}
        }
    }
    rule.fwmark = mark.map(|value| (value, mask));
    if header.action != RuleAction::ToTable {
        rule.table = 0;
    }
    Some(rule)
}

pub(super) fn neighbour(message: NeighbourMessage, names: &Names) -> Option<Neighbour> {
    let mut addr = None;
    let mut lladdr = None;
    for attribute in message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(value)) => addr = Some(value),
            NeighbourAttribute::LinkLayerAddress(octets) => lladdr = mac(&octets),
            _ => {}
        }
    }
    Some(Neighbour {
        link: names.get(&message.header.ifindex)?.clone(),
        addr: addr?,
        mac: lladdr?,
        permanent: message.header.state == NeighbourState::Permanent,
    })
}

fn mac(octets: &[u8]) -> Option<Mac> {
    octets.try_into().ok().map(Mac)
}

/// Numbers of `rtnetlink(7)`.
fn scope(number: u8) -> Scope {
    match number {
        0 => Scope::Universe,
        253 => Scope::Link,
        254 => Scope::Host,
        other => Scope::Other(other),
    }
}
