//! DescribeInstanceTypes.

use ec2_query::{
    DescribeInstanceTypes, DescribeInstanceTypesResponse, InstanceTypeInfo, MemoryInfo,
    NetworkCardInfo, NetworkInfo, ProcessorInfo, VCpuInfo,
};
use vpc::instance_types::{self as table, Hypervisor, InstanceType};

use super::{Described, Selection, choose, many, never, one};
use crate::api::Context;
use crate::api::error::ApiError;
use crate::api::filter::Filtered;

pub(in crate::api) fn instance_types(
    context: &Context<'_>,
    request: &DescribeInstanceTypes,
) -> Result<DescribeInstanceTypesResponse, ApiError> {
    let named = &request.instance_types;
    let all = table::all().iter().map(view).collect();
    let selection = Selection {
        ids: named,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let unknown = |_: &str| {
        let unknown: Vec<&str> =
            named.iter().map(String::as_str).filter(|name| table::find(name).is_none()).collect();
        ApiError::bad_request(
            "InvalidInstanceType",
            format!("The following supplied instance types do not exist: [{}]", unknown.join(", ")),
        )
    };
    let (instance_types, next_token) =
        choose::<InstanceTypeInfo>(context, &selection, all, unknown)?;
    Ok(DescribeInstanceTypesResponse { instance_types, next_token })
}

fn view(kind: &InstanceType) -> InstanceTypeInfo {
    let performance = kind.network_performance.unwrap_or_default();
    // The table has the whole instance's bandwidth; with one card that is the card's.
    let single = kind.network_cards == 1;
    let card = |index| NetworkCardInfo {
        network_card_index: index,
        network_performance: performance.into(),
        maximum_network_interfaces: kind.card_enis(index).unwrap_or_default(),
        baseline_bandwidth_in_gbps: kind.baseline_gbps.filter(|_| single),
        peak_bandwidth_in_gbps: kind.peak_gbps.filter(|_| single),
    };
    InstanceTypeInfo {
        instance_type: kind.name.into(),
        current_generation: None,
        bare_metal: kind.bare_metal,
        hypervisor: kind.hypervisor.map(|hypervisor| match hypervisor {
            Hypervisor::Nitro => "nitro".into(),
            Hypervisor::Xen => "xen".into(),
        }),
        processor_info: ProcessorInfo {
            supported_architectures: kind.architectures().map(Into::into).collect(),
        },
        v_cpu_info: VCpuInfo { default_vcpus: kind.vcpus.unwrap_or_default() },
        memory_info: MemoryInfo { size_in_mib: kind.memory_mib.unwrap_or_default() },
        network_info: NetworkInfo {
            network_performance: performance.into(),
            maximum_network_interfaces: kind.max_enis,
            maximum_network_cards: kind.network_cards,
            default_network_card_index: 0,
            network_cards: (0..kind.network_cards).map(card).collect(),
            ipv4_addresses_per_interface: kind.ipv4_per_eni,
            ipv6_addresses_per_interface: kind.ipv6_per_eni.unwrap_or_default(),
            ipv6_supported: kind.ipv6_per_eni.is_some_and(|most| most > 0),
            ena_support: None,
            efa_supported: None,
        },
        burstable_performance_supported: Some(is_burstable(kind.name)),
    }
}

/// The T families earn CPU credits.
fn is_burstable(name: &str) -> bool {
    let family = name.split('.').next().unwrap_or_default();
    family.strip_prefix('t').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

impl Described for InstanceTypeInfo {
    const ACTION: &'static str = "DescribeInstanceTypes";
    const IDS: &'static str = "instanceTypes";
    const BOUNDS: (u16, u16) = (5, 100);
    const PAGE: Option<u16> = Some(100);

    fn key(&self) -> &str {
        &self.instance_type
    }
}

impl Filtered for InstanceTypeInfo {
    fn attribute(&self, name: &str) -> Option<Vec<String>> {
        let network = &self.network_info;
        match name {
            "bare-metal" => one(&self.bare_metal),
            "burstable-performance-supported" => many(self.burstable_performance_supported),
            "hypervisor" => many(&self.hypervisor),
            "instance-type" => one(&self.instance_type),
            "memory-info.size-in-mib" => one(&self.memory_info.size_in_mib),
            "network-info.ipv4-addresses-per-interface" => {
                one(&network.ipv4_addresses_per_interface)
            }
            "network-info.ipv6-addresses-per-interface" => {
                one(&network.ipv6_addresses_per_interface)
            }
            "network-info.ipv6-supported" => one(&network.ipv6_supported),
            "network-info.maximum-network-cards" => one(&network.maximum_network_cards),
            "network-info.maximum-network-interfaces" => one(&network.maximum_network_interfaces),
            "network-info.network-performance" => one(&network.network_performance),
            "processor-info.supported-architecture" => {
                many(&self.processor_info.supported_architectures)
            }
            "vcpu-info.default-vcpus" => one(&self.v_cpu_info.default_vcpus),
            _ if UNKNOWN_TO_THE_TABLE.contains(&name) => never(),
            _ => None,
        }
    }

    fn tags(&self) -> Option<Vec<(&str, &str)>> {
        None
    }
}

/// Documented filters on what the table of instance types does not hold.
const UNKNOWN_TO_THE_TABLE: &[&str] = &[
    "auto-recovery-supported",
    "current-generation",
    "dedicated-hosts-supported",
    "ebs-info.attachment-limit-type",
    "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps",
    "ebs-info.ebs-optimized-info.baseline-iops",
    "ebs-info.ebs-optimized-info.baseline-throughput-in-mbps",
    "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps",
    "ebs-info.ebs-optimized-info.maximum-iops",
    "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps",
    "ebs-info.ebs-optimized-support",
    "ebs-info.encryption-support",
    "ebs-info.maximum-ebs-attachments",
    "ebs-info.nvme-support",
    "free-tier-eligible",
    "hibernation-supported",
    "instance-storage-info.disk.count",
    "instance-storage-info.disk.size-in-gb",
    "instance-storage-info.disk.type",
    "instance-storage-info.encryption-support",
    "instance-storage-info.nvme-support",
    "instance-storage-info.total-size-in-gb",
    "instance-storage-supported",
    "network-info.bandwidth-weightings",
    "network-info.efa-info.maximum-efa-interfaces",
    "network-info.efa-supported",
    "network-info.ena-support",
    "network-info.encryption-in-transit-supported",
    "network-info.flexible-ena-queues-support",
    "nitro-enclaves-support",
    "nitro-tpm-info.supported-versions",
    "nitro-tpm-support",
    "processor-info.supported-features",
    "processor-info.sustained-clock-speed-in-ghz",
    "reboot-migration-support",
    "supported-boot-mode",
    "supported-root-device-type",
    "supported-usage-class",
    "supported-virtualization-type",
    "vcpu-info.default-cores",
    "vcpu-info.default-threads-per-core",
    "vcpu-info.valid-cores",
    "vcpu-info.valid-threads-per-core",
];
