//! The twin in memory does what the running kernel does: the same changes, the same objects.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use datapath::{
    DEFAULT_ROUTE, EniSpec, FakeNetlink, Kernel, KernelState, Link, LinkKind, Mac, Netns, Op,
    PodHost, PodSpec, Route, Rule, Scope, VethPeer, add_pod, check_pod, del_pod, restore,
    setup_eni, setup_node,
};
use support::{address, ip, link_route, mac, net, netlink, netns};

/// What both kernels should agree on. The twin has no `local` table and learns no neighbours;
/// indexes, and the attributes of `lo`, are the kernel's own.
fn comparable(kernel: &mut impl Kernel) -> KernelState {
    let mut state = kernel.state().unwrap();
    state.links.retain(|link| link.name != "lo");
    for link in &mut state.links {
        *link = Link { index: 0, peer: link.peer.map(|_| 0), ..link.clone() };
    }
    state.links.sort_by_key(|link| link.name.clone());
    state.addresses.retain(|address| address.link != "lo");
    state.addresses.sort_by_key(|address| (address.link.clone(), address.addr));
    state.routes.retain(|route| route.table != 255);
    state.routes.sort_by_key(|route| (route.table, route.dst, format!("{route:?}")));
    state.rules.sort_by_key(|rule| (rule.priority, rule.to, rule.from));
    state.neighbours.retain(|neighbour| neighbour.permanent);
    state
}

/// Makes the changes in both, one at a time, and compares after each.
fn agree<A: Kernel, B: Kernel>(real: &mut A, fake: &mut B, ops: &[(Op, Op)]) {
    for (real_op, fake_op) in ops {
        let expected = real.apply(std::slice::from_ref(real_op));
        let actual = fake.apply(std::slice::from_ref(fake_op));
        let errno = |result: Result<(), datapath::ApplyError>| {
            result.err().map(|error| error.failures[0].refusal.errno)
        };
        assert_eq!(errno(actual), errno(expected), "{real_op}");
        assert_eq!(comparable(fake), comparable(real), "after: {real_op}");
    }
}

#[test]
fn change_by_change() {
    let mut real = netlink(&netns());
    let mut fake = FakeNetlink::new().unwrap();
    let veth = |name: &str, peer: &str| Op::AddVeth {
        name: name.into(),
        mac: mac(1),
        mtu: 1500,
        peer: VethPeer { name: peer.into(), mac: mac(2), mtu: 1400, netns: None },
    };
    let set = |name: &str, up, mtu| Op::SetLink { name: name.into(), up, mtu, mac: None };
    let gateway = Route {
        dst: DEFAULT_ROUTE,
        via: Some(ip("10.0.0.1")),
        link: Some("left".into()),
        ..Route::default()
    };
    let rule = Rule { priority: 512, to: Some(net("10.0.0.7/32")), ..Rule::default() };
    let in_table = |table, route: Route| Route { table, ..route };
    let ops = vec![
        Op::up("left"),
        veth("left", "right"),
        veth("left", "other"),
        veth("other", "right"),
        veth("same", "same"),
        Op::ReplaceRoute(link_route("10.9.0.0/16", "left")),
        Op::ReplaceRoute(link_route("10.9.0.0/16", "nowhere")),
        Op::AddAddress(address("left", "10.0.0.7/24")),
        Op::up("left"),
        Op::up("right"),
        Op::ReplaceRoute(gateway.clone()),
        Op::ReplaceRoute(in_table(2, gateway.clone())),
        Op::ReplaceRoute(in_table(2, Route { via: Some(ip("10.77.0.1")), ..gateway.clone() })),
        Op::ReplaceRoute(Route { via: Some(ip("10.77.0.1")), onlink: true, ..gateway }),
        Op::AddAddress(datapath::Address {
            no_prefix_route: true,
            ..address("right", "10.1.0.7/24")
        }),
        Op::AddAddress(address("right", "10.2.0.7/32")),
        Op::AddRule(rule.clone()),
        Op::AddRule(rule.clone()),
        Op::AddRule(Rule { priority: 100, ..rule.clone() }),
        Op::DelRule(rule.clone()),
        Op::DelRule(rule),
        set("left", None, Some(9001)),
        set("right", Some(false), None),
        set("right", Some(true), None),
        set("left", Some(false), None),
        set("left", Some(true), None),
        Op::DelRoute(link_route("10.50.0.0/16", "left")),
        Op::DelAddress(address("left", "10.0.0.7/24")),
        Op::DelAddress(address("left", "10.0.0.7/24")),
        Op::DelLink { name: "right".into() },
        Op::DelLink { name: "right".into() },
    ];
    let ops: Vec<_> = ops.into_iter().map(|op| (op.clone(), op)).collect();
    agree(&mut real, &mut fake, &ops);
    assert_eq!(fake.links().unwrap().len(), 1);
}

/// A link that was looked up, then replaced by another of its name, is not what is removed.
fn replace_and_remove<K: Kernel>(kernel: &mut K) {
    let veth = |last| Op::AddVeth {
        name: "left".into(),
        mac: mac(last),
        mtu: 1500,
        peer: VethPeer { name: "right".into(), mac: mac(9), mtu: 1500, netns: None },
    };
    kernel.apply(&[veth(1)]).unwrap();
    let old = kernel.link_by_name("left").unwrap().unwrap();
    kernel.apply(&[Op::DelLink { name: "left".into() }, veth(2)]).unwrap();
    kernel.remove_link(&old).unwrap();
    // The new one stays.
    let new = kernel.link_by_name("left").unwrap().unwrap();
    assert_eq!(new.mac, mac(2));
    for _ in 0..2 {
        kernel.remove_link(&new).unwrap();
        assert_eq!(kernel.link_by_name("left").unwrap(), None);
        assert_eq!(kernel.link_by_name("right").unwrap(), None, "both ends are gone at once");
    }
    // And the names are free again.
    kernel.apply(&[veth(3)]).unwrap();
}

#[test]
fn removing_a_link_means_that_very_link() {
    replace_and_remove(&mut netlink(&netns()));
    replace_and_remove(&mut FakeNetlink::new().unwrap());
}

#[test]
fn a_link_that_the_kernel_keeps_is_an_error() {
    let mut real = netlink(&netns());
    let lo = real.link_by_name("lo").unwrap().unwrap();
    let error = real.remove_link(&lo).unwrap_err();
    assert_eq!(error.failures[0].op, Op::DelLink { name: "lo".into() });
    assert!(real.link_by_name("lo").unwrap().is_some());
}

/// A node with two ENIs, and pods, through the whole life of the data path.
fn life<K: Kernel>(node: &mut K, pods: [Netns; 2]) -> Vec<KernelState> {
    let mut states = Vec::new();
    let eni = |device_index, mac, primary: &str| EniSpec {
        device_index,
        mac,
        primary: ip(primary),
        subnet: net("10.20.1.0/24"),
        mtu: 9001,
    };
    let enis = [eni(0, mac(0x10), "10.20.1.10"), eni(1, mac(0x11), "10.20.1.11")];
    node.apply(&[Op::AddAddress(address("eth0", "10.20.1.10/24")), Op::up("eth0")]).unwrap();
    node.apply(&[Op::AddAddress(address("eth1", "10.20.1.99/24"))]).unwrap();
    setup_node(node).unwrap();
    for eni in &enis {
        setup_eni(node, eni).unwrap();
        states.push(comparable(node));
    }
    let [first, second] = pods;
    let specs = [(first, 50, &enis[0]), (second, 51, &enis[1])].map(|(netns, last, eni)| PodSpec {
        netns,
        ifname: "eth0".into(),
        mac: Mac([2, 1, 0, 0, 0, last]),
        host: PodHost {
            address: std::net::Ipv4Addr::new(10, 20, 1, last),
            veth: format!("eni{last}"),
            mac: Mac([2, 2, 0, 0, 0, last]),
            mtu: 9001,
            table: eni.table(),
        },
    });
    for spec in &specs {
        add_pod(node, spec).unwrap();
        check_pod(node, spec).unwrap();
        states.push(comparable(node));
        states.push(comparable(&mut node.open_in(&spec.netns).unwrap()));
    }
    let mut taken = specs[0].clone();
    taken.host.veth = "x".into();
    assert!(add_pod(node, &taken).is_err());
    states.push(comparable(node));
    node.apply(&[Op::DelRule(specs[1].host.objects().rules[1].clone())]).unwrap();
    assert!(check_pod(node, &specs[1]).is_err());
    restore(node, &enis, &[specs[1].host.clone()]).unwrap();
    states.push(comparable(node));
    for spec in &specs {
        del_pod(node, &spec.host).unwrap();
        states.push(comparable(node));
        states.push(comparable(&mut node.open_in(&spec.netns).unwrap()));
    }
    states
}

#[test]
fn the_whole_life_of_a_node() {
    let mut real = netlink(&netns());
    let mut fake = FakeNetlink::new().unwrap();
    // Devices of the real node need another end somewhere; of the twin's they are like it.
    let elsewhere = netns();
    for (name, mac, far) in [("eth0", mac(0x10), "far0"), ("eth1", mac(0x11), "far1")] {
        let veth = |netns| Op::AddVeth {
            name: name.into(),
            mac,
            mtu: 1500,
            peer: VethPeer { name: far.into(), mac: self::mac(1), mtu: 9001, netns: Some(netns) },
        };
        real.apply(&[veth(elsewhere.clone())]).unwrap();
        // So that nobody waits for a carrier that never comes.
        netlink(&elsewhere).apply(&[Op::up(far)]).unwrap();
        fake.apply(&[veth(FakeNetlink::netns().unwrap())]).unwrap();
    }
    let expected = life(&mut real, [netns(), netns()]);
    let actual = life(&mut fake, [FakeNetlink::netns().unwrap(), FakeNetlink::netns().unwrap()]);
    assert_eq!(actual.len(), expected.len());
    for (step, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        assert_eq!(actual, expected, "step {step}");
    }
    let veths = expected[2].links.iter().filter(|link| link.kind == LinkKind::Veth).count();
    assert_eq!(veths, 3, "two ENIs and a host veth");
    assert!(expected[2].routes.iter().any(|route| route.scope == Scope::Link));
}
