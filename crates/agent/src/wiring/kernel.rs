//! The kernel's network objects, by netlink.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use datapath::{
    EniSpec, Kernel as _, Link, Mac, Netlink, Netns, PodHost, PodSpec, ROUTE_PROTOCOL, Route, Rule,
    TABLE_MAIN,
};

use super::{PodWire, Wiring, WiringError};

/// Sockets kept open for the next call.
const IDLE: usize = 4;

/// The network objects of the namespace it was made in, reachable from every thread.
pub struct KernelWiring {
    netns: Netns,
    idle: Mutex<Vec<Netlink>>,
}

impl KernelWiring {
    /// Of the calling thread's namespace, brought into the state that pods build on.
    ///
    /// # Errors
    /// When the kernel cannot be asked or a setting cannot be written.
    pub fn open() -> Result<Self, WiringError> {
        let mut netlink = Netlink::open().map_err(WiringError::Netlink)?;
        datapath::setup_node(&mut netlink)?;
        Ok(Self { netns: netlink.netns().clone(), idle: Mutex::new(vec![netlink]) })
    }

    /// A socket of its own for every call under way: they do not wait for each other.
    fn with<T>(
        &self,
        act: impl FnOnce(&mut Netlink) -> Result<T, WiringError>,
    ) -> Result<T, WiringError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut netlink = match idle {
            Some(netlink) => netlink,
            None => Netlink::open_in(&self.netns).map_err(WiringError::Netlink)?,
        };
        let result = act(&mut netlink);
        // After an error the socket may hold answers to what was asked before it.
        if result.is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE {
                idle.push(netlink);
            }
        }
        result
    }
}

impl Wiring for KernelWiring {
    fn has_link(&self, mac: Mac) -> Result<bool, WiringError> {
        self.with(|netlink| {
            netlink.link_by_mac(mac).map(|link| link.is_some()).map_err(WiringError::Netlink)
        })
    }

    fn setup_eni(&self, eni: &EniSpec) -> Result<(), WiringError> {
        self.with(|netlink| Ok(datapath::setup_eni(netlink, eni)?))
    }

    fn teardown_eni(&self, eni: &EniSpec) -> Result<(), WiringError> {
        self.with(|netlink| Ok(datapath::teardown_eni(netlink, eni)?))
    }

    fn restore(&self, enis: &[EniSpec], pods: &[PodHost]) -> Result<Vec<PodHost>, WiringError> {
        self.with(|netlink| {
            let gone = datapath::restore(netlink, enis, pods)?;
            Ok(gone.into_iter().cloned().collect())
        })
    }

    fn wired(&self) -> Result<Vec<PodHost>, WiringError> {
        self.with(|netlink| {
            let ask = WiringError::Netlink;
            let links = netlink.links().map_err(ask)?;
            let routes = netlink.routes().map_err(ask)?;
            let rules = netlink.rules().map_err(ask)?;
            Ok(pods_of(&links, &routes, &rules))
        })
    }

    fn add_pod(&self, pod: &PodWire) -> Result<(), WiringError> {
        let spec = spec(pod)?;
        self.with(|netlink| Ok(datapath::add_pod(netlink, &spec)?))
    }

    fn check_pod(&self, pod: &PodWire) -> Result<(), WiringError> {
        let spec = spec(pod)?;
        self.with(|netlink| Ok(datapath::check_pod(netlink, &spec)?))
    }

    fn del_pod(&self, pod: &PodHost) -> Result<(), WiringError> {
        self.with(|netlink| Ok(datapath::del_pod(netlink, pod)?))
    }
}

fn spec(pod: &PodWire) -> Result<PodSpec, WiringError> {
    let PodWire { netns: path, ifname, mac, host } = pod.clone();
    let netns = open(&path)?;
    Ok(PodSpec { netns, ifname, mac, host })
}

fn open(path: &Path) -> Result<Netns, WiringError> {
    Netns::open(path).map_err(|source| WiringError::Netns { path: path.to_owned(), source })
}

/// The pods that routes, rules and links of ours tell of: a route of ours in the main table to one
/// address by a link, and perhaps a rule of ours from that address.
fn pods_of(links: &[Link], routes: &[Route], rules: &[Rule]) -> Vec<PodHost> {
    let mut pods = Vec::new();
    for route in routes {
        let ours = route.protocol == ROUTE_PROTOCOL && route.table == TABLE_MAIN;
        if !ours || route.dst.prefix_len() != 32 || route.via.is_some() {
            continue;
        }
        let name = route.link.as_deref();
        let Some(link) = links.iter().find(|link| Some(link.name.as_str()) == name) else {
            continue;
        };
        let own = rules
            .iter()
            .find(|rule| rule.protocol == ROUTE_PROTOCOL && rule.from == Some(route.dst));
        pods.push(PodHost {
            address: route.dst.addr(),
            veth: link.name.clone(),
            mac: link.mac,
            mtu: link.mtu,
            table: own.map_or(TABLE_MAIN, |rule| rule.table),
        });
    }
    pods
}

#[cfg(test)]
mod tests {
    use datapath::LinkKind;

    use super::*;

    #[test]
    fn pods_are_recognised_by_what_they_have_on_the_node() {
        let link = |name: &str, index: u8| Link {
            name: name.into(),
            index: u32::from(index),
            mac: Mac([2, 0, 0, 0, 0, index]),
            mtu: 9001,
            up: true,
            kind: LinkKind::Veth,
            peer: None,
        };
        let pods: Vec<_> = [(1, "eni1", TABLE_MAIN), (2, "eni2", 3)]
            .into_iter()
            .map(|(n, veth, table)| PodHost {
                address: [10, 10, 1, n].into(),
                veth: veth.into(),
                mac: Mac([2, 0, 0, 0, 0, n]),
                mtu: 9001,
                table,
            })
            .collect();
        let links = [link("eni1", 1), link("eni2", 2), link("eth0", 3)];
        let mut routes = vec![Route {
            dst: "10.10.1.9/32".parse().unwrap(),
            link: Some("eth0".into()),
            protocol: 4,
            ..Route::default()
        }];
        let mut rules = Vec::new();
        for pod in &pods {
            let objects = pod.objects();
            routes.extend(objects.routes);
            rules.extend(objects.rules);
        }
        assert_eq!(pods_of(&links, &routes, &rules), pods);
    }
}
