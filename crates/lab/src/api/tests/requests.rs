//! Requests that several tests make, and what they answer.

use std::net::Ipv4Addr;

use ec2_query::{
    AssignPrivateIpAddresses, CreateNetworkInterface, NetworkInterface, UnassignPrivateIpAddresses,
};

use super::{Scene, error};

pub fn creation(scene: &Scene) -> CreateNetworkInterface {
    CreateNetworkInterface {
        subnet_id: scene.nodes_a.to_string(),
        ..CreateNetworkInterface::default()
    }
}

pub fn create(scene: &Scene, secondary: u32) -> NetworkInterface {
    let request = CreateNetworkInterface {
        secondary_private_ip_address_count: (secondary > 0).then_some(secondary),
        ..creation(scene)
    };
    scene.call(&request).network_interface
}

pub fn assignment(eni: &str, addresses: &[&str]) -> AssignPrivateIpAddresses {
    AssignPrivateIpAddresses {
        network_interface_id: eni.into(),
        private_ip_addresses: addresses.iter().map(ToString::to_string).collect(),
        ..AssignPrivateIpAddresses::default()
    }
}

pub fn unassignment(eni: &str, addresses: &[&str]) -> UnassignPrivateIpAddresses {
    UnassignPrivateIpAddresses {
        network_interface_id: eni.into(),
        private_ip_addresses: addresses.iter().map(ToString::to_string).collect(),
        ..UnassignPrivateIpAddresses::default()
    }
}

/// The highest addresses of nodes-a that nothing holds.
pub fn unheld(scene: &Scene, count: usize) -> Vec<String> {
    let held = scene.lab.read(|world| {
        let usage = world.subnet_usage(&scene.nodes_a).unwrap();
        let all = usage.primaries.into_iter().chain(usage.secondaries);
        all.map(|(address, _)| address).collect::<Vec<_>>()
    });
    (4..255u8)
        .rev()
        .map(|host| Ipv4Addr::new(10, 10, 1, host))
        .filter(|address| !held.contains(address))
        .take(count)
        .map(|address| address.to_string())
        .collect()
}

pub fn invalid(message: impl Into<String>) -> (u16, String, String) {
    error(400, "InvalidParameterValue", message)
}
