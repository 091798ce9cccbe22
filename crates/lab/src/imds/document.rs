//! The metadata values that are JSON documents.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use vpc::Instance;

use crate::state::{AccessKey, facts, iso8601_seconds};

/// `dynamic/instance-identity/document`.
pub(super) fn identity(instance: &Instance, address: Ipv4Addr) -> String {
    pretty(&json!({
        "accountId": instance.owner.to_string(),
        "architecture": facts::architecture(instance.instance_type),
        "availabilityZone": instance.availability_zone.to_string(),
        "billingProducts": null,
        "devpayProductCodes": null,
        "marketplaceProductCodes": null,
        "imageId": facts::IMAGE_ID,
        "instanceId": instance.id.to_string(),
        "instanceType": instance.instance_type.name,
        "kernelId": null,
        "pendingTime": iso8601_seconds(instance.launched),
        "privateIp": address.to_string(),
        "ramdiskId": null,
        "region": instance.availability_zone.region(),
        "version": "2017-09-30",
    }))
}

/// `iam/info`.
pub(super) fn profile(instance: &Instance, role: &str) -> String {
    pretty(&json!({
        "Code": "Success",
        "LastUpdated": iso8601_seconds(instance.launched),
        "InstanceProfileArn": facts::instance_profile_arn(&instance.owner, role),
        "InstanceProfileId": facts::instance_profile_id(role),
    }))
}

/// `iam/security-credentials/<role>`.
pub(super) fn credentials(key: &AccessKey) -> String {
    pretty(&json!({
        "Code": "Success",
        "LastUpdated": key.issued.map(iso8601_seconds),
        "Type": "AWS-HMAC",
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret,
        "Token": key.session_token,
        "Expiration": key.expires.map(iso8601_seconds),
    }))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
