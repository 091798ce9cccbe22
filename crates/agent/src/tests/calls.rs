//! ADD, DEL and CHECK.

use std::fs::OpenOptions;
use std::sync::Arc;
use std::time::Duration;

use flatnet_cni::code;
use serde_json::json;

use super::harness::{Harness, address_of, request, start, start_with};
use crate::attach::DRIFTED;
use crate::checkpoint::Checkpoint;
use crate::cloud::twin::Twin;
use crate::node::lock;

fn cloud() -> Twin {
    Twin::new("10.0.0.0/24", 3, 4)
}

#[tokio::test(start_paused = true)]
async fn add_answers_in_the_version_of_the_configuration() {
    let node = start(cloud()).await.filled().await;
    let result = node.node.cni(&request("ADD", 1)).await.unwrap();
    let address = address_of(&result);
    let pod = node.kernel.state().pods[&address].clone();
    assert_eq!(result["cniVersion"], "1.0.0");
    assert_eq!(result["interfaces"][0]["name"], json!(pod.veth));
    assert_eq!(result["interfaces"][0]["mac"], json!(pod.mac.to_string()));
    assert_eq!(result["interfaces"][1]["sandbox"], "/run/netns/1");
    assert_eq!(pod.mtu, 9001);
    assert_eq!(
        pod.veth,
        datapath::host_veth_name(&datapath::VethPrefix::default(), "default", "web-1")
    );
    let mut odd = request("ADD", 2);
    odd.config["cniVersion"] = json!("9.9.9");
    let error = node.node.cni(&odd).await.unwrap_err();
    assert_eq!(error.code, code::INCOMPATIBLE_VERSION);
    assert_eq!(node.kernel.state().pods.len(), 1, "nothing was done");
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_secondary_eni_use_its_table() {
    let node = start(cloud()).await.filled().await;
    let addresses = node.add_all(0..4).await;
    let tables: Vec<_> =
        addresses.iter().map(|address| node.kernel.state().pods[address].table).collect();
    assert_eq!(tables, [254, 254, 254, 2]);
}

#[tokio::test(start_paused = true)]
async fn add_again_gives_the_same_answer_and_repairs() {
    let node = start(cloud()).await.filled().await;
    let first = node.node.cni(&request("ADD", 1)).await.unwrap();
    assert_eq!(node.node.cni(&request("ADD", 1)).await.unwrap(), first);
    let address = address_of(&first);
    assert_eq!(node.kernel.state().changes, [format!("add {address}")]);
    node.kernel.state().pods.clear();
    assert_eq!(node.node.cni(&request("ADD", 1)).await.unwrap(), first);
    assert!(node.kernel.state().pods.contains_key(&address));
}

#[tokio::test(start_paused = true)]
async fn two_interfaces_of_one_pod_are_two_attachments() {
    let node = start(cloud()).await.filled().await;
    let first = node.add(1).await.unwrap();
    let mut second = request("ADD", 1);
    second.ifname = "net1".into();
    let second = address_of(&node.node.cni(&second).await.unwrap());
    let pods = node.kernel.state().pods.clone();
    assert_ne!(first, second);
    assert_ne!(pods[&first].veth, pods[&second].veth);
    node.del(1).await.unwrap();
    assert!(node.kernel.state().pods.contains_key(&second));
}

#[tokio::test(start_paused = true)]
async fn an_add_that_cannot_be_wired_leaves_nothing() {
    let node = start(cloud()).await.filled().await;
    node.kernel.fail("add_pod");
    let error = node.add(1).await.unwrap_err();
    assert_eq!(error.code, code::INVALID_ENVIRONMENT, "{error:?}");
    assert!(lock(&node.node.checkpoint).pods().is_empty());
    let stats = node.node.books().pool.stats(node.node.now());
    assert_eq!((stats.used, stats.cooling), (0, 0), "the address is free at once");
    node.add(1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_add_that_cannot_be_recorded_is_not_made() {
    let node = start(cloud()).await.filled().await;
    let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
    let path = node.directory.path().join("gone/checkpoint");
    *lock(&node.node.checkpoint) = Checkpoint::on_file(path, full);
    let error = node.add(1).await.unwrap_err();
    assert_eq!(error.code, code::IO_FAILURE);
    assert!(error.msg.contains("cannot write the checkpoint"), "{error:?}");
    assert!(node.kernel.state().changes.is_empty());
    assert_eq!(node.node.books().pool.stats(node.node.now()).used, 0);
    // The next attempt writes the file anew.
    node.add(1).await.unwrap();
}

/// From now on nothing can be recorded, until the file has been written anew.
fn disk_full(node: &Harness) -> impl FnOnce() + Send + use<> {
    let path = node.directory.path().join("gone/checkpoint");
    let checkpoint = Arc::clone(&node.node.checkpoint);
    move || {
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        lock(&checkpoint).log_to(path, full);
    }
}

#[tokio::test(start_paused = true)]
async fn a_del_that_cannot_be_recorded_frees_nothing() {
    let node = start_with(cloud(), &[("IP_COOLDOWN_PERIOD", "1")]).await.filled().await;
    let address = node.add(1).await.unwrap();
    disk_full(&node)();
    let error = node.del(1).await.unwrap_err();
    assert_eq!(error.code, code::TRY_AGAIN_LATER, "{error:?}");
    assert!(error.msg.contains("cannot write the checkpoint"), "{error:?}");
    node.pass(5).await;
    assert_eq!(node.add(1).await.unwrap(), address, "it is still the attachment's");
    assert!(!node.add_all(2..6).await.contains(&address));
    node.del(1).await.unwrap();
    node.pass(5).await;
    assert_eq!(node.add(7).await.unwrap(), address);
}

#[tokio::test(start_paused = true)]
async fn a_failed_add_that_stays_recorded_keeps_its_address() {
    let node = start(cloud()).await.filled().await;
    node.kernel.state().on_add = Some(Box::new(disk_full(&node)));
    node.kernel.fail("add_pod");
    node.add(1).await.unwrap_err();
    let recorded: Vec<_> =
        lock(&node.node.checkpoint).pods().values().map(|pod| pod.address).collect();
    assert_eq!(recorded.len(), 1, "the disk was full");
    assert!(!node.add_all(2..6).await.contains(&recorded[0]));
    assert_eq!(node.add(1).await.unwrap(), recorded[0]);
}

#[tokio::test(start_paused = true)]
async fn a_stale_record_is_no_claim_to_an_address() {
    let node = start(cloud()).await.filled().await;
    let address = node.add(1).await.unwrap();
    let key = lock(&node.node.checkpoint).pods().keys().next().unwrap().clone();
    node.node.books().pool.cancel(&key);
    node.kernel.end_sandbox(address);
    node.add(1).await.unwrap();
    // The twin of the kernel refuses two pods with one address.
    node.add_all(2..6).await;
    assert_eq!(node.kernel.state().pods.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn del_is_idempotent_and_made_good_by_a_later_one() {
    let node = start(cloud()).await.filled().await;
    node.del(7).await.unwrap();
    let address = node.add(1).await.unwrap();
    node.kernel.fail("del_pod");
    let error = node.del(1).await.unwrap_err();
    assert_eq!(error.code, code::TRY_AGAIN_LATER);
    let others = node.add_all(2..6).await;
    assert!(!others.contains(&address), "it is still the pod's");
    let mut without_netns = request("DEL", 1);
    without_netns.netns = String::new();
    node.node.cni(&without_netns).await.unwrap();
    node.del(1).await.unwrap();
    assert!(!node.kernel.state().pods.contains_key(&address));
    assert!(!node.add_all(6..8).await.contains(&address), "it rests");
}

#[tokio::test(start_paused = true)]
async fn check_finds_what_is_missing() {
    let node = start(cloud()).await.filled().await;
    let result = node.node.cni(&request("ADD", 1)).await.unwrap();
    let mut check = request("CHECK", 1);
    let error = node.node.cni(&check).await.unwrap_err();
    assert_eq!(error.code, code::INVALID_CONFIG, "prevResult lacks the address");
    check.config["prevResult"] = result;
    node.node.cni(&check).await.unwrap();
    node.kernel.state().pods.clear();
    assert_eq!(node.node.cni(&check).await.unwrap_err().code, DRIFTED);
    assert_eq!(
        node.node.cni(&request("CHECK", 2)).await.unwrap_err().code,
        code::UNKNOWN_CONTAINER
    );
    let error = node.node.cni(&request("UPDATE", 1)).await.unwrap_err();
    assert!(error.msg.contains("UPDATE"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_del_does_not_wait_for_the_add_that_waits_for_an_address() {
    let node = start(Twin::new("10.0.0.0/24", 1, 3)).await.filled().await;
    node.add_all(0..2).await;
    node.del(0).await.unwrap();
    // An address comes out of cool-down within what an ADD waits.
    node.pass(25).await;
    let waiting = Arc::clone(&node.node);
    let add = tokio::spawn(async move { waiting.cni(&request("ADD", 2)).await });
    node.pass(1).await;
    assert!(!add.is_finished());
    let started = tokio::time::Instant::now();
    node.del(2).await.unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);
    let error = add.await.unwrap().unwrap_err();
    assert_eq!((error.code, error.details.as_str()), (code::TRY_AGAIN_LATER, "Deleted"));
    assert_eq!(node.node.books().pool.stats(node.node.now()).waiting, 0);
    // The attachment may come again.
    node.pass(5).await;
    node.add(2).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn status_shows_the_node() {
    let node = start(cloud()).await.filled().await;
    let addresses = node.add_all(0..2).await;
    node.del(0).await.unwrap();
    node.pass(1).await;
    let status = serde_json::to_value(node.node.status()).unwrap();
    assert_eq!(status["node"]["instanceId"], crate::cloud::twin::INSTANCE);
    assert_eq!(
        status["limits"],
        json!({
            "enis": 3, "addressesPerEni": 4, "source": "instance type"
        })
    );
    assert_eq!(status["enis"][0]["deviceIndex"], 0);
    let secondary = json!({"used": 1, "free": 1, "cooldown": 1, "limit": 3});
    assert_eq!(status["enis"][0]["secondary"], secondary);
    let pod = &status["pods"][0];
    assert_eq!((&pod["name"], &pod["address"]), (&json!("web-1"), &json!(addresses[1])));
    assert_eq!((&pod["containerID"], &pod["confirmed"]), (&json!("c1"), &json!(true)));
    assert_eq!(status["pool"]["target"], 3);
    assert_eq!(status["ec2Calls"]["CreateNetworkInterface"], 1);
}
