//! Ending pods, nodes and the rest, checking that every address comes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::running::{Running, lock};
use crate::journal::Journal;
use crate::probe::blocking;
use crate::status;

/// How long warm pools may take to shrink, beside the ages and rests that the agents wait for.
const SHRINK_LIMIT: Duration = Duration::from_secs(20);
/// How long an agent may take to end.
const AGENT_LIMIT: Duration = Duration::from_secs(10);

/// Ends every pod and waits until each subnet has as many free addresses as before the first pod.
pub async fn delete_pods(running: &Running, journal: &Journal) {
    let started = Instant::now();
    let pods = std::mem::take(&mut *lock(&running.pods));
    lock(&running.refused).clear();
    let total = pods.len();
    let mut stopping = tokio::task::JoinSet::new();
    for pod in pods.into_values() {
        let Some(node) = running.node(&pod.node).cloned() else { continue };
        let plugins = running.plugins.clone();
        stopping.spawn(async move {
            let name = pod.name.clone();
            // A command that still looks at the pod finishes first.
            let mut pod = pod;
            let pod = loop {
                match Arc::try_unwrap(pod) {
                    Ok(pod) => break pod,
                    Err(shared) => pod = shared,
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            };
            blocking(|| pod.stop(&node, &plugins)).map_err(|error| format!("{name}: {error:#}"))
        });
    }
    let mut failures = Vec::new();
    while let Some(joined) = stopping.join_next().await {
        failures.extend(joined.map_err(|error| error.to_string()).and_then(|done| done).err());
    }
    let deleted = total - failures.len();
    let mut text = format!("{deleted} of {total} pods deleted through the CNI plugin");
    for failure in &failures {
        text.push_str(&format!("; {failure}"));
    }
    journal.check("delete", failures.is_empty(), text, started);

    let started = Instant::now();
    let before = &running.free_before_pods;
    let mut free = running.free_addresses();
    let limit = SHRINK_LIMIT + agents_wait(running);
    if limit > 2 * SHRINK_LIMIT {
        journal.note(format!(
            "waiting up to {} s for the warm pools to shrink (IP_COOLDOWN_PERIOD, FLATNET_ENI_MIN_AGE)",
            limit.as_secs()
        ));
    }
    while free != *before && started.elapsed() < limit {
        tokio::time::sleep(Duration::from_millis(20)).await;
        free = running.free_addresses();
    }
    let text = format!("free addresses are as before the first pod: {}", compare(before, &free));
    journal.check("addresses-back", free == *before, text, started);
}

/// The longest that an agent waits before it gives an ENI back, as it is configured.
fn agents_wait(running: &Running) -> Duration {
    let setting = |node: &crate::topology::Node, name: &str, default: u64| {
        node.agent.env.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let seconds = running.topology.nodes.iter().map(|node| {
        setting(node, "IP_COOLDOWN_PERIOD", 30) + setting(node, "FLATNET_ENI_MIN_AGE", 60)
    });
    Duration::from_secs(seconds.max().unwrap_or(0))
}

fn compare(before: &BTreeMap<String, u32>, now: &BTreeMap<String, u32>) -> String {
    let one = |(name, before): (&String, &u32)| match now.get(name) {
        Some(now) if now == before => format!("{name} {now}"),
        Some(now) => format!("{name} {now}, not {before}"),
        None => format!("{name} has gone"),
    };
    before.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Ends the nodes: agents first, then the instances, whose ENIs go with them.
pub async fn end_nodes(running: &Running, journal: &Journal) {
    let started = Instant::now();
    let mut failures = Vec::new();
    for node in &running.nodes {
        failures.extend(node.stop_agent(AGENT_LIMIT).await.err().map(|error| error.to_string()));
    }
    for node in &running.nodes {
        let ended =
            blocking(|| running.lab.mutate(|world| world.terminate_instance(&node.instance)));
        failures.extend(ended.err().map(|error| format!("{}: {error}", node.name)));
    }
    failures.extend(blocking(|| running.converge()).err().map(|error| format!("{error:#}")));
    let left: u32 = running
        .lab
        .read(|world| status::subnets(world, &|_| false))
        .iter()
        .map(|subnet| {
            subnet.usable - subnet.free - subnet.used_by.x_enis - subnet.used_by.endpoints
        })
        .sum();
    let mut text = format!(
        "{} nodes terminated; {left} addresses still held besides those of X-ENIs and endpoints",
        running.nodes.len()
    );
    for failure in &failures {
        text.push_str(&format!("; {failure}"));
    }
    journal.check("terminate", failures.is_empty() && left == 0, text, started);
}
