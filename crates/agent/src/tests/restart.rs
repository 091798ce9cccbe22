//! The next agent: what it finds, and what it makes of disagreements.

use std::fs;

use serde_json::json;

use super::harness::{request, start, start_with};
use crate::cloud::twin::Twin;
use crate::cloud::{TAG_INSTANCE, twin::INSTANCE};
use crate::node::lock;

fn cloud() -> Twin {
    Twin::new("10.0.0.0/24", 3, 4)
}

#[tokio::test(start_paused = true)]
async fn living_pods_keep_their_addresses_and_are_not_touched() {
    let mut node = start(cloud()).await.filled().await;
    let addresses = node.add_all(0..5).await;
    node.pass(5).await;
    let pods = node.kernel.state().pods.clone();
    let changes = node.kernel.state().changes.clone();
    node.crash();
    node.restart().await;
    assert_eq!(node.kernel.state().pods, pods);
    assert_eq!(node.kernel.state().changes, changes);
    for (n, address) in (0..).zip(&addresses) {
        assert_eq!(node.add(n).await.unwrap(), *address, "the same attachment");
    }
    let more = node.add_all(5..7).await;
    assert!(more.iter().all(|address| !addresses.contains(address)));
    assert_eq!(node.kernel.state().enis.len(), node.cloud.attached().len());
}

#[tokio::test(start_paused = true)]
async fn pods_whose_sandbox_ended_meanwhile_give_their_address_back() {
    let mut node = start(cloud()).await.filled().await;
    let addresses = node.add_all(0..2).await;
    node.crash();
    node.kernel.end_sandbox(addresses[0]);
    node.restart().await;
    let stats = node.node.books().pool.stats(node.node.now());
    assert_eq!((stats.used, stats.cooling), (1, 1));
    node.del(0).await.unwrap();
    node.crash();
    node.restart().await;
    assert_eq!(lock(&node.node.checkpoint).pods().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn cooldowns_survive() {
    let mut node = start(Twin::new("10.0.0.0/24", 1, 3)).await.filled().await;
    let addresses = node.add_all(0..2).await;
    node.del(0).await.unwrap();
    node.crash();
    node.restart().await;
    let error = node.add(2).await.unwrap_err();
    assert!(error.details.starts_with("CoolingDown"), "{error:?}");
    node.pass(31).await;
    assert_eq!(node.add(2).await.unwrap(), addresses[0]);
}

#[tokio::test(start_paused = true)]
async fn an_address_taken_away_out_of_band_stays_with_its_pod() {
    let mut node = start(cloud()).await.filled().await;
    let addresses = node.add_all(0..2).await;
    node.crash();
    node.cloud.state().unassign(addresses[0]);
    node.restart().await;
    assert!(node.kernel.state().pods.contains_key(&addresses[0]));
    let status = serde_json::to_value(node.node.status()).unwrap();
    assert_eq!(status["pods"][0]["confirmed"], json!(false));
    assert_eq!(node.add(0).await.unwrap(), addresses[0]);
    let more = node.add_all(2..6).await;
    assert!(!more.contains(&addresses[0]), "nobody else gets it");
}

#[tokio::test(start_paused = true)]
async fn without_its_checkpoint_the_agent_spares_the_pods_that_the_kernel_has() {
    let mut node = start(cloud()).await.filled().await;
    let result = node.node.cni(&request("ADD", 0)).await.unwrap();
    let address = super::harness::address_of(&result);
    node.crash();
    fs::remove_file(node.directory.path().join("checkpoint")).unwrap();
    node.restart().await;
    node.node.filled().await;
    assert!(node.kernel.state().pods.contains_key(&address), "it stays wired");
    assert!(!node.add_all(1..5).await.contains(&address), "its address is not given away");
    let mut del = request("DEL", 0);
    del.config["prevResult"] = result;
    node.node.cni(&del).await.unwrap();
    assert!(!node.kernel.state().pods.contains_key(&address));
    node.pass(31).await;
    let free = node.add(9).await.unwrap();
    assert_eq!(free, address, "the lowest address of the fullest ENI");
}

#[tokio::test(start_paused = true)]
async fn enis_created_and_never_attached_are_deleted() {
    let cloud = cloud();
    let id = cloud.occupy(3);
    {
        let mut state = cloud.state();
        let orphan = state.enis.get_mut(&id).unwrap();
        orphan.attachment = None;
        orphan.tags.insert(TAG_INSTANCE.into(), INSTANCE.into());
    }
    let foreign = cloud.occupy(2);
    cloud.state().enis.get_mut(&foreign).unwrap().attachment = None;
    let node = start(cloud).await.filled().await;
    node.pass(5).await;
    let state = node.cloud.state();
    assert!(!state.enis.contains_key(&id));
    assert!(state.enis.contains_key(&foreign), "it is not tagged as ours");
}

#[tokio::test(start_paused = true)]
async fn an_attached_eni_is_marked_to_go_with_its_instance() {
    let mut node = start(cloud()).await.filled().await;
    node.add(0).await.unwrap();
    node.pass(5).await;
    node.crash();
    for eni in node.cloud.state().enis.values_mut() {
        if let Some(attachment) = &mut eni.attachment {
            attachment.delete_on_termination = attachment.device_index == 0;
        }
    }
    node.restart().await;
    node.pass(5).await;
    let marked =
        |eni: &crate::cloud::EniInfo| eni.attachment.as_ref().unwrap().delete_on_termination;
    assert_eq!(node.cloud.attached().len(), 2);
    assert!(node.cloud.attached().iter().all(marked));
}

#[tokio::test(start_paused = true)]
async fn an_eni_tagged_no_manage_is_left_alone() {
    let mut node = start(cloud()).await.filled().await;
    node.add(0).await.unwrap();
    node.pass(5).await;
    node.del(0).await.unwrap();
    node.crash();
    let kept = node.cloud.attached()[1].id.clone();
    let tag = (crate::cloud::TAG_NO_MANAGE.to_owned(), "true".to_owned());
    node.cloud.state().enis.get_mut(&kept).unwrap().tags.extend([tag]);
    node.restart().await;
    node.pass(200).await;
    let addresses = node.cloud.state().enis[&kept].secondaries.clone();
    assert!(node.add_all(1..6).await.iter().all(|address| !addresses.contains(address)));
    assert!(node.cloud.attached().iter().any(|eni| eni.id == kept));
}

#[tokio::test(start_paused = true)]
async fn max_eni_is_obeyed_and_named() {
    let node = start_with(cloud(), &[("MAX_ENI", "1")]).await.filled().await;
    node.add_all(0..3).await;
    let error = node.add(3).await.unwrap_err();
    assert!(error.msg.contains("Raise MAX_ENI"), "{error:?}");
    assert_eq!(node.cloud.attached().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_eni_without_a_link_carries_pods_once_the_link_has_come() {
    let mut node = start(cloud()).await.filled().await;
    node.add(0).await.unwrap();
    node.pass(5).await;
    node.crash();
    let late = node.cloud.attached()[1].clone();
    node.kernel.state().absent.insert(late.mac);
    let started = tokio::time::Instant::now();
    node.restart().await;
    assert!(started.elapsed().as_secs() < 1, "nobody waits for it");
    let addresses = node.add_all(1..4).await;
    assert!(addresses.iter().all(|address| !late.secondaries.contains(address)), "{addresses:?}");
    node.kernel.state().absent.clear();
    node.pass(1).await;
    let status = serde_json::to_value(node.node.status()).unwrap();
    assert_eq!(status["enis"][1]["managed"], json!(true));
    let others = node.add_all(4..7).await;
    assert!(others.iter().any(|address| late.secondaries.contains(address)), "{others:?}");
}

#[tokio::test(start_paused = true)]
async fn an_eni_without_a_link_keeps_its_cooldowns_and_is_tried_for_long() {
    let mut node = start_with(cloud(), &[("IP_COOLDOWN_PERIOD", "600")]).await.filled().await;
    let addresses = node.add_all(0..4).await;
    node.pass(5).await;
    node.del(3).await.unwrap();
    node.crash();
    let late = node.cloud.attached()[1].clone();
    assert!(late.secondaries.contains(&addresses[3]));
    node.kernel.state().absent.insert(late.mac);
    node.restart().await;
    node.pass(100).await;
    node.kernel.state().absent.clear();
    node.pass(100).await;
    let status = serde_json::to_value(node.node.status()).unwrap();
    assert_eq!(status["enis"][1]["managed"], json!(true), "it carries pods at last");
    assert_eq!(status["enis"][1]["secondary"]["cooldown"], json!(1));
    assert!(!node.add_all(10..15).await.contains(&addresses[3]));
}

#[test]
fn the_kernel_is_tried_again_at_start_but_not_for_ever() {
    let wiring = || {
        let drifted = datapath::WireError::Drifted { drifts: Vec::new() };
        crate::StartError::Wiring(drifted.into())
    };
    assert!(wiring().passes(1) && wiring().passes(9) && !wiring().passes(10));
    let no_primary = crate::StartError::NoPrimary { instance: INSTANCE.into() };
    assert!(!no_primary.passes(1));
}
