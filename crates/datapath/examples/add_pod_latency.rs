//! How long wiring a pod takes: 200 pods in fresh namespaces, added, checked and removed, in a
//! namespace of its own. Run as root, or inside `unshare -Urnm`.
//!
//! `cargo run --release -p datapath --example add_pod_latency`

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use datapath::{
    Kernel, Mac, Netlink, Netns, Op, PodHost, PodSpec, VethPeer, add_pod, check_pod, del_pod,
};

const PODS: u8 = 200;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let node = Netns::create()?;
    let mut host = Netlink::open_in(&node)?;
    // A second ENI's link, so that its table is in use.
    let peer = VethPeer { name: "far".into(), mac: Mac([2; 6]), mtu: 9001, netns: None };
    host.apply(&[
        Op::AddVeth { name: "eth1".into(), mac: Mac([4; 6]), mtu: 9001, peer },
        Op::up("eth1"),
        Op::up("far"),
    ])?;
    let mut specs = Vec::new();
    for last in 0..PODS {
        specs.push(PodSpec {
            netns: Netns::create()?,
            ifname: "eth0".into(),
            mac: Mac::locally_administered([0, 1, 0, 0, 0, last]),
            host: PodHost {
                address: [10, 0, 0, last].into(),
                veth: format!("eni{last}"),
                mac: Mac::locally_administered([0, 2, 0, 0, 0, last]),
                mtu: 9001,
                table: 2,
            },
        });
    }
    let mut stdout = std::io::stdout();
    let mut measure = |what: &str, work: &mut dyn FnMut(&PodSpec) -> Result<()>| {
        let mut times = Vec::new();
        for spec in &specs {
            let start = Instant::now();
            work(spec)?;
            times.push(start.elapsed());
        }
        times.sort();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        writeln!(stdout, "{what}: p50 {:?}, p99 {:?}, most {:?}", at(50), at(99), at(100))?;
        Result::Ok(())
    };
    // The agent's thread is in the node's namespace.
    node.run(|| {
        measure("add  ", &mut |spec| Ok(add_pod(&mut host, spec)?)).map_err(|e| e.to_string())?;
        measure("check", &mut |spec| Ok(check_pod(&mut host, spec)?)).map_err(|e| e.to_string())?;
        measure("del  ", &mut |spec| Ok(del_pod(&mut host, &spec.host)?)).map_err(|e| e.to_string())
    })??;
    Ok(())
}
