//! What others do to the node's ENIs in EC2.

use super::harness::{Harness, start, start_with};
use crate::cloud::ErrorKind;
use crate::cloud::twin::Twin;

const EVERY_MINUTE: [(&str, &str); 1] = [("FLATNET_RECONCILE", "60")];

fn cloud() -> Twin {
    Twin::new("10.0.0.0/24", 3, 4)
}

/// An ENI goes, as if an operator had forced it.
fn detach(node: &Harness, index: usize) -> crate::cloud::EniInfo {
    let eni = node.cloud.attached()[index].clone();
    node.cloud.state().enis.remove(&eni.id);
    eni
}

#[tokio::test(start_paused = true)]
async fn an_address_taken_away_is_given_to_no_pod() {
    let node = start_with(cloud(), &EVERY_MINUTE).await.filled().await;
    let used = node.add(0).await.unwrap();
    let free = node.cloud.attached()[0].secondaries.iter().copied().find(|a| *a != used).unwrap();
    node.pass(31).await;
    node.cloud.state().unassign(free);
    node.cloud.state().unassign(used);
    node.pass(70).await;
    assert_eq!(node.add(0).await.unwrap(), used, "its pod keeps it");
    let status = serde_json::to_value(node.node.status()).unwrap();
    assert_eq!(status["pods"][0]["confirmed"], false);
    for n in 1..8 {
        let address = node.add(n).await.unwrap();
        let attached = node.cloud.attached();
        assert!(attached.iter().any(|eni| eni.secondaries.contains(&address)), "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_eni_taken_away_leaves_the_pool_and_the_kernel() {
    let node = start_with(cloud(), &EVERY_MINUTE).await.filled().await;
    node.add(0).await.unwrap();
    node.pass(31).await;
    let gone = detach(&node, 1);
    node.pass(70).await;
    assert!(!node.node.books().pool.has_eni(&gone.id));
    assert!(!node.kernel.state().enis.contains_key(&gone.mac));
    assert_eq!(node.cloud.attached().len(), 2, "another one takes its place");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_an_eni_is_gone_is_acted_on_at_once() {
    let node = start(Twin::new("10.0.0.0/24", 3, 4)).await.filled().await;
    node.add(0).await.unwrap();
    node.pass(31).await;
    let first = node.cloud.attached()[1].clone();
    // The pool has to ask for addresses of an ENI that is not there any more.
    let lost = first.secondaries[0];
    node.cloud.state().unassign(lost);
    node.node.books().pool.reconcile(&first.id, &first.secondaries[1..], node.node.now());
    let gone = detach(&node, 1);
    let compared = node.cloud.count("DescribeNetworkInterfaces");
    node.add_all(1..3).await;
    node.pass(10).await;
    assert!(!node.kernel.state().enis.contains_key(&gone.mac), "its rule and routes are gone");
    assert!(node.cloud.count("DescribeNetworkInterfaces") > compared, "the others are compared");
}

#[tokio::test(start_paused = true)]
async fn comparing_can_be_turned_off_and_outlives_failures() {
    let node = start_with(cloud(), &[("FLATNET_RECONCILE", "0")]).await.filled().await;
    node.pass(5).await;
    let before = node.cloud.count("DescribeNetworkInterfaces");
    node.pass(3_600).await;
    assert_eq!(node.cloud.count("DescribeNetworkInterfaces"), before);
    let node = start_with(cloud(), &EVERY_MINUTE).await.filled().await;
    node.pass(5).await;
    let free = node.cloud.attached()[0].secondaries[0];
    node.cloud.fail("DescribeNetworkInterfaces", ErrorKind::Unanswered);
    node.cloud.state().unassign(free);
    node.pass(140).await;
    assert_ne!(node.add(0).await.unwrap(), free);
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_the_primary_eni_is_not_believed() {
    let node = start_with(cloud(), &EVERY_MINUTE).await.filled().await;
    node.add(0).await.unwrap();
    node.pass(31).await;
    let second = node.cloud.attached()[1].id.clone();
    let enis = std::mem::take(&mut node.cloud.state().enis);
    node.pass(70).await;
    assert!(node.node.books().pool.has_eni(&second));
    node.cloud.state().enis = enis;
}
