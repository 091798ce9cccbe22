//! The netlink adapter against the running kernel.

mod support;

use datapath::{
    DEFAULT_ROUTE, Kernel, LinkKind, Neighbour, Netns, Op, PROTOCOL_KERNEL, Route, RouteKind, Rule,
    Scope, Sysctl, VethPeer, read_sysctl,
};
use support::{address, ip, link_route, mac, net, netlink, netns};

fn veth(name: &str, peer: &str, netns: Option<Netns>) -> Op {
    Op::AddVeth {
        name: name.into(),
        mac: mac(1),
        mtu: 9001,
        peer: VethPeer { name: peer.into(), mac: mac(2), mtu: 1400, netns },
    }
}

#[test]
fn a_namespace_starts_empty_and_is_its_own() {
    let here = Netns::current_thread().unwrap();
    let made = netns();
    assert_ne!(here, made);
    assert_eq!(made.run(|| Netns::current_thread().unwrap()).unwrap(), made);
    assert_eq!(Netns::current_thread().unwrap(), here, "the caller stays where it was");
    let names: Vec<_> = netlink(&made).links().unwrap().into_iter().map(|l| l.name).collect();
    assert_eq!(names, ["lo"]);
}

#[test]
fn a_pinned_namespace_opens_by_path_and_unpins_twice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pinned");
    let made = netns();
    // Mounts of this thread only, and of nobody else.
    let pinned = std::thread::spawn(move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        rustix::mount::mount_change(
            "/",
            rustix::mount::MountPropagationFlags::PRIVATE
                | rustix::mount::MountPropagationFlags::REC,
        )
        .unwrap();
        made.pin(&path).unwrap();
        assert!(made.pin(&path).is_err(), "a taken name is refused");
        assert_eq!(Netns::open(&path).unwrap(), made);
        Netns::unpin(&path).unwrap();
        assert!(!path.exists());
        Netns::unpin(&path).unwrap();
    });
    pinned.join().unwrap();
}

#[test]
fn a_file_that_is_no_namespace_cannot_be_entered() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Netns::open(file.path()).unwrap().run(|| ()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn one_batch_makes_a_veth_and_everything_on_it() {
    let (a, b) = (netns(), netns());
    let mut netlink_a = netlink(&a);
    let onlink = Route {
        table: 1002,
        dst: DEFAULT_ROUTE,
        via: Some(ip("10.9.9.1")),
        link: Some("left".into()),
        onlink: true,
        ..Route::default()
    };
    let blackhole = Route {
        table: 300,
        dst: net("10.99.0.0/16"),
        kind: RouteKind::Blackhole,
        ..Route::default()
    };
    let rule = Rule {
        priority: 1536,
        from: Some(net("10.0.0.7/32")),
        to: Some(net("10.8.0.0/16")),
        iif: Some("left".into()),
        fwmark: Some((0x80, 0xff)),
        table: 1002,
        ..Rule::default()
    };
    let neighbour =
        Neighbour { link: "left".into(), addr: ip("10.9.9.1"), mac: mac(9), permanent: true };
    netlink_a
        .apply(&[
            veth("left", "right", Some(b.clone())),
            Op::AddAddress(address("left", "10.0.0.7/24")),
            Op::up("left"),
            Op::ReplaceRoute(onlink.clone()),
            Op::ReplaceRoute(blackhole.clone()),
            Op::ReplaceNeighbour(neighbour.clone()),
            Op::AddRule(rule.clone()),
        ])
        .unwrap();

    let left = netlink_a.link_by_name("left").unwrap().unwrap();
    assert_eq!((left.mac, left.mtu, left.up, left.kind), (mac(1), 9001, true, LinkKind::Veth));
    let mut netlink_b = netlink(&b);
    let right = netlink_b.link_by_mac(mac(2)).unwrap().unwrap();
    assert_eq!((right.name.as_str(), right.mtu, right.up), ("right", 1400, false));
    assert_eq!((left.peer, right.peer), (Some(right.index), Some(left.index)));

    let state = netlink_a.state().unwrap();
    assert!(state.addresses.contains(&address("left", "10.0.0.7/24")));
    assert!(state.routes.contains(&onlink));
    assert!(state.routes.contains(&blackhole));
    assert!(state.rules.contains(&rule));
    assert!(state.neighbours.contains(&neighbour));
    let connected = Route {
        protocol: PROTOCOL_KERNEL,
        src: Some(ip("10.0.0.7")),
        ..link_route("10.0.0.0/24", "left")
    };
    assert!(state.routes.contains(&connected), "the kernel's own route: {:?}", state.routes);
}

#[test]
fn changes_are_idempotent_except_a_second_veth() {
    let a = netns();
    let mut netlink = netlink(&a);
    let rule = Rule { priority: 512, to: Some(net("10.0.0.7/32")), ..Rule::default() };
    let make = [
        Op::AddAddress(address("left", "10.0.0.7/24")),
        Op::up("left"),
        Op::ReplaceRoute(link_route("10.0.0.9/32", "left")),
        Op::AddRule(rule.clone()),
        Op::ReplaceNeighbour(Neighbour {
            link: "left".into(),
            addr: ip("10.0.0.9"),
            mac: mac(9),
            permanent: true,
        }),
    ];
    netlink.apply(&[veth("left", "right", None)]).unwrap();
    netlink.apply(&make).unwrap();
    let before = netlink.state().unwrap();
    netlink.apply(&make).unwrap();
    assert_eq!(netlink.state().unwrap(), before);

    let error = netlink.apply(&[veth("left", "other", None)]).unwrap_err();
    assert_eq!(error.failures[0].refusal.errno, rustix::io::Errno::EXIST.raw_os_error());

    let unmake = [
        Op::DelNeighbour(Neighbour {
            link: "left".into(),
            addr: ip("10.0.0.9"),
            mac: mac(9),
            permanent: true,
        }),
        Op::DelRule(rule.clone()),
        Op::DelRoute(link_route("10.0.0.9/32", "left")),
        Op::DelRoute(Route { table: 4000, ..link_route("10.0.0.9/32", "left") }),
        Op::DelAddress(address("left", "10.0.0.7/24")),
        Op::DelLink { name: "left".into() },
    ];
    netlink.apply(&unmake).unwrap();
    netlink.apply(&unmake).unwrap();
    let state = netlink.state().unwrap();
    assert_eq!(state.links.len(), 1, "only lo: {:?}", state.links);
    assert!(!state.rules.contains(&rule));
}

#[test]
fn failures_are_listed_with_the_kernels_words_and_the_rest_is_made() {
    let a = netns();
    let mut netlink = netlink(&a);
    let unreachable = Route { via: Some(ip("10.77.0.1")), ..Route::default() };
    let error = netlink
        .apply(&[
            veth("left", "right", None),
            Op::AddAddress(address("missing", "10.0.0.8/24")),
            Op::up("left"),
            Op::ReplaceRoute(unreachable),
            Op::AddAddress(address("left", "10.0.0.7/24")),
        ])
        .unwrap_err();
    let text = error.to_string();
    assert_eq!(error.failures.len(), 2, "{text}");
    assert!(text.contains("to add address 10.0.0.8/24 on missing"), "{text}");
    assert!(text.contains("there is no link missing"), "{text}");
    assert!(text.contains("route 0.0.0.0/0 via 10.77.0.1"), "{text}");
    assert!(text.contains("Nexthop has invalid gateway"), "the kernel's own words: {text}");
    assert!(netlink.addresses().unwrap().contains(&address("left", "10.0.0.7/24")));
}

#[test]
fn batches_larger_than_the_socket_buffer_arrive_whole() {
    let a = netns();
    let mut netlink = netlink(&a);
    let mut ops = vec![veth("left", "right", None), Op::up("left")];
    for high in 0..8 {
        for low in 0..250 {
            let route =
                Route { table: 1000, ..link_route(&format!("10.1.{high}.{low}/32"), "left") };
            ops.push(Op::ReplaceRoute(route));
        }
    }
    netlink.apply(&ops).unwrap();
    let ours = |routes: Vec<Route>| routes.iter().filter(|r| r.table == 1000).count();
    assert_eq!(ours(netlink.routes().unwrap()), 2000);
    let unmake: Vec<_> = ops
        .into_iter()
        .filter_map(|op| match op {
            Op::ReplaceRoute(route) => Some(Op::DelRoute(route)),
            _ => None,
        })
        .collect();
    netlink.apply(&unmake).unwrap();
    assert_eq!(ours(netlink.routes().unwrap()), 0);
}

#[test]
fn attributes_of_a_link_change_alone() {
    let a = netns();
    let mut netlink = netlink(&a);
    netlink.apply(&[veth("left", "right", None), Op::up("left")]).unwrap();
    let set = Op::SetLink { name: "left".into(), up: None, mtu: Some(1500), mac: Some(mac(7)) };
    netlink.apply(&[set]).unwrap();
    let left = netlink.link_by_name("left").unwrap().unwrap();
    assert_eq!((left.mac, left.mtu, left.up), (mac(7), 1500, true));
    netlink
        .apply(&[Op::SetLink { name: "left".into(), up: Some(false), mtu: None, mac: None }])
        .unwrap();
    let left = netlink.link_by_name("left").unwrap().unwrap();
    assert_eq!((left.mac, left.mtu, left.up), (mac(7), 1500, false));
    assert_eq!(netlink.link_by_name("nobody").unwrap(), None);
}

#[test]
fn only_routes_of_the_named_protocol_are_removed() {
    let a = netns();
    let mut netlink = netlink(&a);
    let foreign = Route { protocol: 4, ..link_route("10.3.0.0/16", "left") };
    netlink
        .apply(&[veth("left", "right", None), Op::up("left"), Op::ReplaceRoute(foreign.clone())])
        .unwrap();
    netlink.apply(&[Op::DelRoute(link_route("10.3.0.0/16", "left"))]).unwrap();
    assert!(netlink.routes().unwrap().contains(&foreign));
    assert_eq!(foreign.scope, Scope::Link);
}

#[test]
fn settings_are_those_of_the_namespace_whoever_writes_them() {
    let a = netns();
    let mut netlink = netlink(&a);
    let path = "net/ipv4/ip_forward";
    let value = || a.run(|| read_sysctl(path).unwrap()).unwrap();
    for expected in ["1", "0"] {
        netlink.set_sysctl(&Sysctl::new(path, expected)).unwrap();
        assert_eq!(value(), expected, "from outside");
    }
    a.run(|| netlink.set_sysctl(&Sysctl::new(path, "1")).unwrap()).unwrap();
    assert_eq!(value(), "1", "from inside");

    let missing = Sysctl::new("net/ipv4/conf/nobody/rp_filter", "2");
    let error = netlink.set_sysctl(&missing).unwrap_err();
    assert!(error.to_string().contains("/proc/sys/net/ipv4/conf/nobody/rp_filter"), "{error}");
    netlink.set_sysctl(&Sysctl { optional: true, ..missing }).unwrap();
}
