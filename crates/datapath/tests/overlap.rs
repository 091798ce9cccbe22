//! What happens to one pod while another call, or the end of a sandbox, is under way.

mod support;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use datapath::{Kernel, Mac, Op, add_pod, check_pod, del_pod, restore};
use support::netlink;
use support::vpc::Vpc;

/// A pod of a StatefulSet is deleted and comes back under the same name: the runtime takes the old
/// sandbox down while it sets the new one up.
#[test]
fn an_old_sandboxs_del_and_a_new_ones_add_do_not_disturb_each_other() {
    const PAIRS: u64 = 200;
    let vpc = Vpc::up();
    let mut adding = netlink(&vpc.a.netns);
    let mut deleting = netlink(&vpc.a.netns);
    let mut old = vpc.a.pod("web-0", "10.20.1.100", 0);
    add_pod(&mut adding, &old.spec).unwrap();
    for pair in 0..PAIRS {
        let last = 100 + u8::try_from((pair + 1) % 100).unwrap();
        let mut new = vpc.a.pod("web-0", &format!("10.20.1.{last}"), 0);
        new.spec.host.mac = Mac::locally_administered([0, 3, 0, 0, 0, last]);
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                // Either call may be a little ahead.
                std::thread::sleep(Duration::from_micros(pair % 20 * 50));
                del_pod(&mut deleting, &old.spec.host).unwrap();
            });
            start.wait();
            std::thread::sleep(Duration::from_micros(pair % 7 * 50));
            add_pod(&mut adding, &new.spec).unwrap_or_else(|e| panic!("pair {pair}: {e}"));
        });
        check_pod(&mut adding, &new.spec).unwrap_or_else(|e| panic!("pair {pair}: {e}"));
        let rules = adding.rules().unwrap();
        let left = rules.iter().find(|rule| rule.to == Some(old.spec.host.address.into()));
        assert_eq!(left, None, "pair {pair}: nothing of the old pod is left");
        old = new;
    }
}

/// The agent starts while the node is being drained.
#[test]
fn pods_may_end_while_the_node_is_restored() {
    const PODS: u8 = 60;
    let mut vpc = Vpc::up();
    let pods: Vec<_> = (0..PODS)
        .map(|pod| vpc.a.pod(&format!("p{pod}"), &format!("10.20.1.{}", 100 + pod), 1))
        .collect();
    for pod in &pods {
        add_pod(&mut vpc.a.netlink, &pod.spec).unwrap();
    }
    let hosts: Vec<_> = pods.iter().map(|pod| pod.spec.host.clone()).collect();
    let ended = AtomicUsize::new(0);
    let enis = vpc.a.enis.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut ending = netlink(&vpc.a.netns);
            // All but the first two.
            for host in &hosts[2..] {
                // What the end of a namespace does: the veth goes, rules stay.
                let link = ending.link_by_name(&host.veth).unwrap().unwrap();
                ending.remove_link(&link).unwrap();
                ended.fetch_add(1, Ordering::SeqCst);
            }
        });
        while ended.load(Ordering::SeqCst) < hosts.len() - 2 {
            // Something to repair for every pod, so that ends fall into repairs.
            let rules = hosts.iter().flat_map(|host| host.objects().rules).map(Op::DelRule);
            vpc.a.netlink.apply(&rules.collect::<Vec<_>>()).unwrap();
            let before = ended.load(Ordering::SeqCst);
            let gone = restore(&mut vpc.a.netlink, &enis, &hosts).unwrap();
            assert!(gone.len() >= before, "{} gone of {before} ended", gone.len());
        }
    });
    let gone = restore(&mut vpc.a.netlink, &enis, &hosts).unwrap();
    assert_eq!(gone, hosts[2..].iter().collect::<Vec<_>>());
    for pod in &pods[..2] {
        check_pod(&mut vpc.a.netlink, &pod.spec).unwrap();
    }
    let rules = vpc.a.netlink.rules().unwrap();
    let left =
        rules.iter().filter(|rule| hosts[2..].iter().any(|h| rule.to == Some(h.address.into())));
    assert_eq!(left.count(), 0, "no rules of pods that have ended");
}
