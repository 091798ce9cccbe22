//! What EC2 says about resources beyond what the VPC rules need: names, ARNs, fixed values.
//! Both the EC2 API and the metadata service answer with them.

use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};
use vpc::instance_types::InstanceType;
use vpc::{AccountId, AttachmentTarget, Eni, EniStatus, InstanceState};

/// The image every instance of the lab says it was started from.
pub(crate) const IMAGE_ID: &str = "ami-00000000000f1a7e7";
/// The AWS partition.
pub(crate) const PARTITION: &str = "aws";
/// Domain of the partition's endpoints.
pub(crate) const DNS_SUFFIX: &str = "amazonaws.com";

/// Each instance is launched by a reservation of its own.
pub(crate) fn reservation_id(instance: &str) -> String {
    instance.replacen("i-", "r-", 1)
}

/// The profile carries the name of its role.
pub(crate) fn instance_profile_arn(account: &AccountId, role: &str) -> String {
    format!("arn:{PARTITION}:iam::{account}:instance-profile/{role}")
}

/// `AIPA` and 16 characters that depend on the role's name alone.
pub(crate) fn instance_profile_id(role: &str) -> String {
    let digits = Sha256::digest(role);
    let digits = digits.iter().take(16).map(|byte| char::from(b'A' + byte % 26));
    "AIPA".chars().chain(digits).collect()
}

/// What an instance of this type runs, by EC2's names.
pub(crate) fn architecture(instance_type: &InstanceType) -> &'static str {
    // Old types list `i386` first, which nobody runs any more.
    instance_type.architectures().find(|name| *name != "i386").unwrap_or("x86_64")
}

/// `ip-10-10-1-5.us-west-2.compute.internal`, with the short form of us-east-1.
pub(crate) fn private_dns_name(address: Ipv4Addr, region: &str) -> String {
    let host = address.to_string().replace('.', "-");
    match region {
        "us-east-1" => format!("ip-{host}.ec2.internal"),
        _ => format!("ip-{host}.{region}.compute.internal"),
    }
}

/// Device index and network card of an ENI attached to an instance.
pub(crate) fn slot(eni: &Eni) -> Option<(u32, u32)> {
    match &eni.attachment.as_ref()?.target {
        AttachmentTarget::Instance { device_index, network_card, .. } => {
            Some((*device_index, *network_card))
        }
        AttachmentTarget::Foreign(_) => None,
    }
}

/// EC2's code and name of an instance's state (API reference, InstanceState).
pub(crate) fn state(state: InstanceState) -> (u32, &'static str) {
    match state {
        InstanceState::Running => (16, "running"),
        InstanceState::Terminated => (48, "terminated"),
    }
}

/// EC2's name of an ENI's status.
pub(crate) fn status(status: EniStatus) -> &'static str {
    match status {
        EniStatus::Available => "available",
        EniStatus::InUse => "in-use",
    }
}
