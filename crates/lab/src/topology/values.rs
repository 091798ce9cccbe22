//! Text → values: what a name, an account, a CIDR and so on may look like.
//!
//! Every function's error is the message for the user: what is wrong, and what is allowed.

use std::net::SocketAddr;

use ipnet::Ipv4Net;
use vpc::instance_types::{self, InstanceType};
use vpc::{AccountId, AvailabilityZone};

use super::fields::{list, quoted};
use super::{Service, suggest};

/// Names become file names, host names and parts of socket paths (108 bytes in all).
const MAX_NAME: usize = 32;
/// A pod's name is `<prefix>-<number>` and, as a DNS label, at most 63 characters.
const MAX_PREFIX: usize = 50;
/// Longest DNS label, and so longest Kubernetes namespace (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;
/// Longest DNS name (RFC 1035, section 2.3.4).
const MAX_DNS_NAME: usize = 253;

pub(super) fn name(text: &str) -> Result<String, String> {
    dns_label(text, MAX_NAME)
}

fn dns_label(text: &str, max: usize) -> Result<String, String> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let good = (1..=max).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if good {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{} is not a name; allowed: 1 to {max} characters a-z, 0-9 and -, \
         not beginning or ending with -",
        quoted(text)
    ))
}

pub(super) fn name_prefix(text: &str) -> Result<String, String> {
    dns_label(text, MAX_PREFIX)
}

pub(super) fn namespace(text: &str) -> Result<String, String> {
    dns_label(text, MAX_LABEL)
}

pub(super) fn dns_name(text: &str) -> Result<String, String> {
    if text.len() <= MAX_DNS_NAME && text.split('.').all(|part| dns_label(part, MAX_LABEL).is_ok())
    {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{} is not a DNS name; allowed: labels of a-z, 0-9 and - joined by dots, \
         for example api.demo.internal",
        quoted(text)
    ))
}

pub(super) fn account(text: &str) -> Result<AccountId, String> {
    let digits = "an account is 12 digits, for example 111122223333; put it in quotes";
    text.parse().map_err(|_| format!("{} is not an account; {digits}", quoted(text)))
}

pub(super) fn region(text: &str) -> Result<String, String> {
    // A Region is what an Availability Zone's name says before its letter.
    match format!("{text}a").parse::<AvailabilityZone>() {
        Ok(zone) if zone.region() == text => Ok(text.to_owned()),
        _ => Err(format!("{} is not a Region; a Region looks like us-west-2", quoted(text))),
    }
}

pub(super) fn availability_zone(text: &str) -> Result<AvailabilityZone, String> {
    text.parse().map_err(|_| {
        format!(
            "{} is not an Availability Zone; allowed: the Region and a letter, \
             for example us-west-2a",
            quoted(text)
        )
    })
}

pub(super) fn cidr(text: &str) -> Result<Ipv4Net, String> {
    let cidr: Ipv4Net = text.parse().map_err(|_| {
        format!("{} is not an IPv4 CIDR; a CIDR looks like 10.10.0.0/16", quoted(text))
    })?;
    let network = cidr.trunc();
    if network != cidr {
        return Err(format!("{cidr} has host bits set; did you mean {network}?"));
    }
    Ok(cidr)
}

pub(super) fn service(text: &str) -> Result<Service, String> {
    match text {
        "ec2" => Ok(Service::Ec2),
        _ => Err(format!("unknown service {}; allowed: ec2", quoted(text))),
    }
}

pub(super) fn instance_type(text: &str) -> Result<&'static InstanceType, String> {
    if let Some(known) = instance_types::find(text) {
        return Ok(known);
    }
    let all = instance_types::all();
    let hint = match suggest::nearest(text, all.iter().map(|known| known.name)) {
        Some(near) => format!("did you mean {near:?}?"),
        None => {
            let examples = list(&["t3.medium", "m5.large", "c6i.xlarge"]);
            format!("{} types are known, for example {examples}", all.len())
        }
    };
    Err(format!("unknown instance type {}; {hint}", quoted(text)))
}

pub(super) fn loopback_address(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        _ => Err(format!(
            "{} is not a loopback address and port; allowed: 127.0.0.1:PORT or [::1]:PORT, \
             where port 0 lets the system choose",
            quoted(text)
        )),
    }
}
