//! Taking stock at start: EC2, the checkpoint and the kernel each know a part, and a living pod
//! keeps its address whatever the others say.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use datapath::PodHost;
use ipam::{AttachmentKey, Eni, LimitSource, Limits, Pool, Settings, SubnetId};
use tokio::sync::{Notify, watch};

use crate::books::{Books, NodeEni};
use crate::checkpoint::{Checkpoint, CheckpointError, PodRecord};
use crate::clock::Clock;
use crate::cloud::{Cloud, CloudError, EniInfo, Identity, TAG_INSTANCE, TAG_NO_MANAGE, TypeLimits};
use crate::config::Config;
use crate::keyed::KeyedLocks;
use crate::node::{Node, lock};
use crate::wiring::{Wiring, WiringError};

/// Pauses between attempts to set up an ENI that is attached already.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How often the kernel is tried: pods come and go meanwhile, and something else may change what
/// is being compared.
const WIRING_ATTEMPTS: u32 = 10;

/// Why the agent could not take stock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// EC2 did not answer, or refused.
    #[error("cannot ask EC2 about this node")]
    Cloud(#[from] CloudError),
    /// The checkpoint cannot be read or written.
    #[error("cannot use the checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// The kernel cannot be asked or changed.
    #[error("cannot bring the node's network into shape")]
    Wiring(#[source] WiringError),
    /// EC2 lists no primary ENI.
    #[error("EC2 lists no ENI with device index 0 on {instance}")]
    NoPrimary {
        /// The instance.
        instance: String,
    },
}

impl StartError {
    /// Whether another attempt may help, after so many.
    #[must_use]
    pub fn passes(&self, attempts: u32) -> bool {
        match self {
            Self::Cloud(_) => true,
            Self::Wiring(_) => attempts < WIRING_ATTEMPTS,
            Self::Checkpoint(_) | Self::NoPrimary { .. } => false,
        }
    }
}

impl<C: Cloud, W: Wiring> Node<C, W> {
    /// Takes stock. What EC2 says about ENIs and addresses holds, not the metadata service, whose
    /// view may be minutes old.
    ///
    /// # Errors
    /// When EC2, the checkpoint or the kernel cannot be used; trying again later may help.
    pub async fn start(
        config: Config,
        identity: Identity,
        cloud: C,
        wiring: Arc<W>,
    ) -> Result<Arc<Self>, StartError> {
        let clock = Clock::start();
        let facts = Facts::ask(&cloud, &identity).await?;
        let cooldown = u64::try_from(config.cooldown.as_millis()).unwrap_or(u64::MAX);
        let forget_before = ipam::Time(clock.now().0.saturating_sub(cooldown));
        let checkpoint = Checkpoint::open(&config.state_dir, forget_before)?;
        for note in &checkpoint.notes {
            tracing::warn!(note, "the checkpoint is damaged");
        }
        let books = facts.books(&config, &identity, clock);
        let node = Arc::new(Self {
            config,
            identity,
            clock,
            cloud,
            wiring,
            books: Mutex::new(books),
            checkpoint: Arc::new(Mutex::new(checkpoint)),
            locks: KeyedLocks::default(),
            work: Notify::new(),
            doubt: Notify::new(),
            orphans: Notify::new(),
            changed: watch::Sender::new(()),
        });
        node.restore_pods();
        node.restore_kernel().await?;
        node.adopt(&facts.enis).await?;
        // Nothing waits for these.
        let background = Arc::clone(&node);
        tokio::spawn(async move { background.tidy(facts.enis).await });
        let stats = node.books().pool.stats(node.now());
        tracing::info!(
            instance = node.identity.instance_id,
            instance_type = node.identity.instance_type,
            enis = stats.enis,
            addresses = stats.total,
            pods = lock(&node.checkpoint).pods().len(),
            "took stock"
        );
        Ok(node)
    }

    /// Gives the pool the attachments of the checkpoint, and what is left of cool-downs.
    fn restore_pods(&self) {
        let now = self.now();
        let checkpoint = lock(&self.checkpoint);
        let mut books = self.books();
        for (key, record) in checkpoint.pods() {
            // The checkpoint holds an address once.
            if let Err(error) = books.pool.restore(key.clone(), record.assignment()) {
                tracing::error!(%key, %error, "not restored");
            }
        }
        for (address, released_at) in checkpoint.released() {
            books.pool.restore_cooldown(address, released_at, now);
        }
        for (key, pod) in books.pool.unconfirmed() {
            let address = pod.address;
            tracing::warn!(%key, %address, "EC2 lists this address on no ENI of the node; its pod keeps it");
        }
    }

    /// Brings the kernel into shape: pods whose sandbox has ended give their address back, and
    /// pods that only the kernel knows are left alone, with their addresses.
    async fn restore_kernel(&self) -> Result<(), StartError> {
        let wired = self.blocking(|wiring, _| wiring.wired()).await.map_err(StartError::Wiring)?;
        let records: BTreeMap<AttachmentKey, PodRecord> = lock(&self.checkpoint).pods().clone();
        let known: BTreeSet<_> = records.values().map(|record| record.address).collect();
        let strangers: Vec<PodHost> =
            wired.into_iter().filter(|pod| !known.contains(&pod.address)).collect();
        let specs: Vec<_> = self.books().enis.values().map(|eni| eni.spec).collect();
        let pods: Vec<PodHost> =
            records.values().map(PodRecord::host).chain(strangers.iter().cloned()).collect();
        let gone = self
            .blocking(move |wiring, _| wiring.restore(&specs, &pods))
            .await
            .map_err(StartError::Wiring)?;
        let gone: BTreeSet<_> = gone.iter().map(|pod| pod.address).collect();
        let now = self.now();
        for (key, record) in records {
            if gone.contains(&record.address) {
                let address = record.address;
                tracing::info!(pod = record.name(), %address, "its sandbox has ended: freed");
                lock(&self.checkpoint).release(&key, Some(now))?;
                self.books().pool.release(&key, now);
            }
        }
        let mut books = self.books();
        for pod in strangers.into_iter().filter(|pod| !gone.contains(&pod.address)) {
            let (address, veth) = (pod.address, &pod.veth);
            tracing::warn!(%address, veth, "a pod that the checkpoint does not know keeps its address");
            books.pool.hold(address);
            books.strangers.insert(address, pod);
        }
        Ok(())
    }

    /// Brings the node's ENIs into shape. One whose link is not there, since an earlier run did not
    /// see its attachment through, carries no pods until the link comes; nobody waits for that.
    async fn adopt(self: &Arc<Self>, enis: &[EniInfo]) -> Result<(), StartError> {
        for info in enis {
            let Some(eni) = self.books().enis.get(&info.id).cloned() else { continue };
            let mac = eni.spec.mac;
            let there = self.blocking(move |wiring, _| wiring.has_link(mac)).await;
            if there.map_err(StartError::Wiring)? {
                self.blocking(move |wiring, _| wiring.setup_eni(&eni.spec))
                    .await
                    .map_err(StartError::Wiring)?;
                continue;
            }
            let index = eni.spec.device_index;
            let carries = pool_eni(info, index, self.now());
            self.books().pool.add_eni(Eni { managed: false, ..carries.clone() });
            tokio::spawn(adopt_late(Arc::downgrade(self), info.clone(), eni.attachment, carries));
        }
        Ok(())
    }

    /// Finishes or undoes what an earlier run began: ENIs never attached, still detaching, or not
    /// marked to go with the instance.
    async fn tidy(&self, enis: Vec<EniInfo>) {
        if let Err(error) = self.reap_orphans().await {
            tracing::warn!(%error, "cannot look for ENIs left behind: looking again later");
            self.expect_orphans();
        }
        for eni in enis {
            let own = eni.tags.get(TAG_INSTANCE) == Some(&self.identity.instance_id);
            let Some(attachment) = eni.attachment.as_ref().filter(|_| own) else { continue };
            if attachment.detaching {
                self.wait_detached(&eni.id).await;
                self.reap(&eni.id).await;
            } else if !attachment.delete_on_termination
                && let Err(error) = self.cloud.delete_on_termination(&eni.id, &attachment.id).await
            {
                tracing::warn!(eni = %eni.id, %error, "the ENI will not go with its instance");
            }
        }
    }
}

/// Has an ENI carry pods once its link has come, for as long as the node is there.
async fn adopt_late<C: Cloud, W: Wiring>(
    node: Weak<Node<C, W>>,
    info: EniInfo,
    attachment: String,
    carries: Eni,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(node) = node.upgrade().filter(|node| node.books().pool.has_eni(&info.id)) else {
            return;
        };
        match node.set_up(&info, attachment.clone(), carries.device_index).await {
            Ok(()) => {
                node.books().pool.add_eni(carries);
                return node.poke();
            }
            Err(failure) => {
                tracing::error!(eni = %info.id, %failure, ?pause, "the ENI cannot carry pods yet");
            }
        }
        drop(node);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What EC2 says about the node.
struct Facts {
    limits: TypeLimits,
    /// ENIs on the default network card.
    enis: Vec<EniInfo>,
    primary: EniInfo,
    subnets: BTreeMap<SubnetId, ipnet::Ipv4Net>,
}

impl Facts {
    async fn ask<C: Cloud>(cloud: &C, identity: &Identity) -> Result<Self, StartError> {
        let (limits, enis) = tokio::try_join!(
            cloud.type_limits(&identity.instance_type),
            cloud.enis_of_instance(&identity.instance_id)
        )?;
        let card = |eni: &EniInfo| eni.attachment.as_ref().is_some_and(|to| to.network_card == 0);
        let enis: Vec<_> = enis.into_iter().filter(card).collect();
        let primary = enis.iter().find(|eni| device_index(eni) == Some(0)).cloned();
        let instance = identity.instance_id.clone();
        let primary = primary.ok_or(StartError::NoPrimary { instance })?;
        let ids: BTreeSet<_> = enis.iter().map(|eni| eni.subnet.clone()).collect();
        let subnets = cloud.subnets(&ids.into_iter().collect::<Vec<_>>()).await?;
        let subnets = subnets.into_iter().map(|subnet| (subnet.id, subnet.cidr)).collect();
        Ok(Self { limits, enis, primary, subnets })
    }

    /// The pool with the ENIs of the node, and no pods yet.
    fn books(&self, config: &Config, identity: &Identity, clock: Clock) -> Books {
        let settings = Settings {
            warm_eni_target: config.warm_eni_target,
            cooldown: config.cooldown,
            eni_min_age: config.eni_min_age,
            jitter_seed: seed(&identity.instance_id),
        };
        let limits = limits(self.limits, config.max_eni);
        let mut books = Books {
            pool: Pool::new(settings, limits, self.primary.subnet.clone()),
            enis: BTreeMap::new(),
            strangers: BTreeMap::new(),
            creating: Vec::new(),
            orphan_scans: BTreeSet::new(),
            subnets: self.subnets.clone(),
            groups: self.primary.groups.clone(),
        };
        for info in &self.enis {
            let Some(attachment) = info.attachment.as_ref().filter(|to| !to.detaching) else {
                continue;
            };
            let index = attachment.device_index;
            let eni = pool_eni(info, index, clock.now());
            if eni.managed
                && let Some(spec) = books.spec(info, index, config.eni_mtu)
            {
                let eni = NodeEni { attachment: attachment.id.clone(), spec };
                books.enis.insert(info.id.clone(), eni);
            }
            books.pool.add_eni(eni);
        }
        books
    }
}

/// An ENI for the pool. Not the pool's: what an operator has tagged so, and ENIs of special types.
fn pool_eni(info: &EniInfo, device_index: u32, now: ipam::Time) -> Eni {
    let kept = info.tags.get(TAG_NO_MANAGE).is_some_and(|value| value == "true");
    Eni {
        id: info.id.clone(),
        device_index,
        subnet: info.subnet.clone(),
        primary: info.primary,
        secondaries: info.secondaries.clone(),
        attached_at: now,
        managed: device_index == 0 || (!kept && info.interface_type == "interface"),
    }
}

fn device_index(eni: &EniInfo) -> Option<u32> {
    eni.attachment.as_ref().map(|to| to.device_index)
}

fn limits(of_type: TypeLimits, max_eni: Option<u32>) -> Limits {
    let TypeLimits { enis, addresses_per_eni } = of_type;
    match max_eni {
        Some(most) if most < enis => {
            Limits { enis: most, source: LimitSource::MaxEni, addresses_per_eni }
        }
        _ => Limits { enis, source: LimitSource::InstanceType, addresses_per_eni },
    }
}

/// Of the instance, so that nodes started together do not retry together.
fn seed(instance: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    instance.hash(&mut hasher);
    hasher.finish()
}
