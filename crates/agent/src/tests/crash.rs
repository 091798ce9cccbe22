//! The agent ends at any moment, and the next one makes it good.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::harness::{self, Harness, start_with};
use crate::cloud::twin::Twin;

/// What must hold after a restart, whatever happened before: no ENI attached to nothing, every
/// address the pool's exactly once, every pod where the checkpoint says.
async fn sound(node: &Harness, context: &str) {
    node.node.filled().await;
    node.pass(30).await;
    let attached = node.cloud.attached();
    let all = node.cloud.state().enis.len();
    assert_eq!(attached.len(), all, "{context}: an ENI is attached to nothing");
    let marked = attached.iter().all(|eni| eni.attachment.as_ref().unwrap().delete_on_termination);
    assert!(marked, "{context}: an ENI would outlive its instance");
    let listed: BTreeSet<_> =
        attached.iter().flat_map(|eni| eni.secondaries.iter().copied()).collect();
    let books = node.node.books();
    let known: BTreeSet<_> =
        attached.iter().flat_map(|eni| books.pool.addresses(&eni.id)).collect();
    assert_eq!(known, listed, "{context}: pool and EC2 disagree");
    let recorded: BTreeSet<_> = crate::node::lock(&node.node.checkpoint)
        .pods()
        .values()
        .map(|record| record.address)
        .collect();
    let assigned: BTreeSet<_> = books.pool.assignments().map(|(_, pod)| pod.address).collect();
    let wired: BTreeSet<_> = node.kernel.state().pods.keys().copied().collect();
    assert_eq!(recorded, assigned, "{context}");
    assert_eq!(recorded, wired, "{context}");
    assert!(assigned.is_subset(&listed), "{context}");
}

/// Calls take 50 ms, so every state between two of them is met.
#[tokio::test(start_paused = true)]
async fn at_any_moment_of_growing() {
    for millis in (0..600).step_by(10) {
        let cloud = Twin::new("10.0.0.0/24", 4, 4);
        let mut node = start_with(cloud, &[("WARM_ENI_TARGET", "2")]).await;
        for n in 0..4 {
            let agent = Arc::clone(&node.node);
            tokio::spawn(async move { harness::add(&agent, n).await });
        }
        tokio::time::sleep(Duration::from_millis(millis)).await;
        node.crash();
        node.restart().await;
        sound(&node, &format!("after {millis} ms")).await;
        let addresses: BTreeSet<_> = node.add_all(0..6).await.into_iter().collect();
        assert_eq!(addresses.len(), 6);
    }
}

#[tokio::test(start_paused = true)]
async fn at_any_moment_of_shrinking() {
    for millis in (0..2_000).step_by(50) {
        let settings =
            [("WARM_ENI_TARGET", "0"), ("FLATNET_ENI_MIN_AGE", "0"), ("IP_COOLDOWN_PERIOD", "1")];
        let mut node = start_with(Twin::new("10.0.0.0/24", 4, 4), &settings).await.filled().await;
        node.add_all(0..10).await;
        for n in 0..10 {
            node.del(n).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(500 + millis)).await;
        node.crash();
        node.restart().await;
        sound(&node, &format!("after {millis} ms")).await;
        assert_eq!(node.cloud.attached().len(), 1);
    }
}

/// The checkpoint is durable before the kernel is changed; between the two, the pod is recorded
/// and not wired.
#[tokio::test(start_paused = true)]
async fn between_checkpoint_and_kernel() {
    let mut node = start_with(Twin::new("10.0.0.0/24", 3, 4), &[]).await.filled().await;
    let addresses = node.add_all(0..2).await;
    node.crash();
    node.kernel.end_sandbox(addresses[1]);
    node.restart().await;
    sound(&node, "recorded, not wired").await;
    // The runtime asks again, as it had no answer.
    node.add(1).await.unwrap();
    node.del(1).await.unwrap();
    // A DEL: the kernel first, then the checkpoint.
    node.kernel.end_sandbox(addresses[0]);
    node.crash();
    node.restart().await;
    sound(&node, "removed, still recorded").await;
}
