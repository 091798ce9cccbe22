//! Changes as netlink requests.

use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::socket::Request;
use crate::model::{Address, Mac, Neighbour, Route, RouteKind, Rule, Scope};
use crate::op::{Op, VethPeer};

/// The request for a change. `index` is that of [`Op::indexed_link`], if there is one.
pub(super) fn request(op: &Op, index: u32) -> Request {
    let create = NLM_F_CREATE | NLM_F_EXCL;
    let replace = NLM_F_CREATE | NLM_F_REPLACE;
    let (message, flags) = match op {
        Op::AddVeth { name, mac, mtu, peer } => {
            (RouteNetlinkMessage::NewLink(veth(name, *mac, *mtu, peer)), create)
        }
        Op::SetLink { name, up, mtu, mac } => {
            (RouteNetlinkMessage::SetLink(link_change(name, *up, *mtu, *mac)), 0)
        }
        Op::DelLink { name } => (RouteNetlinkMessage::DelLink(named_link(name)), 0),
        Op::AddAddress(address) => {
            (RouteNetlinkMessage::NewAddress(address_message(address, index)), replace)
        }
        Op::DelAddress(address) => {
            (RouteNetlinkMessage::DelAddress(address_message(address, index)), 0)
        }
        Op::ReplaceRoute(route) => {
            (RouteNetlinkMessage::NewRoute(route_message(route, index)), replace)
        }
        Op::DelRoute(route) => {
            let mut message = route_message(route, index);
            // Any scope: the kernel's and ours may differ for the same route.
            message.header.scope = RouteScope::NoWhere;
            (RouteNetlinkMessage::DelRoute(message), 0)
        }
        Op::AddRule(rule) => (RouteNetlinkMessage::NewRule(rule_message(rule)), create),
        Op::DelRule(rule) => (RouteNetlinkMessage::DelRule(rule_message(rule)), 0),
        Op::ReplaceNeighbour(neighbour) => {
            (RouteNetlinkMessage::NewNeighbour(neighbour_message(neighbour, index)), replace)
        }
        Op::DelNeighbour(neighbour) => {
            (RouteNetlinkMessage::DelNeighbour(neighbour_message(neighbour, index)), 0)
        }
    };
    Request { message, flags }
}

/// The request for one link by name, without its counters.
pub(super) fn link_query(name: &str) -> Request {
    let mut message = named_link(name);
    message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    Request { message: RouteNetlinkMessage::GetLink(message), flags: 0 }
}

/// The request for one link by index, without its counters.
pub(super) fn indexed_link_query(index: u32) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    Request { message: RouteNetlinkMessage::GetLink(message), flags: 0 }
}

/// The request to remove one link by index.
pub(super) fn indexed_link_removal(index: u32) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    Request { message: RouteNetlinkMessage::DelLink(message), flags: 0 }
}

/// The request for all links, without their counters.
pub(super) fn link_dump() -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    RouteNetlinkMessage::GetLink(message)
}

pub(super) fn address_dump() -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    RouteNetlinkMessage::GetAddress(message)
}

pub(super) fn route_dump() -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    RouteNetlinkMessage::GetRoute(message)
}

pub(super) fn rule_dump() -> RouteNetlinkMessage {
    let mut message = RuleMessage::default();
    message.header.family = AddressFamily::Inet;
    RouteNetlinkMessage::GetRule(message)
}

pub(super) fn neighbour_dump() -> RouteNetlinkMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    RouteNetlinkMessage::GetNeighbour(message)
}

fn named_link(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_owned()));
    message
}

fn veth(name: &str, mac: Mac, mtu: u32, peer: &VethPeer) -> LinkMessage {
    let mut other = veth_end(&peer.name, peer.mac, peer.mtu);
    if let Some(netns) = &peer.netns {
        other.attributes.push(LinkAttribute::NetNsFd(netns.as_fd().as_raw_fd()));
    }
    let mut message = veth_end(name, mac, mtu);
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(other))),
    ]));
    message
}

fn veth_end(name: &str, mac: Mac, mtu: u32) -> LinkMessage {
    let mut message = named_link(name);
    message.attributes.push(LinkAttribute::Address(mac.0.to_vec()));
    message.attributes.push(LinkAttribute::Mtu(mtu));
    message
}

fn link_change(name: &str, up: Option<bool>, mtu: Option<u32>, mac: Option<Mac>) -> LinkMessage {
    let mut message = named_link(name);
    if let Some(up) = up {
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
    }
    message.attributes.extend(mtu.map(LinkAttribute::Mtu));
    message.attributes.extend(mac.map(|mac| LinkAttribute::Address(mac.0.to_vec())));
    message
}

fn address_message(address: &Address, index: u32) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = address.addr.prefix_len();
    message.header.scope = AddressScope::from(scope_number(address.scope));
    message.header.index = index;
    let addr = IpAddr::V4(address.addr.addr());
    message.attributes.push(AddressAttribute::Local(addr));
    message.attributes.push(AddressAttribute::Address(addr));
    if address.no_prefix_route {
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
    }
    message
}

fn route_message(route: &Route, index: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = AddressFamily::Inet;
    header.destination_prefix_length = route.dst.prefix_len();
    header.protocol = route.protocol.into();
    header.scope = RouteScope::from(scope_number(route.scope));
    header.kind = match route.kind {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Local => RouteType::Local,
        RouteKind::Other(number) => RouteType::from(number),
    };
    if route.onlink {
        header.flags = RouteFlags::Onlink;
    }
    let (table, wide) = table_number(route.table);
    header.table = table;
    let attributes = &mut message.attributes;
    attributes.extend(wide.map(RouteAttribute::Table));
    if route.dst.prefix_len() > 0 {
        attributes.push(RouteAttribute::Destination(route.dst.network().into()));
    }
    attributes.extend(route.via.map(|via| RouteAttribute::Gateway(via.into())));
    attributes.extend(route.src.map(|src| RouteAttribute::PrefSource(src.into())));
    if route.link.is_some() {
        attributes.push(RouteAttribute::Oif(index));
    }
    message
}

fn rule_message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.action = RuleAction::ToTable;
    let (table, wide) = table_number(rule.table);
    message.header.table = table;
    let attributes = &mut message.attributes;
    attributes.extend(wide.map(RuleAttribute::Table));
    attributes.push(RuleAttribute::Priority(rule.priority));
    if let Some(from) = rule.from {
        message.header.src_len = from.prefix_len();
        attributes.push(RuleAttribute::Source(IpAddr::V4(from.network())));
    }
    if let Some(to) = rule.to {
        message.header.dst_len = to.prefix_len();
        attributes.push(RuleAttribute::Destination(IpAddr::V4(to.network())));
    }
    attributes.extend(rule.iif.clone().map(RuleAttribute::Iifname));
    if let Some((value, mask)) = rule.fwmark {
        attributes.push(RuleAttribute::FwMark(value));
        attributes.push(RuleAttribute::FwMask(mask));
    }
    attributes.push(RuleAttribute::Protocol(rule.protocol.into()));
    message
}

fn neighbour_message(neighbour: &Neighbour, index: u32) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = index;
    message.header.kind = RouteType::Unicast;
    message.header.state =
        if neighbour.permanent { NeighbourState::Permanent } else { NeighbourState::Reachable };
    message.attributes.push(NeighbourAttribute::Destination(neighbour.addr.into()));
    message.attributes.push(NeighbourAttribute::LinkLayerAddress(neighbour.mac.0.to_vec()));
    message
}

/// A table's number for the header, which has eight bits, and for the attribute if it has more.
fn table_number(table: u32) -> (u8, Option<u32>) {
    match u8::try_from(table) {
        Ok(narrow) => (narrow, None),
        Err(_) => (RouteHeader::RT_TABLE_UNSPEC, Some(table)),
    }
}

fn scope_number(scope: Scope) -> u8 {
    match scope {
        Scope::Universe => RouteScope::Universe.into(),
        Scope::Link => RouteScope::Link.into(),
        Scope::Host => RouteScope::Host.into(),
        Scope::Other(number) => number,
    }
}
