//! Tables that fit 100 columns, and pictures of subnets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use lab::drops::Drops;
use lab::protocol::{CallCount, Fault};
use lab::status::{NodeStatus, Status, SubnetStatus};

use crate::output::wrap;

/// The whole status.
#[must_use]
pub fn status(status: &Status) -> String {
    let mut out = String::new();
    let Status { name, account, region, vpc, cidr, .. } = status;
    let _ = writeln!(out, "lab `{name}`: VPC {vpc} {cidr}, {region}, account {account}");
    let _ = write!(out, "EC2 API: {} on this host", status.ec2_endpoint);
    match &status.ec2_endpoint_in_vpc {
        Some(endpoint) => {
            let _ = writeln!(out, ", {endpoint} in the VPC");
        }
        None => out.push('\n'),
    }
    if let Some(plane) = &status.control_plane {
        let addresses: Vec<String> = plane.addresses.iter().map(ToString::to_string).collect();
        let text = format!(
            "`{}` of account {}: https://{} behind X-ENIs {}",
            plane.name,
            plane.account,
            plane.endpoint_name,
            addresses.join(", ")
        );
        out.push_str(&wrap("control plane ", 14, &text));
    }
    let _ = writeln!(out, "\nSubnets\n{}", subnets(&status.subnets));
    for subnet in &status.subnets {
        out.push_str(&picture(subnet));
    }
    out.push_str(
        "  # reserved by EC2  N node's ENI  p pod  w warm  P in a prefix  X X-ENI  E endpoint\n  \
         o other  r kept back by a CIDR reservation  . free\n",
    );
    for node in &status.nodes {
        out.push_str(&node_table(node));
    }
    for pod in &status.refused_pods {
        let code = pod.code.map(|code| format!(" (CNI error {code})")).unwrap_or_default();
        let _ = writeln!(out, "\nrefused: {}/{} on {}{code}", pod.namespace, pod.name, pod.node);
        for text in [&pod.message, &pod.details].into_iter().filter(|text| !text.is_empty()) {
            out.push_str(&wrap("  ", 2, text));
        }
    }
    let drops: Vec<String> =
        status.drops.iter().map(|(reason, packets)| format!("{reason} {packets}")).collect();
    out.push('\n');
    out.push_str(&wrap("packets dropped by the fabric: ", 31, &drops.join(", ")));
    out
}

/// One row per subnet. Columns that say 0 for every subnet are left out, but for the common ones.
#[must_use]
pub fn subnets(subnets: &[SubnetStatus]) -> String {
    type Number = fn(&SubnetStatus) -> u32;
    let columns: [(&str, Number, bool); 10] = [
        ("USABLE", |subnet| subnet.usable, true),
        ("ENIS", |subnet| subnet.used_by.eni_primaries, true),
        ("PODS", |subnet| subnet.used_by.pods, true),
        ("WARM", |subnet| subnet.used_by.warm, true),
        ("PREFIX", |subnet| subnet.used_by.prefix_spares, false),
        ("X-ENIS", |subnet| subnet.used_by.x_enis, false),
        ("ENDPOINTS", |subnet| subnet.used_by.endpoints, false),
        ("OTHER", |subnet| subnet.used_by.other, false),
        ("KEPT", |subnet| subnet.withheld, false),
        ("FREE", |subnet| subnet.free, true),
    ];
    let shown: Vec<_> = columns
        .into_iter()
        .filter(|(_, number, always)| *always || subnets.iter().any(|subnet| number(subnet) > 0))
        .collect();
    let names = shown.iter().map(|(name, ..)| *name);
    let header: Vec<&str> = ["SUBNET", "CIDR", "ZONE"].into_iter().chain(names).collect();
    let mut table = table(&header);
    for subnet in subnets {
        let texts = [subnet.name.clone(), subnet.cidr.clone(), subnet.availability_zone.clone()];
        let numbers = shown.iter().map(|(_, number, _)| number(subnet).to_string());
        table.add_row(texts.into_iter().chain(numbers));
    }
    right_align(&mut table, 3..header.len());
    table.trim_fmt() + "\n"
}

/// One character per address, 64 to a line.
fn picture(subnet: &SubnetStatus) -> String {
    let Some(map) = &subnet.map else { return String::new() };
    let mut out = String::new();
    for (number, line) in map.as_bytes().chunks(64).enumerate() {
        let label = if number == 0 { subnet.cidr.as_str() } else { "" };
        let _ = writeln!(out, "  {label:<18} {}", String::from_utf8_lossy(line));
    }
    out
}

/// One node: its ENIs, then its pods.
fn node_table(node: &NodeStatus) -> String {
    let mut out = String::new();
    let NodeStatus { name, instance, instance_type, subnet, address, .. } = node;
    let ready = if node.ready { "ready" } else { "NOT READY" };
    let _ = writeln!(
        out,
        "\n{name}: {instance_type} {instance} in {subnet} at {address}, {ready}, {} pods, {} of {} ENIs",
        node.pods.len(),
        node.enis.len(),
        node.max_enis
    );
    let mut table = table(&["ENI", "INDEX", "SUBNET", "PRIMARY", "USED", "FREE", "LIMIT", "PODS"]);
    for eni in &node.enis {
        let of_eni = node.pods.iter().filter(|pod| pod.eni.as_deref() == Some(&eni.id));
        let last_octets = of_eni.map(|pod| format!(".{}", pod.address.octets()[3]));
        table.add_row([
            eni.id.clone(),
            eni.device_index.to_string(),
            eni.subnet.clone(),
            eni.primary.to_string(),
            eni.used.to_string(),
            eni.free.to_string(),
            eni.limit.to_string(),
            shorten(&last_octets.collect::<Vec<_>>().join(" "), 24),
        ]);
    }
    right_align(&mut table, 4..7);
    out.push_str(&(table.trim_fmt() + "\n"));
    for pod in node.pods.iter().filter(|pod| pod.eni.is_none()) {
        let _ = writeln!(out, "{}/{}: no ENI holds {}", pod.namespace, pod.name, pod.address);
    }
    out
}

fn shorten(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let cut = text[..most - 1].rfind(' ').unwrap_or(0);
    format!("{} …", &text[..cut])
}

/// Shell commands that set the variables.
#[must_use]
pub fn environment(variables: &BTreeMap<String, String>) -> String {
    let line = |(name, value): (&String, &String)| {
        format!("export {name}='{}'\n", value.replace('\'', r"'\''"))
    };
    variables.iter().map(line).collect()
}

/// One row per action, caller and outcome.
#[must_use]
pub fn calls(calls: &[CallCount]) -> String {
    let mut table = table(&["CALLS", "ACTION", "OUTCOME", "CALLER"]);
    for call in calls {
        // Of `arn:aws:sts::ACCOUNT:assumed-role/ROLE/i-…` the session's name says who it is.
        let caller = call.caller.rsplit('/').next().unwrap_or_default().to_owned();
        table.add_row([call.calls.to_string(), call.action.clone(), call.outcome.clone(), caller]);
    }
    right_align(&mut table, 0..1);
    let total: u64 = calls.iter().map(|call| call.calls).sum();
    format!("{}\n{total} calls\n", table.trim_fmt())
}

/// One row per fault.
#[must_use]
pub fn faults(faults: &[Fault], state: &str) -> String {
    let mut table = table(&["FAULT", "STATE", "EFFECT"]);
    for fault in faults {
        table.add_row([fault.id.to_string(), state.to_owned(), super::fault::describe(fault)]);
    }
    table.trim_fmt() + "\n"
}

/// One row per reason and ENI, then the totals.
#[must_use]
pub fn drops(drops: &Drops) -> String {
    let mut table = table(&["PACKETS", "REASON", "ENI", "PRIMARY", "OF"]);
    for eni in &drops.enis {
        for (reason, packets) in &eni.drops {
            table.add_row([
                packets.to_string(),
                reason.clone(),
                eni.eni.clone(),
                eni.primary.to_string(),
                shorten(&eni.of, 26),
            ]);
        }
    }
    right_align(&mut table, 0..1);
    let total: Vec<String> =
        drops.total.iter().map(|(reason, packets)| format!("{reason} {packets}")).collect();
    format!("{}\n{}", table.trim_fmt(), wrap("in all: ", 8, &total.join(", ")))
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

fn right_align(table: &mut Table, columns: std::ops::Range<usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
