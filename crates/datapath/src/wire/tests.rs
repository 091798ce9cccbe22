use std::net::Ipv4Addr;

use rustix::io::Errno;

use super::node::converge;
use super::*;
use crate::{EniSpec, FakeNetlink, LinkKind, Mac, Netns, Route, Scope, TABLE_MAIN};

const ENI_0: Mac = Mac([2, 0, 0, 0, 0, 0x10]);
const ENI_1: Mac = Mac([2, 0, 0, 0, 0, 0x11]);

fn eni(device_index: u32, mac: Mac) -> EniSpec {
    EniSpec {
        device_index,
        mac,
        primary: Ipv4Addr::new(10, 10, 1, 10 + u8::try_from(device_index).unwrap()),
        subnet: "10.10.1.0/24".parse().unwrap(),
        mtu: 9001,
    }
}

fn node() -> FakeNetlink {
    let mut node = FakeNetlink::new().unwrap();
    node.add_device("eth0", ENI_0);
    node.add_device("eth1", ENI_1);
    setup_node(&mut node).unwrap();
    setup_eni(&mut node, &eni(0, ENI_0)).unwrap();
    setup_eni(&mut node, &eni(1, ENI_1)).unwrap();
    node
}

fn pod(netns: &Netns, last: u8) -> PodSpec {
    PodSpec {
        netns: netns.clone(),
        ifname: "eth0".into(),
        mac: Mac([2, 1, 0, 0, 0, last]),
        host: PodHost {
            address: Ipv4Addr::new(10, 10, 1, last),
            veth: format!("eni{last}"),
            mac: Mac([2, 2, 0, 0, 0, last]),
            mtu: 9001,
            table: 2,
        },
    }
}

#[test]
fn a_secondary_eni_has_its_own_table_and_none_of_main() {
    let mut node = node();
    let state = node.state().unwrap();
    let eth1: Vec<_> =
        state.routes.iter().filter(|r| r.link.as_deref() == Some("eth1")).cloned().collect();
    let gateway = Ipv4Addr::new(10, 10, 1, 1);
    let link = Some("eth1".to_owned());
    let expected = [
        Route {
            table: 2,
            dst: gateway.into(),
            link: link.clone(),
            scope: Scope::Link,
            ..Route::default()
        },
        Route { table: 2, via: Some(gateway), link, ..Route::default() },
    ];
    assert_eq!(eth1, expected);
    let rules: Vec<_> = state.rules.iter().map(ToString::to_string).collect();
    assert_eq!(
        rules,
        [
            "rule 0: lookup 255",
            "rule 32765: from 10.10.1.11/32 lookup 2",
            "rule 32766: lookup 254",
            "rule 32767: lookup 253"
        ]
    );
    let sysctls = node.sysctls();
    assert_eq!(sysctls["net/ipv4/conf/eth1/rp_filter"], "2");
    assert_eq!(sysctls["net/ipv4/ip_forward"], "1");
}

#[test]
fn a_pod_on_the_primary_eni_has_no_rule_of_its_own() {
    let mut node = node();
    let netns = FakeNetlink::netns().unwrap();
    let mut spec = pod(&netns, 50);
    spec.host.table = TABLE_MAIN;
    add_pod(&mut node, &spec).unwrap();
    let rules = node.rules().unwrap();
    assert!(rules.iter().any(|r| r.priority == 512 && r.to == Some(spec.host.address.into())));
    assert!(rules.iter().all(|r| r.priority != 1536));
    check_pod(&mut node, &spec).unwrap();
}

#[test]
fn an_add_that_fails_anywhere_leaves_nothing() {
    let count = {
        let mut node = node();
        let ops = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let seen = ops.clone();
        node.refuse(move |_| {
            seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            None
        });
        add_pod(&mut node, &pod(&FakeNetlink::netns().unwrap(), 50)).unwrap();
        ops.load(std::sync::atomic::Ordering::Relaxed)
    };
    assert!(count >= 9, "only {count} changes for a pod");
    for nth in 0..count {
        let mut node = node();
        let before = node.state().unwrap();
        let netns = FakeNetlink::netns().unwrap();
        let mut left = Some(nth);
        node.refuse(move |_| {
            let refused = left == Some(0);
            left = left.and_then(|left| left.checked_sub(1));
            refused.then_some(Errno::NOBUFS)
        });
        let error = add_pod(&mut node, &pod(&netns, 50)).unwrap_err();
        assert!(matches!(error, WireError::Apply { .. }), "{nth}: {error:?}");
        assert_eq!(node.state().unwrap(), before, "change {nth} refused");
        assert_eq!(node.open_in(&netns).unwrap().links().unwrap().len(), 1);
        // And the same pod can be added afterwards.
        add_pod(&mut node, &pod(&netns, 50)).unwrap();
        check_pod(&mut node, &pod(&netns, 50)).unwrap();
    }
}

#[test]
fn del_after_the_sandbox_has_ended_removes_the_rules_that_stay() {
    let mut node = node();
    let before = node.state().unwrap();
    let netns = FakeNetlink::netns().unwrap();
    let spec = pod(&netns, 50);
    add_pod(&mut node, &spec).unwrap();
    node.remove_netns(&netns);
    let rules = node.rules().unwrap().len();
    assert_eq!(rules, before.rules.len() + 2, "the kernel keeps rules");
    del_pod(&mut node, &spec.host).unwrap();
    del_pod(&mut node, &spec.host).unwrap();
    assert_eq!(node.state().unwrap(), before);
}

#[test]
fn a_refused_removal_is_reported() {
    let mut node = node();
    let spec = pod(&FakeNetlink::netns().unwrap(), 50);
    add_pod(&mut node, &spec).unwrap();
    node.refuse(|op| matches!(op, Op::DelRoute(_)).then_some(Errno::PERM));
    let error = del_pod(&mut node, &spec.host).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("delete route 10.10.1.50/32 dev eni50"), "{source}");
    assert!(source.contains("Operation not permitted"), "{source}");
    assert!(!error.to_string().contains(&source), "{error}");
}

#[test]
fn somebody_who_keeps_undoing_is_reported_and_not_fought_for_ever() {
    let mut node = node();
    let eni = eni(1, ENI_1);
    let desired = eni.desired("eth1");
    node.apply(&desired.rules.iter().cloned().map(Op::DelRule).collect::<Vec<_>>()).unwrap();
    // As if a daemon removed foreign rules at once.
    let result = converge(&mut node, &desired, |desired, actual| {
        repairs(desired, actual).into_iter().filter(|op| !matches!(op, Op::AddRule(_))).collect()
    });
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "node: rule 32765: from 10.10.1.11/32 lookup 2 is missing");
}

#[test]
fn restore_gives_back_pods_whose_veth_is_gone_or_anothers() {
    let mut node = node();
    let netns = [FakeNetlink::netns().unwrap(), FakeNetlink::netns().unwrap()];
    let specs = [pod(&netns[0], 50), pod(&netns[1], 51)];
    for spec in &specs {
        add_pod(&mut node, spec).unwrap();
    }
    let mut replaced = specs[1].host.clone();
    replaced.mac = Mac([2, 9, 9, 9, 9, 9]);
    let enis = [eni(0, ENI_0), eni(1, ENI_1)];
    let pods = [specs[0].host.clone(), replaced];
    let gone = restore(&mut node, &enis, &pods).unwrap();
    assert_eq!(gone, [&pods[1]]);
    check_pod(&mut node, &specs[0]).unwrap();
    let rules = node.rules().unwrap();
    assert!(rules.iter().all(|r| r.to != Some(pods[1].address.into())), "{rules:?}");
    assert_eq!(node.links().unwrap().iter().filter(|l| l.kind == LinkKind::Veth).count(), 2);
}

#[test]
fn a_name_that_was_taken_and_is_free_when_looked_at_is_tried_again() {
    let mut node = node();
    let spec = pod(&FakeNetlink::netns().unwrap(), 50);
    // As when the DEL of an earlier sandbox removes its veth between the two.
    let mut first = true;
    node.refuse(move |op| {
        let refused = first && matches!(op, Op::AddVeth { .. });
        first &= !refused;
        refused.then_some(Errno::EXIST)
    });
    add_pod(&mut node, &spec).unwrap();
    check_pod(&mut node, &spec).unwrap();

    // One that is taken at every try is not tried for ever.
    node.refuse(|op| matches!(op, Op::AddVeth { .. }).then_some(Errno::EXIST));
    let other = pod(&FakeNetlink::netns().unwrap(), 51);
    let error = add_pod(&mut node, &other).unwrap_err();
    assert!(matches!(error, WireError::Apply { place: Place::Node, .. }), "{error:?}");
}

#[test]
fn a_link_of_the_name_that_is_no_veth_stays() {
    let mut node = node();
    node.add_device("eni50", Mac([2, 8, 8, 8, 8, 8]));
    let before = node.state().unwrap();
    let error = add_pod(&mut node, &pod(&FakeNetlink::netns().unwrap(), 50)).unwrap_err();
    assert!(matches!(&error, WireError::HostLinkTaken { name } if name == "eni50"), "{error:?}");
    assert_eq!(node.state().unwrap(), before);
}
