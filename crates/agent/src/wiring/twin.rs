//! The kernel in memory: which links there are, which pods are wired.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use datapath::{EniSpec, Mac, PodHost, WireError};

use super::{PodWire, Wiring, WiringError};

/// A handle; clones share one kernel.
#[derive(Clone, Default)]
pub(crate) struct Twin(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    /// Ethernet addresses whose link never appears.
    pub(crate) absent: BTreeSet<Mac>,
    /// No link appears any more.
    pub(crate) no_new_links: bool,
    pub(crate) enis: BTreeMap<Mac, EniSpec>,
    pub(crate) pods: BTreeMap<Ipv4Addr, PodHost>,
    /// Links in pods' namespaces, and the address of the pod.
    links: BTreeMap<(PathBuf, String), Ipv4Addr>,
    /// Calls that fail next, by name.
    faults: Vec<&'static str>,
    /// Done when the next pod is wired.
    pub(crate) on_add: Option<Box<dyn FnOnce() + Send>>,
    /// Changes made to pods.
    pub(crate) changes: Vec<String>,
}

impl Twin {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn fail(&self, call: &'static str) {
        self.state().faults.push(call);
    }

    /// A sandbox ends: its veth pair goes with its namespace.
    pub(crate) fn end_sandbox(&self, address: Ipv4Addr) {
        let mut state = self.state();
        state.pods.remove(&address);
        state.links.retain(|_, of| *of != address);
    }
}

impl State {
    fn fault(&mut self, call: &'static str) -> Result<(), WiringError> {
        match self.faults.iter().position(|fault| *fault == call) {
            Some(at) => {
                self.faults.remove(at);
                Err(WireError::HostNamespace.into())
            }
            None => Ok(()),
        }
    }
}

impl Wiring for Twin {
    fn has_link(&self, mac: Mac) -> Result<bool, WiringError> {
        let state = self.state();
        Ok(!state.no_new_links && !state.absent.contains(&mac))
    }

    fn setup_eni(&self, eni: &EniSpec) -> Result<(), WiringError> {
        let mut state = self.state();
        // What failed may have been done in part.
        state.enis.insert(eni.mac, *eni);
        state.fault("setup_eni")
    }

    fn teardown_eni(&self, eni: &EniSpec) -> Result<(), WiringError> {
        self.state().enis.remove(&eni.mac);
        Ok(())
    }

    fn restore(&self, enis: &[EniSpec], pods: &[PodHost]) -> Result<Vec<PodHost>, WiringError> {
        let mut state = self.state();
        state.enis = enis.iter().map(|eni| (eni.mac, *eni)).collect();
        let wired = std::mem::take(&mut state.pods);
        let (alive, gone): (Vec<_>, Vec<_>) =
            pods.iter().cloned().partition(|pod| wired.get(&pod.address) == Some(pod));
        state.pods = alive.into_iter().map(|pod| (pod.address, pod)).collect();
        Ok(gone)
    }

    fn wired(&self) -> Result<Vec<PodHost>, WiringError> {
        Ok(self.state().pods.values().cloned().collect())
    }

    fn add_pod(&self, pod: &PodWire) -> Result<(), WiringError> {
        let mut state = self.state();
        if let Some(act) = state.on_add.take() {
            act();
        }
        state.fault("add_pod")?;
        let link = (pod.netns.clone(), pod.ifname.clone());
        if state.links.contains_key(&link) {
            return Err(WireError::InterfaceExists { ifname: pod.ifname.clone() }.into());
        }
        state.links.insert(link, pod.host.address);
        let before = state.pods.insert(pod.host.address, pod.host.clone());
        assert_eq!(before, None, "two pods with {}", pod.host.address);
        state.changes.push(format!("add {}", pod.host.address));
        Ok(())
    }

    fn check_pod(&self, pod: &PodWire) -> Result<(), WiringError> {
        if self.state().pods.get(&pod.host.address) == Some(&pod.host) {
            Ok(())
        } else {
            Err(WireError::Drifted { drifts: Vec::new() }.into())
        }
    }

    fn del_pod(&self, pod: &PodHost) -> Result<(), WiringError> {
        let mut state = self.state();
        state.fault("del_pod")?;
        state.pods.remove(&pod.address);
        state.links.retain(|_, address| *address != pod.address);
        state.changes.push(format!("del {}", pod.address));
        Ok(())
    }
}
