//! What the tests against the real kernel share. Everything they make is in network namespaces of
//! their own, which vanish with the test's handles, however it ends.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;

use datapath::{Address, Kernel, Mac, Netlink, Netns, Op, Route, Scope};
use ipnet::Ipv4Net;

pub mod vpc;

/// A fresh namespace with `lo` up.
pub fn netns() -> Netns {
    let netns = Netns::create().unwrap_or_else(|error| {
        panic!(
            "cannot make a network namespace: {error}. These tests need CAP_SYS_ADMIN and \
             CAP_NET_ADMIN: run them as root, or inside `unshare -Urnm`"
        )
    });
    netlink(&netns).apply(&[Op::up("lo")]).expect("lo can be set up");
    netns
}

pub fn netlink(netns: &Netns) -> Netlink {
    Netlink::open_in(netns).expect("a namespace made by the test can be entered")
}

pub fn mac(last: u8) -> Mac {
    Mac([0x02, 0, 0, 0, 0, last])
}

pub fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect("an IPv4 address in a test")
}

pub fn net(text: &str) -> Ipv4Net {
    text.parse().expect("an IPv4 network in a test")
}

pub fn address(link: &str, addr: &str) -> Address {
    Address { link: link.into(), addr: net(addr), scope: Scope::Universe, no_prefix_route: false }
}

pub fn link_route(dst: &str, link: &str) -> Route {
    Route { dst: net(dst), link: Some(link.into()), scope: Scope::Link, ..Route::default() }
}
