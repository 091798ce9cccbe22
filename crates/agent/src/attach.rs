//! CNI calls: ADD, DEL and CHECK of one attachment. No EC2 or metadata call on any of them.
//! Those about the whole network are in [`crate::network`].

use std::hash::{BuildHasher as _, RandomState};
use std::net::Ipv4Addr;

use datapath::{Mac, POD_GATEWAY, TABLE_MAIN, WireError, host_veth_name, host_veth_name_of};
use flatnet_cni::{
    AddResult, CniError, Interface, IpConfig, Request, RouteConfig, code, render_chained,
};
use ipam::{Assignment, AttachmentKey, Refusal, Time, Wait};
use serde_json::Value;

use crate::checkpoint::{CheckpointError, PodRecord};
use crate::cloud::Cloud;
use crate::node::{Node, lock};
use crate::wiring::{PodWire, Wiring, WiringError};

/// What becomes of an attachment's address when it cannot be wired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AddressAfterFailure {
    /// The attachment has never been there: nothing of it is left.
    Freed,
    /// It was there before: the runtime's DEL frees it.
    Kept,
}

/// Why an ADD stopped between having an address and the reply.
enum AddError {
    Checkpoint(CheckpointError),
    Wiring(WiringError),
}

impl<C: Cloud, W: Wiring> Node<C, W> {
    /// Serves a CNI call.
    ///
    /// # Errors
    /// As the CNI specification has them, for the runtime.
    pub async fn cni(&self, request: &Request) -> Result<Value, CniError> {
        match request.command.as_str() {
            "ADD" => self.add(request).await,
            "DEL" => self.del(request).await.map(|()| Value::Null),
            "CHECK" => self.check(request).await.map(|()| Value::Null),
            "STATUS" => self.network_status().map(|()| Value::Null),
            "GC" => self.collect(request).await.map(|()| Value::Null),
            other => Err(CniError::new(
                code::INVALID_ENVIRONMENT,
                format!("CNI_COMMAND={other} is not served by this agent"),
            )
            .with_details("It serves ADD, DEL, CHECK, STATUS and GC.")),
        }
    }

    /// Gives an attachment an address and wires it. The same attachment again gets the same
    /// answer.
    ///
    /// # Errors
    /// [`code::TRY_AGAIN_LATER`] with the reason when there is no address.
    pub async fn add(&self, request: &Request) -> Result<Value, CniError> {
        // Before anything is done: whether the answer can be given at all.
        render_chained(&request.config, &AddResult::default())?;
        let started = self.now();
        let key = key(request);
        let _turn = self.locks.lock(&key).await;
        let known = lock(&self.checkpoint).pods().get(&key).cloned();
        let held = self.books().pool.assignment(&key).map(|held| held.address);
        // A record whose address the pool has taken back is stale: the address may be another's.
        if let Some(record) = known.filter(|record| held == Some(record.address)) {
            return self.add_again(request, record).await;
        }
        let assignment = self.wait_for_address(&key).await?;
        let record = self.record(request, &assignment);
        if let Err(error) = self.wire(record.clone(), AddressAfterFailure::Freed).await {
            // What stays recorded stays taken: its DEL frees it.
            if !lock(&self.checkpoint).pods().contains_key(&key) {
                self.books().pool.cancel(&key);
                self.poke();
            }
            return Err(self.add_failed(&record, error));
        }
        let took = self.now().since(started);
        let (address, eni) = (record.address, &record.eni);
        tracing::info!(pod = record.name(), %address, %eni, ?took, "ADD");
        render_chained(&request.config, &result(&record, &request.netns))
    }

    /// Frees an attachment's address and removes its wiring. Fine if there is nothing to free. An
    /// ADD of the attachment that waits for an address stops waiting.
    ///
    /// # Errors
    /// [`code::TRY_AGAIN_LATER`] when the kernel refuses or the end cannot be recorded; the
    /// address is not given to anybody else before both have been done.
    pub async fn del(&self, request: &Request) -> Result<(), CniError> {
        let key = key(request);
        let _ending = self.locks.announce_end(&key);
        self.changed.send_replace(());
        let _turn = self.locks.lock(&key).await;
        if self.free(&key).await? { Ok(()) } else { self.del_stranger(request).await }
    }

    /// Ends an attachment, whose lock the caller holds. Answers whether the checkpoint knew it.
    pub(crate) async fn free(&self, key: &AttachmentKey) -> Result<bool, CniError> {
        let known = lock(&self.checkpoint).pods().get(key).cloned();
        let Some(record) = known else { return Ok(false) };
        let now = self.now();
        let held = self.books().pool.assignment(key).map(|held| held.address);
        // Nothing in the kernel belongs to a stale record.
        let host = (held == Some(record.address)).then(|| record.host());
        let freed = key.clone();
        let removed = self
            .blocking(move |wiring, checkpoint| {
                let rest_since = host.as_ref().map(|_| now);
                if let Some(host) = host {
                    wiring.del_pod(&host)?;
                }
                Ok(lock(checkpoint).release(&freed, rest_since))
            })
            .await;
        match removed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.not_recorded(&error)),
            Err(error) => return Err(not_removed(&error)),
        }
        self.books().pool.release(key, now);
        self.poke();
        tracing::info!(pod = record.name(), address = %record.address, "freed");
        Ok(true)
    }

    /// Verifies that an attachment is as ADD made it, and changes nothing.
    ///
    /// # Errors
    /// What is missing or different.
    pub async fn check(&self, request: &Request) -> Result<(), CniError> {
        let key = key(request);
        let _turn = self.locks.lock(&key).await;
        let known = lock(&self.checkpoint).pods().get(&key).cloned();
        let Some(record) = known.filter(|_| self.books().pool.assignment(&key).is_some()) else {
            let message = format!("the agent knows no attachment {key}");
            return Err(CniError::new(code::UNKNOWN_CONTAINER, message)
                .with_details("Its sandbox has to be made anew."));
        };
        let expected = previous_addresses(&request.config);
        if !expected.contains(&record.address) {
            let message = format!(
                "the attachment has {}, which prevResult does not have ({expected:?})",
                record.address
            );
            return Err(CniError::new(code::INVALID_CONFIG, message));
        }
        let wire = wire_of(&record, &request.netns);
        self.blocking(move |wiring, _| wiring.check_pod(&wire))
            .await
            .map_err(|error| wiring_error(&error))
    }

    /// An ADD that was answered before, or whose answer got lost.
    async fn add_again(&self, request: &Request, record: PodRecord) -> Result<Value, CniError> {
        let wire = wire_of(&record, &request.netns);
        let intact = self.blocking(move |wiring, _| wiring.check_pod(&wire)).await.is_ok();
        if !intact {
            let record = PodRecord { netns: request.netns.clone(), ..record.clone() };
            let host = record.host();
            let removed = self.blocking(move |wiring, _| wiring.del_pod(&host)).await;
            removed.map_err(|error| not_removed(&error))?;
            // The attachment keeps its address: the runtime's DEL frees it.
            self.wire(record.clone(), AddressAfterFailure::Kept)
                .await
                .map_err(|error| self.add_failed(&record, error))?;
        }
        tracing::info!(pod = record.name(), address = %record.address, intact, "ADD again");
        render_chained(&request.config, &result(&record, &request.netns))
    }

    /// Makes an assignment durable, then wires the pod.
    async fn wire(&self, record: PodRecord, after: AddressAfterFailure) -> Result<(), AddError> {
        let undo = after == AddressAfterFailure::Freed;
        self.blocking(move |wiring, checkpoint| {
            lock(checkpoint).assign(record.clone()).map_err(AddError::Checkpoint)?;
            wiring.add_pod(&wire_of(&record, &record.netns)).map_err(|error| {
                if undo && let Err(error) = lock(checkpoint).release(&record.key(), None) {
                    tracing::error!(error = crate::chain(&error), "a failed ADD stays recorded");
                }
                AddError::Wiring(error)
            })
        })
        .await
    }

    /// Waits for an address for as long as that may help, within the configured time.
    async fn wait_for_address(&self, key: &AttachmentKey) -> Result<Assignment, CniError> {
        let deadline = self.now().after(self.config.add_wait);
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let now = self.now();
            let answer = self.books().pool.assign(key, now);
            // Either way the pool may have to grow.
            self.work.notify_one();
            let refusal = match answer {
                Ok(assignment) => return Ok(assignment),
                Err(refusal) => refusal,
            };
            let until = match refusal.wait() {
                Wait::ForEvent => deadline,
                Wait::Until(time) if time <= deadline => time,
                Wait::Until(_) | Wait::Hopeless => Time(0),
            };
            if self.locks.is_ending(key) {
                self.books().pool.forget(key);
                let what = "the attachment was deleted while it waited for an address";
                return Err(CniError::new(code::TRY_AGAIN_LATER, what).with_details("Deleted"));
            }
            if until <= now {
                self.books().pool.forget(key);
                return Err(self.refused(key, &refusal));
            }
            let waited = changed.changed();
            // Both ways out of the wait lead to another look.
            let _ = tokio::time::timeout_at(self.clock.instant(until), waited).await;
        }
    }

    fn refused(&self, key: &AttachmentKey, refusal: &Refusal) -> CniError {
        tracing::warn!(%key, refusal = refusal.name(), "ADD refused: {refusal}");
        let message = format!("{refusal}. {}", refusal.help(self.now()));
        CniError::new(code::TRY_AGAIN_LATER, message).with_details(refusal.name())
    }

    /// Frees what a pod has that the kernel knows and the checkpoint does not.
    async fn del_stranger(&self, request: &Request) -> Result<(), CniError> {
        for address in previous_addresses(&request.config) {
            let stranger = self.books().strangers.get(&address).cloned();
            let Some(host) = stranger else { continue };
            self.blocking(move |wiring, _| wiring.del_pod(&host))
                .await
                .map_err(|error| not_removed(&error))?;
            let now = self.now();
            let mut books = self.books();
            books.strangers.remove(&address);
            books.pool.unhold(address, now);
            drop(books);
            self.poke();
            tracing::info!(%address, "DEL of a pod the checkpoint did not know");
        }
        Ok(())
    }

    fn record(&self, request: &Request, assignment: &Assignment) -> PodRecord {
        let key = key(request);
        let (namespace, pod) = (request.arg("K8S_POD_NAMESPACE"), request.arg("K8S_POD_NAME"));
        let prefix = &self.config.veth_prefix;
        let veth = match (namespace, pod, key.ifname.as_str()) {
            (Some(namespace), Some(pod), "eth0") => host_veth_name(prefix, namespace, pod),
            // A further interface, or no Kubernetes pod.
            _ => host_veth_name_of(prefix, &key.to_string()),
        };
        let table = self.books().enis.get(&assignment.eni).map(|eni| eni.spec.table());
        let random = RandomState::new();
        PodRecord {
            network: key.network.clone(),
            container_id: key.container_id.clone(),
            ifname: key.ifname.clone(),
            address: assignment.address,
            eni: assignment.eni.to_string(),
            device_index: assignment.device_index,
            table: table.unwrap_or(TABLE_MAIN),
            veth,
            host_mac: mac(random.hash_one((&key, "host"))),
            pod_mac: mac(random.hash_one((&key, "pod"))),
            mtu: self.config.pod_mtu,
            netns: request.netns.clone(),
            namespace: namespace.map(ToOwned::to_owned),
            pod: pod.map(ToOwned::to_owned),
        }
    }

    fn add_failed(&self, record: &PodRecord, error: AddError) -> CniError {
        let error = match error {
            AddError::Wiring(error) => wiring_error(&error),
            AddError::Checkpoint(error) => CniError::new(code::IO_FAILURE, crate::chain(&error))
                .with_details(format!(
                    "An address is given only when that can be recorded. {}",
                    self.make_room()
                )),
        };
        tracing::warn!(pod = record.name(), address = %record.address, "ADD failed: {}", error.msg);
        error
    }

    /// The end of an attachment that a restart would forget: its address stays taken.
    fn not_recorded(&self, error: &CheckpointError) -> CniError {
        let error = crate::chain(error);
        tracing::error!(error, "DEL failed");
        CniError::new(code::TRY_AGAIN_LATER, format!("cannot record that the pod is gone: {error}"))
            .with_details(format!(
                "Its address stays taken until a later DEL succeeds. {}",
                self.make_room()
            ))
    }

    fn make_room(&self) -> String {
        format!("Make room in {}.", self.config.state_dir.display())
    }
}

fn key(request: &Request) -> AttachmentKey {
    AttachmentKey {
        network: request.network().to_owned(),
        container_id: request.container_id.clone(),
        ifname: request.ifname.clone(),
    }
}

fn wire_of(record: &PodRecord, netns: &str) -> PodWire {
    PodWire {
        netns: netns.into(),
        ifname: record.ifname.clone(),
        mac: record.pod_mac,
        host: record.host(),
    }
}

fn mac(random: u64) -> Mac {
    let [a, b, c, d, e, f, ..] = random.to_be_bytes();
    Mac::locally_administered([a, b, c, d, e, f])
}

fn result(record: &PodRecord, netns: &str) -> AddResult {
    let interface = |name: &str, mac: Mac, sandbox: Option<&str>| Interface {
        name: name.to_owned(),
        mac: mac.to_string(),
        mtu: record.mtu,
        sandbox: sandbox.map(ToOwned::to_owned),
    };
    AddResult {
        interfaces: vec![
            interface(&record.veth, record.host_mac, None),
            interface(&record.ifname, record.pod_mac, Some(netns)),
        ],
        ips: vec![IpConfig {
            address: record.address,
            prefix_len: 32,
            gateway: Some(POD_GATEWAY),
            interface: Some(1),
        }],
        routes: vec![RouteConfig { dst: (Ipv4Addr::UNSPECIFIED, 0), gw: Some(POD_GATEWAY) }],
    }
}

/// The addresses of a configuration's `prevResult`.
fn previous_addresses(config: &Value) -> Vec<Ipv4Addr> {
    let ips = config["prevResult"]["ips"].as_array();
    ips.into_iter()
        .flatten()
        .filter_map(|ip| ip["address"].as_str()?.split('/').next()?.parse().ok())
        .collect()
}

fn not_removed(error: &WiringError) -> CniError {
    tracing::warn!(error = error.chain(), "DEL failed");
    CniError::new(code::TRY_AGAIN_LATER, format!("cannot remove the pod: {}", error.chain()))
        .with_details("Its address stays with it until a later DEL succeeds.")
}

fn wiring_error(error: &WiringError) -> CniError {
    let number = match error {
        WiringError::Netns { .. }
        | WiringError::Wire(WireError::HostNamespace | WireError::PodNamespace { .. }) => {
            code::INVALID_ENVIRONMENT
        }
        WiringError::Wire(WireError::InterfaceExists { .. }) => code::INVALID_ENVIRONMENT,
        WiringError::Wire(WireError::Drifted { .. }) => DRIFTED,
        WiringError::Netlink(_) | WiringError::Wire(_) => code::IO_FAILURE,
    };
    CniError::new(number, error.chain())
}

/// Error code of our own: CHECK found something missing or different.
pub(crate) const DRIFTED: u32 = 100;
