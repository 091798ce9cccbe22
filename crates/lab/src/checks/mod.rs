//! Does the pod network do what it promises? Every check moves packets and looks at what both
//! ends saw; the negative ones show that the others can fail.

mod addresses;
mod control_plane;
mod flat;
mod refused;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::daemon::Running;
use crate::journal::Journal;
use crate::probe::blocking;

/// How long a connection that should work may take: far more than it needs, and enough for a lost
/// first packet to be sent again.
const WORKS: Duration = Duration::from_secs(3);
/// Runs every check that the topology gives a subject for.
pub async fn run(running: &Arc<Running>, journal: &Journal) {
    flat::pods_to_pods(running, journal).await;
    flat::pods_and_nodes(running, journal).await;
    flat::bulk(running, journal).await;
    control_plane::nodes_to_endpoint(running, journal).await;
    addresses::forged(running, journal).await;
    addresses::out_of_band(running, journal).await;
    refused::refused_pods(running, journal);
    plugin_check(running, journal).await;
}

/// CNI CHECK on every pod.
async fn plugin_check(running: &Arc<Running>, journal: &Journal) {
    let started = Instant::now();
    let mut checking = tokio::task::JoinSet::new();
    let pods = running.pods();
    let total = pods.len();
    if total == 0 {
        return journal.note("cni-check not checked: there are no pods");
    }
    for pod in pods {
        let Some(node) = running.node(&pod.node).cloned() else { continue };
        let plugins = running.plugins.clone();
        checking.spawn(async move {
            blocking(|| pod.check(&node, &plugins))
                .map_err(|error| format!("{}: {error}", pod.name))
        });
    }
    let (mut agreed, mut failures) = (0, Vec::new());
    while let Some(joined) = checking.join_next().await {
        match joined.map_err(|error| error.to_string()).and_then(|done| done) {
            Ok(()) => agreed += 1,
            Err(error) => failures.push(error),
        }
    }
    let text = format!("CNI CHECK agrees for {agreed} of {total} pods");
    journal.check("cni-check", agreed == total, with_failures(text, &failures), started);
}

/// The text of a check and its first few failures.
fn with_failures(mut text: String, failures: &[String]) -> String {
    const SHOWN: usize = 3;
    for failure in failures.iter().take(SHOWN) {
        text.push_str("; ");
        text.push_str(failure);
    }
    if failures.len() > SHOWN {
        text.push_str(&format!("; and {} more", failures.len() - SHOWN));
    }
    text
}
