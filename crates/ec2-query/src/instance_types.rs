//! DescribeInstanceTypes.

use crate::{
    Filter,
    action::{action, paginated},
};
use serde::{Deserialize, Serialize};

/// Lists instance types and their limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeInstanceTypes {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Names of the types to list, at most 100; none means all.
    #[serde(rename = "InstanceType", default)]
    pub instance_types: Vec<String>,
    /// Conditions that must all hold.
    #[serde(rename = "Filter", default)]
    pub filters: Vec<Filter>,
    /// Size of a page, 5 to 100.
    pub max_results: Option<u32>,
    /// The page to answer with, from the answer before.
    pub next_token: Option<String>,
    /// Also list types that the Region does not offer.
    pub include_unsupported_in_region: Option<bool>,
}

action!(DescribeInstanceTypes => DescribeInstanceTypesResponse, repeatable);
paginated!(DescribeInstanceTypes, instance_types: InstanceTypeInfo);

/// Answer to [`DescribeInstanceTypes`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeInstanceTypesResponse {
    /// The instance types.
    #[serde(rename = "InstanceTypeSet")]
    pub instance_types: Vec<InstanceTypeInfo>,
    /// Names the next page, if there is one.
    pub next_token: Option<String>,
}

/// An instance type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InstanceTypeInfo {
    /// Name, such as `m5.large`.
    pub instance_type: String,
    /// Whether AWS counts it among its current types.
    pub current_generation: Option<bool>,
    /// Whether instances run on the hardware itself.
    pub bare_metal: bool,
    /// `nitro` or `xen`; none on bare metal.
    pub hypervisor: Option<String>,
    /// The processors.
    pub processor_info: ProcessorInfo,
    /// The virtual CPUs.
    pub v_cpu_info: VCpuInfo,
    /// The memory.
    pub memory_info: MemoryInfo,
    /// What limits its network.
    pub network_info: NetworkInfo,
    /// Whether its CPU share depends on credits.
    pub burstable_performance_supported: Option<bool>,
}

/// Processors of an instance type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProcessorInfo {
    /// `i386`, `x86_64`, `arm64`, `x86_64_mac`, `arm64_mac`.
    pub supported_architectures: Vec<String>,
}

/// Virtual CPUs of an instance type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VCpuInfo {
    /// How many there are unless the launch asks for fewer.
    #[serde(rename = "DefaultVCpus")]
    pub default_vcpus: u32,
}

/// Memory of an instance type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MemoryInfo {
    /// Size in MiB.
    #[serde(rename = "SizeInMiB")]
    pub size_in_mib: u64,
}

/// What limits the network of an instance type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkInfo {
    /// Speed in words, such as `Up to 10 Gigabit`.
    pub network_performance: String,
    /// Most ENIs, over all network cards together.
    pub maximum_network_interfaces: u32,
    /// Most network cards.
    pub maximum_network_cards: u32,
    /// The card that holds the primary ENI.
    pub default_network_card_index: u32,
    /// The network cards.
    pub network_cards: Vec<NetworkCardInfo>,
    /// Most IPv4 addresses on one ENI, its primary one included.
    pub ipv4_addresses_per_interface: u32,
    /// Most IPv6 addresses on one ENI.
    pub ipv6_addresses_per_interface: u32,
    /// Whether ENIs may have IPv6 addresses.
    pub ipv6_supported: bool,
    /// `unsupported`, `supported` or `required`.
    pub ena_support: Option<String>,
    /// Whether ENIs may be Elastic Fabric Adapters.
    pub efa_supported: Option<bool>,
}

/// A network card of an instance type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkCardInfo {
    /// Index, from 0.
    pub network_card_index: u32,
    /// Speed in words.
    pub network_performance: String,
    /// Most ENIs on this card.
    pub maximum_network_interfaces: u32,
    /// Bandwidth that is always there, in Gbit/s.
    pub baseline_bandwidth_in_gbps: Option<f64>,
    /// Bandwidth in bursts, in Gbit/s.
    pub peak_bandwidth_in_gbps: Option<f64>,
}
