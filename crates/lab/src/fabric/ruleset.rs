//! The router's nftables ruleset: what never changes of it. The chains and sets of security
//! groups come and go (see [`super::filter`]), and so do the ENIs without a source check.
//!
//! Which ENI holds which address is in the routing table alone; the ruleset asks the routing
//! table (`fib`, nft(8)), so that one fact has one place: an address is delivered to an ENI,
//! accepted from it, and a member of the ENI's security groups if and only if its route points
//! there.
//!
//! Security groups are stateful (Amazon VPC user guide, "Connection tracking"): a packet of a
//! tracked flow passes whatever the rules say now. They see forwarded packets only, so never those
//! to and from the metadata service.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::state::FabricError;

/// The fabric's table in the router's namespace.
pub const TABLE: &str = "flatnet-fabric";
/// The link that packets to addresses nobody holds are routed to, and dropped on.
pub const SINK: &str = "sink";

/// The chain that asks the security groups of a packet's source ENI.
pub const FROM_ENIS: &str = "from_enis";
/// The chain that asks the security groups of a packet's destination ENI.
pub const TO_ENIS: &str = "to_enis";
/// Why packets are dropped. Each reason has a counter, and a set that counts by ENI.
const REASONS: [&str; 5] =
    ["anti_spoof", "not_assigned", "security_group_egress", "security_group_ingress", "to_router"];

/// The whole ruleset before there is any ENI, as `nft -f` reads it.
///
/// Links to ENIs, and no others, have names that begin with `e`: what no group accepts is dropped
/// there, also from and to an ENI that is in no group's set yet.
#[must_use]
pub fn text() -> String {
    let counters: String = REASONS
        .iter()
        .map(|reason| {
            format!(
                "\tcounter {reason} {{ }}\n\tset by_eni_{reason} {{\n\t\ttype ifname\n\
                 \t\tsize 65535\n\t\tflags dynamic\n\t}}\n"
            )
        })
        .collect();
    format!(
        r#"table ip {TABLE} {{
	comment "The VPC router of a Flatnet lab"
{counters}	set unchecked {{
		type ifname
		comment "ENIs whose source/destination check is off"
	}}
	chain {FROM_ENIS} {{ }}
	chain {TO_ENIS} {{ }}
	chain prerouting {{
		type filter hook prerouting priority raw; policy accept;
		iifname "lo" accept
		fib daddr type {{ broadcast, multicast }} drop
		iifname @unchecked accept
		{anti_spoof}
	}}
	chain input {{
		type filter hook input priority filter; policy drop;
		iifname "lo" accept
		ip daddr 169.254.169.254 tcp dport 80 accept
		{to_router}
	}}
	chain forward {{
		type filter hook forward priority filter; policy accept;
		{not_assigned}
	}}
	chain security_group_egress {{
		type filter hook forward priority 10; policy accept;
		ct state established,related accept
		jump {FROM_ENIS}
		{egress}
	}}
	chain security_group_ingress {{
		type filter hook forward priority 20; policy accept;
		ct state established,related accept
		jump {TO_ENIS}
		{ingress}
	}}
}}
"#,
        anti_spoof = dropped("fib saddr . iif oif missing ", "anti_spoof", "iifname"),
        to_router = dropped("", "to_router", "iifname"),
        not_assigned = dropped(&format!("oifname \"{SINK}\" "), "not_assigned", "iifname"),
        egress = dropped("iifname \"e*\" ", "security_group_egress", "iifname"),
        ingress = dropped("oifname \"e*\" ", "security_group_ingress", "oifname"),
    )
}

/// Counts the packets that match under `reason`, for the ENI at that end and in all, and drops
/// them. Two rules: where the set can take no element the first one ends, and would let the
/// packet pass if it were also the one that drops.
fn dropped(matching: &str, reason: &str, end: &str) -> String {
    format!(
        "{matching}update @by_eni_{reason} {{ {end} counter }}\n\t\t{matching}counter name {reason} drop"
    )
}

/// One element in or out of the set of ENIs without a source check.
#[must_use]
pub fn source_check(link: &str, on: bool) -> String {
    let verb = if on { "delete" } else { "add" };
    format!("{verb} element ip {TABLE} unchecked {{ \"{link}\" }}\n")
}

/// Loads `ruleset` atomically in the calling thread's network namespace.
///
/// # Errors
/// When `nft` is missing or refuses the ruleset.
pub fn load(ruleset: &str) -> Result<(), FabricError> {
    nft(&["-f", "-"], ruleset).map(drop)
}

/// The packets each drop reason has counted, in the calling thread's network namespace.
///
/// # Errors
/// When `nft` fails or prints what cannot be read.
pub fn counters() -> Result<Vec<(String, u64)>, FabricError> {
    let listing = nft(&["-j", "list", "counters", "table", "ip", TABLE], "")?;
    let value: serde_json::Value = serde_json::from_str(&listing).map_err(|error| FabricError {
        doing: "reading the drop counters".to_owned(),
        source: Some(Box::new(error)),
    })?;
    let counters = value["nftables"].as_array().into_iter().flatten().filter_map(|entry| {
        let counter = entry.get("counter")?;
        Some((counter["name"].as_str()?.to_owned(), counter["packets"].as_u64()?))
    });
    Ok(counters.collect())
}

/// The packets each drop reason has counted by the link of an ENI, in the calling thread's network
/// namespace: reason, link, packets.
///
/// # Errors
/// When `nft` fails or prints what cannot be read.
pub fn counters_by_link() -> Result<Vec<(&'static str, String, u64)>, FabricError> {
    let mut all = Vec::new();
    for reason in REASONS {
        let listing = nft(&["-j", "list", "set", "ip", TABLE, &format!("by_eni_{reason}")], "")?;
        let value: serde_json::Value =
            serde_json::from_str(&listing).map_err(|error| FabricError {
                doing: "reading the drop counters".to_owned(),
                source: Some(Box::new(error)),
            })?;
        let sets = value["nftables"].as_array().into_iter().flatten();
        let elements = sets.filter_map(|entry| entry["set"]["elem"].as_array()).flatten();
        all.extend(elements.filter_map(|element| {
            let element = &element["elem"];
            let packets = element["counter"]["packets"].as_u64()?;
            Some((reason, element["val"].as_str()?.to_owned(), packets))
        }));
    }
    Ok(all)
}

fn nft(arguments: &[&str], input: &str) -> Result<String, FabricError> {
    let run = || -> std::io::Result<std::process::Output> {
        let mut child = Command::new("nft")
            .args(arguments)
            // An ordinary user's PATH often lacks the sbin directories.
            .env("PATH", "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    };
    let failed = |detail: String| FabricError {
        doing: format!("running nft {}", arguments.join(" ")),
        source: Some(detail.into()),
    };
    let output = run().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            failed("nft is not installed (Debian, Ubuntu: apt-get install nftables)".to_owned())
        }
        _ => failed(error.to_string()),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drops_depends_on_no_set() {
        let text = text();
        let dropping: Vec<&str> = text.lines().filter(|line| line.ends_with("drop")).collect();
        assert!(dropping.len() >= REASONS.len(), "{text}");
        assert!(dropping.iter().all(|line| !line.contains("update")), "{text}");
    }
}
