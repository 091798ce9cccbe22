//! Pods and ENIs in the running kernel, judged by packets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, Ordering};

use datapath::{
    Kernel, KernelState, Netlink, Netns, Op, PROTOCOL_KERNEL, Place, Route, Rule, TABLE_MAIN,
    WireError, add_pod, check_pod, del_pod, read_sysctl, restore, setup_eni, teardown_eni,
};
use support::vpc::{MTU, Node, Pod, Vpc, fragments, stray, tcp, udp};
use support::{address, link_route, mac, net, netlink};

/// What of a namespace has to be the same before and after: all but neighbours learned by ARP.
fn settled(netlink: &mut Netlink) -> KernelState {
    let mut state = netlink.state().unwrap();
    state.neighbours.retain(|neighbour| neighbour.permanent);
    state
}

fn wire(vpc: &mut Vpc, node: fn(&mut Vpc) -> &mut Node, name: &str, addr: &str, eni: usize) -> Pod {
    let pod = node(vpc).pod(name, addr, eni);
    let spec = node(vpc).enis[eni];
    vpc.assign(&spec, pod.spec.host.address);
    add_pod(&mut node(vpc).netlink, &pod.spec).unwrap();
    pod
}

fn a(vpc: &mut Vpc) -> &mut Node {
    &mut vpc.a
}

fn b(vpc: &mut Vpc) -> &mut Node {
    &mut vpc.b
}

/// Two pods on the first node, one on each ENI, and one on the second.
fn three_pods(vpc: &mut Vpc) -> [Pod; 3] {
    [
        wire(vpc, a, "web-0", "10.20.1.50", 0),
        wire(vpc, a, "web-1", "10.20.1.51", 1),
        wire(vpc, b, "web-2", "10.20.2.50", 0),
    ]
}

#[test]
fn every_pod_reaches_every_pod_with_its_own_address() {
    let mut vpc = Vpc::up();
    let pods = three_pods(&mut vpc);
    for from in &pods {
        for to in &pods {
            let (from, to) = (&from.spec, &to.spec);
            let peer = tcp(&from.netns, &to.netns, to.host.address, 3 << 20)
                .unwrap_or_else(|e| panic!("{} to {}: {e}", from.host.address, to.host.address));
            assert_eq!(peer.ip(), from.host.address, "the server sees the pod itself");
        }
    }
}

#[test]
fn nodes_and_pods_reach_each_other() {
    let mut vpc = Vpc::up();
    let pods = three_pods(&mut vpc);
    for pod in &pods {
        for node in [&vpc.a, &vpc.b] {
            let spec = &pod.spec;
            let peer = tcp(&node.netns, &spec.netns, spec.host.address, 1 << 16).unwrap();
            assert_eq!(peer.ip(), node.enis[0].primary);
            let peer = tcp(&spec.netns, &node.netns, node.enis[0].primary, 1 << 16).unwrap();
            assert_eq!(peer.ip(), spec.host.address);
        }
    }
    let secondary = vpc.a.enis[1].primary;
    let peer = tcp(&pods[2].spec.netns, &vpc.a.netns, secondary, 1 << 16).unwrap();
    assert_eq!(peer.ip(), pods[2].spec.host.address, "a secondary ENI's own address works too");
}

#[test]
fn a_packet_of_exactly_the_mtu_passes_whole() {
    let mut vpc = Vpc::up();
    let [_, from, to] = three_pods(&mut vpc);
    // 20 bytes of IPv4 and 8 of UDP header.
    let whole = usize::try_from(MTU).unwrap() - 28;
    let addr = to.spec.host.address;
    assert_eq!(udp(&from.spec.netns, &to.spec.netns, addr, whole).unwrap(), whole);
    let on_the_way = [&from.spec.netns, &vpc.a.netns, vpc.router.netns(), &vpc.b.netns];
    for netns in on_the_way {
        assert_eq!(fragments(netns), 0, "not cut anywhere");
    }
    assert_eq!(udp(&from.spec.netns, &to.spec.netns, addr, whole + 1).unwrap(), whole + 1);
    assert_eq!(fragments(&from.spec.netns), 2, "one byte more is cut at once, by the sender");
}

#[test]
fn without_its_rule_a_pod_on_a_secondary_eni_leaves_by_the_wrong_one() {
    let mut vpc = Vpc::up();
    let [_, from, to] = three_pods(&mut vpc);
    let rule = Rule {
        priority: 1536,
        from: Some(from.spec.host.address.into()),
        table: 2,
        ..Rule::default()
    };
    vpc.a.netlink.apply(&[Op::DelRule(rule.clone())]).unwrap();
    let addr = to.spec.host.address;
    assert!(tcp(&from.spec.netns, &to.spec.netns, addr, 1).is_err(), "the VPC drops its source");
    vpc.a.netlink.apply(&[Op::AddRule(rule)]).unwrap();
    tcp(&from.spec.netns, &to.spec.netns, addr, 1).unwrap();
}

#[test]
fn links_are_as_asked_for() {
    let mut vpc = Vpc::up();
    let [pod, ..] = three_pods(&mut vpc);
    let host = vpc.a.netlink.link_by_name(&pod.spec.host.veth).unwrap().unwrap();
    let inner = netlink(&pod.spec.netns).link_by_name("eth0").unwrap().unwrap();
    assert_eq!((host.mac, host.mtu, host.up), (pod.spec.host.mac, MTU, true));
    assert_eq!((inner.mac, inner.mtu, inner.up), (pod.spec.mac, MTU, true));
    let path = format!("net/ipv6/conf/{}/disable_ipv6", host.name);
    let value = vpc.a.netns.run(|| read_sysctl(&path)).unwrap();
    assert_eq!(value.unwrap(), "1", "no router advertisements from pods");
    for eni in ["eth0", "eth1"] {
        let path = format!("net/ipv4/conf/{eni}/rp_filter");
        assert_eq!(vpc.a.netns.run(|| read_sysctl(&path)).unwrap().unwrap(), "2");
    }
    assert_eq!(vpc.a.netns.run(|| read_sysctl("net/ipv4/ip_forward")).unwrap().unwrap(), "1");
}

#[test]
fn check_sees_each_thing_that_is_removed() {
    let mut vpc = Vpc::up();
    let [_, pod, _] = three_pods(&mut vpc);
    let spec = &pod.spec;
    let addr = spec.host.address;
    let host = spec.host_objects();
    let inner = spec.pod_objects();
    let down =
        |name: &str| Op::SetLink { name: name.into(), up: Some(false), mtu: None, mac: None };
    let mtu = Op::SetLink { name: "eth0".into(), up: None, mtu: Some(1500), mac: None };
    let remac =
        Op::SetLink { name: spec.host.veth.clone(), up: None, mtu: None, mac: Some(mac(0x77)) };
    let del_route = |i: usize| Op::DelRoute(inner.routes[i].clone());
    let damage: Vec<(Place, Op, String)> = vec![
        (Place::Node, Op::DelRule(host.rules[0].clone()), format!("to {addr}/32")),
        (Place::Node, Op::DelRule(host.rules[1].clone()), format!("from {addr}/32")),
        (Place::Node, Op::DelRoute(host.routes[0].clone()), format!("route {addr}/32")),
        (Place::Node, remac, "instead of".into()),
        (Place::Node, down(&spec.host.veth), "is down".into()),
        (Place::Node, Op::DelLink { name: spec.host.veth.clone() }, "is missing".into()),
        (Place::Pod, del_route(1), "route 0.0.0.0/0".into()),
        (Place::Pod, del_route(0), "route 169.254.1.1/32".into()),
        (Place::Pod, Op::DelAddress(inner.addresses[0].clone()), format!("address {addr}/32")),
        (Place::Pod, Op::DelNeighbour(inner.neighbours[0].clone()), "neighbour 169.254.1.1".into()),
        (Place::Pod, mtu, "MTU 1500 instead of 9001".into()),
        (Place::Pod, down("eth0"), "is down".into()),
        (Place::Pod, Op::DelLink { name: "eth0".into() }, "link eth0 is missing".into()),
    ];
    for (place, op, expected) in damage {
        check_pod(&mut vpc.a.netlink, spec).unwrap();
        let mut pod = netlink(&spec.netns);
        let kernel = if place == Place::Node { &mut vpc.a.netlink } else { &mut pod };
        kernel.apply(std::slice::from_ref(&op)).unwrap();

        let text = check_pod(&mut vpc.a.netlink, spec).unwrap_err().to_string();
        assert!(text.contains(&expected), "{op}: {text}");
        assert!(text.contains(&format!("{place}: ")), "{op}: {text}");

        del_pod(&mut vpc.a.netlink, &spec.host).unwrap();
        // A veth whose Ethernet address somebody changed is not known as the pod's any more.
        vpc.a.netlink.apply(&[Op::DelLink { name: spec.host.veth.clone() }]).unwrap();
        add_pod(&mut vpc.a.netlink, spec).unwrap();
    }
}

#[test]
fn check_changes_nothing_and_tolerates_additions() {
    let mut vpc = Vpc::up();
    let [pod, ..] = three_pods(&mut vpc);
    let mut inner = netlink(&pod.spec.netns);
    inner
        .apply(&[
            Op::ReplaceRoute(Route { protocol: 4, ..link_route("192.0.2.0/24", "eth0") }),
            Op::AddAddress(stray("eth0", "192.0.2.7/32")),
        ])
        .unwrap();
    let before = (settled(&mut vpc.a.netlink), settled(&mut inner));
    check_pod(&mut vpc.a.netlink, &pod.spec).unwrap();
    assert_eq!((settled(&mut vpc.a.netlink), settled(&mut inner)), before);
}

#[test]
fn del_leaves_nothing_and_may_be_repeated() {
    let mut vpc = Vpc::up();
    let before = settled(&mut vpc.a.netlink);
    for eni in [0, 1] {
        let pod = wire(&mut vpc, a, "web-0", "10.20.1.60", eni);
        assert_ne!(settled(&mut vpc.a.netlink), before);
        for _ in 0..3 {
            del_pod(&mut vpc.a.netlink, &pod.spec.host).unwrap();
            assert_eq!(settled(&mut vpc.a.netlink), before);
        }
        let links = netlink(&pod.spec.netns).links().unwrap();
        assert_eq!(links.len(), 1, "the pod's end is gone too: {links:?}");
    }
}

#[test]
fn del_works_when_the_pods_namespace_is_gone() {
    let mut vpc = Vpc::up();
    let before = settled(&mut vpc.a.netlink);
    for _ in 0..5 {
        let pod = wire(&mut vpc, a, "web-0", "10.20.1.60", 1);
        let host = pod.spec.host.clone();
        // The kernel removes the namespace, and the veth with it, some time after this.
        drop(pod);
        del_pod(&mut vpc.a.netlink, &host).unwrap();
        del_pod(&mut vpc.a.netlink, &host).unwrap();
        assert_eq!(settled(&mut vpc.a.netlink), before);
    }
}

#[test]
fn del_of_something_never_added_succeeds() {
    let mut vpc = Vpc::up();
    let pod = vpc.a.pod("never", "10.20.1.99", 1);
    let before = settled(&mut vpc.a.netlink);
    del_pod(&mut vpc.a.netlink, &pod.spec.host).unwrap();
    assert_eq!(settled(&mut vpc.a.netlink), before);
}

#[test]
fn add_where_the_interface_exists_is_refused_and_changes_nothing() {
    let mut vpc = Vpc::up();
    let [pod, ..] = three_pods(&mut vpc);
    let mut again = vpc.a.pod("other", "10.20.1.70", 0);
    again.spec.netns = pod.spec.netns.clone();
    let before = (settled(&mut vpc.a.netlink), settled(&mut netlink(&pod.spec.netns)));
    let error = add_pod(&mut vpc.a.netlink, &again.spec).unwrap_err();
    assert!(matches!(&error, WireError::InterfaceExists { ifname } if ifname == "eth0"), "{error}");
    let after = (settled(&mut vpc.a.netlink), settled(&mut netlink(&pod.spec.netns)));
    assert_eq!(after, before);
    // A second interface of the same pod is fine.
    again.spec.ifname = "net1".into();
    again.spec.host.veth = "eniother".into();
    let mut inner = netlink(&pod.spec.netns);
    add_pod(&mut vpc.a.netlink, &again.spec).unwrap();
    assert!(inner.link_by_name("net1").unwrap().is_some());
    assert!(inner.link_by_name("eth0").unwrap().is_some());
}

#[test]
fn a_new_sandbox_of_the_same_pod_replaces_the_old_veth_and_survives_the_old_del() {
    let mut vpc = Vpc::up();
    let old = wire(&mut vpc, a, "web-0", "10.20.1.60", 0);
    let mut new = vpc.a.pod("web-0", "10.20.1.61", 1);
    new.spec.host.mac = mac(0x66);
    let eni = vpc.a.enis[1];
    vpc.assign(&eni, new.spec.host.address);
    assert_eq!(new.spec.host.veth, old.spec.host.veth);
    add_pod(&mut vpc.a.netlink, &new.spec).unwrap();
    del_pod(&mut vpc.a.netlink, &old.spec.host).unwrap();
    check_pod(&mut vpc.a.netlink, &new.spec).unwrap();
    let peer = tcp(&new.spec.netns, &vpc.b.netns, vpc.b.enis[0].primary, 1 << 16).unwrap();
    assert_eq!(peer.ip(), new.spec.host.address);
}

#[test]
fn the_nodes_own_namespace_is_never_wired_as_a_pod() {
    let mut vpc = Vpc::up();
    let mut pod = vpc.a.pod("web-0", "10.20.1.60", 0);
    pod.spec.netns = vpc.a.netns.clone();
    let before = settled(&mut vpc.a.netlink);
    let error = add_pod(&mut vpc.a.netlink, &pod.spec).unwrap_err();
    assert!(matches!(error, WireError::HostNamespace), "{error}");
    assert_eq!(settled(&mut vpc.a.netlink), before);
    // A path that is no namespace at all.
    let file = tempfile::NamedTempFile::new().unwrap();
    pod.spec.netns = Netns::open(file.path()).unwrap();
    let error = add_pod(&mut vpc.a.netlink, &pod.spec).unwrap_err();
    assert!(matches!(error, WireError::PodNamespace { .. }), "{error}");
    assert_eq!(settled(&mut vpc.a.netlink), before);
}

#[test]
fn setting_up_an_eni_takes_over_what_the_image_put_on_it() {
    let mut vpc = Vpc::up();
    let eni = vpc.a.enis[1];
    let shaped = settled(&mut vpc.a.netlink);
    let connected = |routes: &[Route]| {
        routes
            .iter()
            .filter(|r| r.table == TABLE_MAIN && r.protocol == PROTOCOL_KERNEL)
            .filter_map(|r| r.link.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(connected(&shaped.routes), ["eth0"], "only the primary ENI's subnet is in main");

    // A network manager that configures every address it learns from the instance metadata.
    let netlink = &mut vpc.a.netlink;
    netlink
        .apply(&[
            Op::DelAddress(address("eth1", "10.20.1.11/24")),
            Op::AddAddress(address("eth1", "10.20.1.51/24")),
            Op::AddAddress(address("eth1", "10.20.1.11/24")),
            Op::SetLink { name: "eth1".into(), up: None, mtu: Some(1500), mac: None },
        ])
        .unwrap();
    assert_eq!(connected(&netlink.routes().unwrap()).len(), 2);
    setup_eni(netlink, &eni).unwrap();
    let mut healed = settled(netlink);
    // The address may have come back with other flags; what counts is that it is the only one.
    let on_eth1: Vec<_> = healed.addresses.iter().filter(|a| a.link == "eth1").collect();
    assert_eq!(on_eth1.len(), 1);
    assert_eq!(on_eth1[0].addr, net("10.20.1.11/24"));
    healed.addresses.clone_from(&shaped.addresses);
    sort(&mut healed);
    let mut shaped = shaped;
    sort(&mut shaped);
    assert_eq!(healed, shaped);

    teardown_eni(netlink, &eni).unwrap();
    teardown_eni(netlink, &eni).unwrap();
    let left = netlink.state().unwrap();
    assert!(left.routes.iter().all(|r| r.table != 2), "{:?}", left.routes);
    assert!(left.rules.iter().all(|r| r.table != 2), "{:?}", left.rules);
}

#[test]
fn an_eni_without_a_link_is_named() {
    let mut vpc = Vpc::up();
    let missing = datapath::EniSpec { device_index: 2, mac: mac(0x99), ..vpc.a.enis[1] };
    let error = setup_eni(&mut vpc.a.netlink, &missing).unwrap_err();
    assert!(matches!(error, WireError::NoEniLink { device_index: 2, .. }));
    assert!(error.to_string().contains("02:00:00:00:00:99"), "{error}");
    teardown_eni(&mut vpc.a.netlink, &missing).unwrap();
}

#[test]
fn restore_repairs_removes_leftovers_and_touches_nothing_else() {
    let mut vpc = Vpc::up();
    let foreign = [
        Op::ReplaceRoute(Route { protocol: 4, ..link_route("198.51.100.0/24", "eth0") }),
        Op::AddRule(Rule { priority: 700, table: 700, protocol: 4, ..Rule::default() }),
    ];
    vpc.a.netlink.apply(&foreign).unwrap();
    let pods = three_pods(&mut vpc);
    let [first, second, _] = &pods;
    let lost = vpc.a.pod("lost", "10.20.1.80", 1);
    let hosts = [&first.spec, &second.spec, &lost.spec].map(|spec| spec.host.clone());
    let enis = vpc.a.enis.clone();
    let netlink = &mut vpc.a.netlink;
    let good = settled(netlink);

    let untouched = restore(netlink, &enis, &hosts).unwrap();
    assert_eq!(untouched, [&lost.spec.host], "a pod whose veth is gone is reported");
    assert_eq!(settled(netlink), good, "what is right is left alone");

    let objects = second.spec.host.objects();
    let leftover = lost.spec.host.objects();
    let mut damage: Vec<_> = objects.rules.into_iter().map(Op::DelRule).collect();
    damage.extend(objects.routes.into_iter().map(Op::DelRoute));
    damage.extend(leftover.rules.into_iter().map(Op::AddRule));
    damage.push(Op::ReplaceRoute(Route { table: 2, ..link_route("203.0.113.7/32", "eth1") }));
    damage.push(Op::DelAddress(address("eth1", "10.20.1.11/24")));
    netlink.apply(&damage).unwrap();
    assert_ne!(settled(netlink), good);
    restore(netlink, &enis, &hosts).unwrap();
    let (mut healed, mut good) = (settled(netlink), good);
    sort(&mut healed);
    sort(&mut good);
    assert_eq!(healed, good);
    let to: Ipv4Addr = vpc.b.enis[0].primary;
    tcp(&second.spec.netns, &vpc.b.netns, to, 1 << 16).unwrap();
}

#[test]
fn many_threads_add_list_and_remove_at_once() {
    const THREADS: u8 = 4;
    const PODS: u8 = 12;
    let vpc = Vpc::up();
    let before = settled(&mut netlink(&vpc.a.netns));
    let working = AtomicU8::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (vpc, working) = (&vpc, &working);
            scope.spawn(move || {
                let mut node = netlink(&vpc.a.netns);
                let pods: Vec<_> = (0..PODS)
                    .map(|pod| {
                        let last = 100 + thread * PODS + pod;
                        vpc.a.pod(&format!("p{last}"), &format!("10.20.1.{last}"), 1)
                    })
                    .collect();
                for pod in &pods {
                    add_pod(&mut node, &pod.spec).unwrap();
                }
                for pod in &pods {
                    check_pod(&mut node, &pod.spec).unwrap();
                }
                for pod in &pods {
                    del_pod(&mut node, &pod.spec.host).unwrap();
                }
                working.fetch_sub(1, Ordering::Relaxed);
            });
        }
        // Every change interrupts a listing, which then has to start again.
        let mut node = netlink(&vpc.a.netns);
        while working.load(Ordering::Relaxed) > 0 {
            node.state().unwrap();
        }
    });
    assert_eq!(settled(&mut netlink(&vpc.a.netns)), before);
}

/// The kernel's order of equals is that of their making.
fn sort(state: &mut KernelState) {
    state.addresses.sort_by_key(|a| (a.link.clone(), a.addr));
    state.routes.sort_by_key(|r| (r.table, r.dst, r.link.clone(), format!("{r:?}")));
    state.rules.sort_by_key(|r| (r.priority, r.to, r.from));
}
