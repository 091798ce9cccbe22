//! The pool loop: growth, shrinking, refusals, failing calls.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use flatnet_cni::code;
use tokio::time::Instant;

use super::harness::{self, start, start_with};
use crate::cloud::twin::Twin;
use crate::cloud::{ErrorKind, TAG_CREATED, TAG_INSTANCE};

#[tokio::test(start_paused = true)]
async fn growing_costs_three_calls_per_eni_and_idling_next_to_none() {
    let node = start(Twin::new("10.0.0.0/24", 3, 10)).await.filled().await;
    let addresses: BTreeSet<_> = node.add_all(0..12).await.into_iter().collect();
    assert_eq!(addresses.len(), 12);
    node.pass(5).await;
    let calls = node.cloud.count("AssignPrivateIpAddresses");
    assert_eq!(calls, 1, "the primary ENI is filled in one call");
    for action in
        ["CreateNetworkInterface", "AttachNetworkInterface", "ModifyNetworkInterfaceAttribute"]
    {
        assert_eq!(node.cloud.count(action), 2, "{action}");
    }
    let calls = || {
        let mut calls = crate::cloud::Cloud::calls(&node.cloud);
        let compared = calls.remove("DescribeNetworkInterfaces").unwrap_or(0);
        (calls, compared)
    };
    let (before, compared) = calls();
    node.pass(3_600).await;
    assert_eq!(calls().0, before);
    assert!((11..=14).contains(&(calls().1 - compared)), "once per FLATNET_RECONCILE");
    for eni in node.cloud.attached() {
        let attachment = eni.attachment.unwrap();
        assert!(attachment.delete_on_termination);
        if attachment.device_index > 0 {
            assert_eq!(eni.description, format!("flatnet {}", crate::cloud::twin::INSTANCE));
            assert_eq!(eni.tags[TAG_INSTANCE], crate::cloud::twin::INSTANCE);
            assert!(eni.tags[TAG_CREATED].parse::<jiff::Timestamp>().is_ok());
            let spec = node.kernel.state().enis[&eni.mac];
            assert_eq!((spec.device_index, spec.primary), (attachment.device_index, eni.primary));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_add_on_an_empty_pool_wakes_the_loop() {
    let node = start_with(Twin::new("10.0.0.0/24", 3, 4), &[("WARM_ENI_TARGET", "0")]).await;
    let node = node.filled().await;
    node.add_all(0..3).await;
    let started = Instant::now();
    node.add(3).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_served_by_enis_attached_side_by_side() {
    let node = start(Twin::new("10.0.0.0/22", 8, 10)).await.filled().await;
    let started = Instant::now();
    let adds: Vec<_> = (0..60)
        .map(|n| {
            let node = Arc::clone(&node.node);
            tokio::spawn(async move { harness::add(&node, n).await.unwrap() })
        })
        .collect();
    let mut addresses = BTreeSet::new();
    for add in adds {
        assert!(addresses.insert(add.await.unwrap()));
    }
    // Three calls of 50 ms each, twice at most, and not three calls for each of six ENIs.
    assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_pod_too_many_is_told_at_once_what_uses_the_subnet() {
    let node = start(Twin::new("10.0.0.0/28", 3, 4)).await.filled().await;
    node.add_all(0..8).await;
    let error = node.add(8).await.unwrap_err();
    assert_eq!(error.code, code::TRY_AGAIN_LATER);
    assert_eq!(
        error.msg.split(". Free").next().unwrap(),
        "subnet nodes-a (subnet-1) 10.0.0.0/28 has no free address: 11 usable, this node has \
         3 ENI primaries + 8 pods"
    );
    assert_eq!(error.details, "SubnetExhausted");
    assert!(error.msg.contains(". Free addresses in subnet-1"), "{error:?}");
    let (started, calls) = (Instant::now(), crate::cloud::Cloud::calls(&node.cloud));
    node.add(9).await.unwrap_err();
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(crate::cloud::Cloud::calls(&node.cloud), calls);
    assert_eq!(node.kernel.state().pods.len(), 8, "the others keep working");
}

#[tokio::test(start_paused = true)]
async fn others_in_the_subnet_are_named_and_what_they_free_is_found() {
    let cloud = Twin::new("10.0.0.0/28", 3, 4);
    let other = cloud.occupy(5);
    let node = start(cloud).await.filled().await;
    node.add_all(0..4).await;
    let error = node.add(4).await.unwrap_err();
    assert!(error.msg.contains("2 ENI primaries + 4 pods, i-other has 5. Free"), "{}", error.msg);
    node.cloud.state().enis.get_mut(&other).unwrap().attachment = None;
    crate::cloud::Cloud::delete(&node.cloud, &other).await.unwrap();
    node.pass(31).await;
    node.add(4).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_eni_limit_and_cooldown_are_told_apart() {
    let node = start(Twin::new("10.0.0.0/24", 2, 4)).await.filled().await;
    let addresses = node.add_all(0..6).await;
    let error = node.add(6).await.unwrap_err();
    assert!(error.details == "EniLimit", "{error:?}");
    node.del(2).await.unwrap();
    let error = node.add(6).await.unwrap_err();
    assert!(error.details == "CoolingDown", "{error:?}");
    node.pass(25).await;
    // Five seconds are within what an ADD waits.
    assert_eq!(node.add(6).await.unwrap(), addresses[2]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_needed_goes_back_to_the_subnet() {
    let node = start(Twin::new("10.0.0.0/24", 4, 10)).await.filled().await;
    let free = node.cloud.state().free();
    node.add_all(0..20).await;
    node.pass(61).await;
    assert_eq!(node.cloud.attached().len(), 4);
    for n in 0..20 {
        node.del(n).await.unwrap();
    }
    node.pass(29).await;
    assert_eq!(node.cloud.attached().len(), 4, "the addresses still rest");
    node.pass(60).await;
    let left = node.cloud.state().enis.len();
    assert_eq!((left, node.cloud.state().free()), (1, free));
    assert_eq!(node.kernel.state().enis.len(), 1);
    assert!(node.kernel.state().pods.is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_eni_is_left_behind_whichever_call_fails() {
    for (action, kind) in [
        ("CreateNetworkInterface", ErrorKind::Other),
        ("CreateNetworkInterface", ErrorKind::Throttled),
        ("CreateNetworkInterface", ErrorKind::Unanswered),
        ("AttachNetworkInterface", ErrorKind::NotFound),
        ("AttachNetworkInterface", ErrorKind::Throttled),
        ("AttachNetworkInterface", ErrorKind::Other),
        ("AttachNetworkInterface", ErrorKind::Unanswered),
        ("AttachNetworkInterface", ErrorKind::DeviceIndexTaken),
        ("AttachNetworkInterface", ErrorKind::EniLimit),
        ("ModifyNetworkInterfaceAttribute", ErrorKind::Other),
        ("AssignPrivateIpAddresses", ErrorKind::Unanswered),
        ("AssignPrivateIpAddresses", ErrorKind::Throttled),
    ] {
        let cloud = Twin::new("10.0.0.0/24", 6, 4);
        cloud.fail(action, kind);
        let node = start_with(cloud, &[("WARM_ENI_TARGET", "2")]).await;
        node.pass(400).await;
        let attached = node.cloud.attached();
        let all = node.cloud.state().enis.len();
        assert_eq!(attached.len(), all, "{action} {kind:?}: an ENI is attached to nothing");
        let secondaries: usize = attached.iter().map(|eni| eni.secondaries.len()).sum();
        let stats = node.node.books().pool.stats(node.node.now());
        assert_eq!(stats.total as usize, secondaries, "{action} {kind:?}");
        assert!(stats.free >= stats.target, "{action} {kind:?}: {stats:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_eni_whose_attachment_is_throttled_is_kept_and_attached_later() {
    let cloud = Twin::new("10.0.0.0/24", 2, 4);
    for _ in 0..3 {
        cloud.fail("AttachNetworkInterface", ErrorKind::Throttled);
    }
    let node = start(cloud).await.filled().await;
    node.add(0).await.unwrap();
    node.pass(30).await;
    assert_eq!(node.cloud.attached().len(), 2);
    assert_eq!(node.cloud.count("CreateNetworkInterface"), 1);
    assert_eq!(node.cloud.count("DeleteNetworkInterface"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_eni_whose_link_does_not_come_is_given_back() {
    let node = start(Twin::new("10.0.0.0/24", 3, 4)).await.filled().await;
    node.kernel.state().no_new_links = true;
    node.add(0).await.unwrap();
    node.pass(32).await;
    let failed = node.cloud.count("DeleteNetworkInterface");
    assert!(failed >= 1);
    node.kernel.state().no_new_links = false;
    node.pass(120).await;
    assert_eq!(node.cloud.attached().len(), 2);
    assert_eq!(node.cloud.state().enis.len(), 2, "none is attached to nothing");
}

#[tokio::test(start_paused = true)]
async fn failures_of_ec2_are_told_and_pass() {
    let cloud = Twin::new("10.0.0.0/24", 2, 4);
    for _ in 0..3 {
        cloud.fail("AssignPrivateIpAddresses", ErrorKind::Other);
    }
    let node = start_with(cloud, &[("WARM_ENI_TARGET", "0"), ("FLATNET_ADD_WAIT", "0")]).await;
    node.pass(1).await;
    let error = node.add(0).await.unwrap_err();
    assert!(error.details == "Ec2Failed", "{error:?}");
    node.pass(60).await;
    node.add(0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_eni_whose_detach_was_not_answered_gives_no_address() {
    let node = start(Twin::new("10.0.0.0/24", 3, 4)).await.filled().await;
    node.add_all(0..4).await;
    node.pass(61).await;
    for n in 0..4 {
        node.del(n).await.unwrap();
    }
    node.cloud.fail("DetachNetworkInterface", ErrorKind::Unanswered);
    // Nor is it to be seen whether it is attached.
    for _ in 0..3 {
        node.cloud.fail("DescribeNetworkInterfaces", ErrorKind::Unanswered);
    }
    let detached = async |node: &harness::Harness| {
        while node.cloud.count("DetachNetworkInterface") == 0 {
            node.pass(1).await;
        }
    };
    detached(&node).await;
    for n in 10..16 {
        // ENIs in doubt still take their places.
        let Ok(address) = node.add(n).await else { continue };
        let attached = node.cloud.attached();
        assert!(attached.iter().any(|eni| eni.secondaries.contains(&address)), "{address}");
    }
    node.pass(120).await;
    assert_eq!(node.cloud.attached().len(), node.cloud.state().enis.len(), "none is left behind");
}

#[tokio::test(start_paused = true)]
async fn an_eni_that_ec2_refuses_to_detach_stays_in_service() {
    let node = start(Twin::new("10.0.0.0/24", 3, 4)).await.filled().await;
    node.add_all(0..4).await;
    node.pass(61).await;
    for n in 0..4 {
        node.del(n).await.unwrap();
    }
    node.cloud.fail("DetachNetworkInterface", ErrorKind::Other);
    while node.cloud.count("DetachNetworkInterface") == 0 {
        node.pass(1).await;
    }
    node.pass(1).await;
    let stats = node.node.books().pool.stats(node.node.now());
    assert_eq!(stats.free as usize, stats.total as usize);
    assert!(node.node.status().enis.iter().all(|eni| !eni.releasing));
}

#[tokio::test(start_paused = true)]
async fn an_eni_being_created_is_no_orphan() {
    let node = start(Twin::new("10.0.0.0/24", 3, 4)).await;
    for pods in [0..3, 3..4] {
        node.add_all(pods).await;
        // Looks fall between the calls that create and attach.
        tokio::time::sleep(Duration::from_millis(20)).await;
        for _ in 0..200 {
            node.node.reap_orphans().await.unwrap();
        }
    }
    assert_eq!(node.cloud.count("DeleteNetworkInterface"), 0);
    assert_eq!(node.cloud.attached().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_create_is_repeated_and_makes_one_eni() {
    let cloud = Twin::new("10.0.0.0/24", 3, 4);
    cloud.fail("CreateNetworkInterface", ErrorKind::Unanswered);
    let node = start_with(cloud, &[("WARM_ENI_TARGET", "2")]).await;
    node.pass(5).await;
    assert_eq!(node.cloud.count("CreateNetworkInterface"), 2);
    assert_eq!(node.cloud.count("DeleteNetworkInterface"), 0);
    assert_eq!((node.cloud.attached().len(), node.cloud.state().enis.len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_eni_that_ec2_never_told_of_is_found_and_deleted() {
    let node = start(Twin::new("10.0.0.0/24", 3, 4)).await.filled().await;
    node.pass(5).await;
    for _ in 0..5 {
        node.cloud.fail("CreateNetworkInterface", ErrorKind::Unanswered);
    }
    node.add(0).await.unwrap();
    node.pass(50).await;
    let orphans = |node: &harness::Harness| {
        let state = node.cloud.state();
        state.enis.values().filter(|eni| eni.attachment.is_none()).count()
    };
    assert_eq!(orphans(&node), 1);
    // The first look fails.
    node.cloud.fail("DescribeNetworkInterfaces", ErrorKind::Other);
    node.pass(200).await;
    assert_eq!(orphans(&node), 0);
    assert_eq!(node.cloud.attached().len(), 2, "another one was created");
}

#[tokio::test(start_paused = true)]
async fn an_eni_that_cannot_be_set_up_leaves_nothing_on_the_node() {
    let node = start(Twin::new("10.0.0.0/24", 3, 4)).await.filled().await;
    node.kernel.fail("setup_eni");
    node.add(0).await.unwrap();
    node.pass(120).await;
    assert!(node.cloud.count("DeleteNetworkInterface") >= 1);
    let attached: BTreeSet<_> = node.cloud.attached().iter().map(|eni| eni.mac).collect();
    let wired: BTreeSet<_> = node.kernel.state().enis.keys().copied().collect();
    assert_eq!(wired, attached);
}
