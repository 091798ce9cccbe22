//! Kernel objects of the pod network: desired state, diff, apply over netlink.
//!
//! Pure: [`model`] and [`state`] are the objects, [`eni`] and [`pod`] say which should exist,
//! [`diff`](mod@diff) what to change. The edge: [`Netlink`] is the kernel in one namespace
//! ([`Netns`]), [`FakeNetlink`] its twin in memory, both a [`Kernel`]; [`wire`] brings the one
//! into the other: [`add_pod`], [`del_pod`], [`check_pod`], [`setup_eni`], [`restore`].
//!
//! Objects of ours carry [`ROUTE_PROTOCOL`]; nothing else is removed.

pub mod diff;
pub mod eni;
pub mod fake;
pub mod kernel;
pub mod model;
pub mod name;
pub mod netlink;
pub mod netns;
pub mod op;
pub mod pod;
pub mod state;
pub mod sysctl;
pub mod wire;

pub use eni::EniSpec;
pub use fake::FakeNetlink;
pub use kernel::{ApplyError, Failure, Kernel, NetlinkError, Refusal};
pub use model::{
    Address, DEFAULT_ROUTE, Link, LinkKind, Mac, MacError, Neighbour, PROTOCOL_KERNEL,
    ROUTE_PROTOCOL, Route, RouteKind, Rule, Scope, TABLE_MAIN,
};
pub use name::{VethPrefix, VethPrefixError, host_veth_name, host_veth_name_of};
pub use netlink::Netlink;
pub use netns::{Netns, NetnsId};
pub use op::{Op, VethPeer};
pub use pod::{POD_GATEWAY, PodHost, PodSpec};
pub use state::{DesiredState, KernelState, LinkSpec, Sysctl};
pub use sysctl::{SysctlError, read_sysctl, write_sysctl};
pub use wire::{
    Place, WireError, add_pod, check_pod, del_pod, restore, setup_eni, setup_node, teardown_eni,
    wait_running,
};
