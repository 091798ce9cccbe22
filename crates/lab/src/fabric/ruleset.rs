//! The router's nftables ruleset: it never changes, but for the ENIs without a source check.
//!
//! Which ENI holds which address is in the routing table alone; the ruleset asks the routing
//! table (`fib saddr . iif`, nft(8)), so that one fact has one place: an address is delivered to
//! an ENI and accepted from it if and only if its route points there.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::state::FabricError;

/// The fabric's table in the router's namespace.
pub const TABLE: &str = "flatnet-fabric";
/// The link that packets to addresses nobody holds are routed to, and dropped on.
pub const SINK: &str = "sink";

/// The whole ruleset, as `nft -f` reads it.
#[must_use]
pub fn text() -> String {
    format!(
        r#"table ip {TABLE} {{
	comment "The VPC router of a Flatnet lab"
	counter anti_spoof {{ }}
	counter not_assigned {{ }}
	counter to_router {{ }}
	set unchecked {{
		type ifname
		comment "ENIs whose source/destination check is off"
	}}
	chain prerouting {{
		type filter hook prerouting priority raw; policy accept;
		iifname "lo" accept
		fib daddr type {{ broadcast, multicast }} drop
		iifname @unchecked accept
		fib saddr . iif oif missing counter name anti_spoof drop
	}}
	chain input {{
		type filter hook input priority filter; policy drop;
		iifname "lo" accept
		ip daddr 169.254.169.254 tcp dport 80 accept
		counter name to_router
	}}
	chain forward {{
		type filter hook forward priority filter; policy accept;
		oifname "{SINK}" counter name not_assigned drop
	}}
}}
"#
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
