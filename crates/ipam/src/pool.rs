//! The pool: its state, and what attachments ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::action::{ActionId, Task};
use crate::backoff::Backoff;
use crate::model::{Assignment, AttachmentKey, Eni, EniId, Limits, Settings, SubnetId, Time};
use crate::refusal::{Refusal, Wait};
use crate::subnet::SubnetState;

/// The addresses of one node.
#[derive(Clone, Debug)]
pub struct Pool {
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    /// Where new ENIs are created: the primary ENI's subnet.
    pub(crate) node_subnet: SubnetId,
    pub(crate) enis: BTreeMap<EniId, EniState>,
    pub(crate) pods: BTreeMap<AttachmentKey, Assignment>,
    pub(crate) waiting: BTreeSet<AttachmentKey>,
    pub(crate) in_flight: BTreeMap<ActionId, Task>,
    pub(crate) next_action: u64,
    pub(crate) subnets: BTreeMap<SubnetId, SubnetState>,
    /// Throttles and failures that concern every call.
    pub(crate) node_backoff: Backoff,
    pub(crate) node_failure: Option<NodeFailure>,
    /// `AttachmentLimitExceeded`: no new ENI until this has passed.
    pub(crate) eni_backoff: Backoff,
    /// Device indices of ENIs the pool was not told of.
    pub(crate) foreign_indices: BTreeSet<u32>,
}

/// Why the node as a whole backs off.
#[derive(Clone, Debug)]
pub(crate) enum NodeFailure {
    Throttled,
    Other(String),
}

/// An ENI and what its addresses are used for.
#[derive(Clone, Debug)]
pub(crate) struct EniState {
    pub(crate) device_index: u32,
    pub(crate) subnet: SubnetId,
    pub(crate) primary: Ipv4Addr,
    pub(crate) attached_at: Time,
    /// When it last got addresses; EC2's listings may lag behind that.
    pub(crate) changed_at: Time,
    pub(crate) managed: bool,
    pub(crate) addresses: BTreeMap<Ipv4Addr, Slot>,
    pub(crate) releasing: bool,
    /// When it may be tried again to free it, after a failure.
    pub(crate) keep_until: Time,
    /// EC2 refused a further address although the limits allow it.
    pub(crate) full: bool,
}

/// What one secondary address is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Free,
    Assigned,
    Cooling(Time),
    /// Something outside the pool's books uses it.
    Held,
}

impl EniState {
    pub(crate) fn free(&self, now: Time) -> u32 {
        self.count(|slot| slot.is_free(now))
    }

    pub(crate) fn used(&self) -> u32 {
        self.count(|slot| matches!(slot, Slot::Assigned | Slot::Held))
    }

    pub(crate) fn cooling(&self, now: Time) -> u32 {
        self.count(|slot| matches!(slot, Slot::Cooling(until) if until > now))
    }

    fn count(&self, wanted: impl Fn(Slot) -> bool) -> u32 {
        count(self.addresses.values().filter(|slot| wanted(**slot)))
    }
}

impl Slot {
    fn is_free(self, now: Time) -> bool {
        match self {
            Self::Free => true,
            Self::Cooling(until) => until <= now,
            Self::Assigned | Self::Held => false,
        }
    }
}

/// Why an attachment could not be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// Two attachments claim one address.
    #[error("{address} is already held by attachment {by}")]
    Held {
        /// The address.
        address: Ipv4Addr,
        /// Who has it.
        by: AttachmentKey,
    },
}

/// The pool in numbers. `free`, `cooling` and `used` leave out ENIs being freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// ENIs attached, managed or not.
    pub enis: u32,
    /// Secondary addresses of managed ENIs.
    pub total: u32,
    /// Addresses that can be given now.
    pub free: u32,
    /// Addresses in cool-down.
    pub cooling: u32,
    /// Addresses in use.
    pub used: u32,
    /// Attachments waiting for an address.
    pub waiting: u32,
    /// Addresses asked of EC2.
    pub expected: u32,
    /// Addresses to keep free.
    pub target: u32,
}

/// One ENI in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EniView {
    /// Its id.
    pub id: EniId,
    /// Its device index.
    pub device_index: u32,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its primary address.
    pub primary: Ipv4Addr,
    /// Whether its addresses are the pool's.
    pub managed: bool,
    /// Whether it is being detached.
    pub releasing: bool,
    /// Addresses in use.
    pub used: u32,
    /// Addresses that can be given now.
    pub free: u32,
    /// Addresses in cool-down.
    pub cooling: u32,
    /// Secondary addresses it could have.
    pub capacity: u32,
}

impl Pool {
    /// A node without ENIs yet, whose new ENIs are created in `node_subnet`.
    #[must_use]
    pub fn new(settings: Settings, limits: Limits, node_subnet: SubnetId) -> Self {
        let seed = settings.jitter_seed;
        let (first, most) = (Duration::from_secs(1), Duration::from_secs(30));
        Self {
            limits,
            node_subnet,
            enis: BTreeMap::new(),
            pods: BTreeMap::new(),
            waiting: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            next_action: 0,
            subnets: BTreeMap::new(),
            node_backoff: Backoff::new(first, most, seed),
            node_failure: None,
            eni_backoff: Backoff::new(most, Duration::from_secs(300), seed),
            foreign_indices: BTreeSet::new(),
            settings,
        }
    }

    /// Adds an attached ENI. Addresses that a restored attachment holds stay with it. What the
    /// addresses of an ENI are used for that is known already is kept.
    pub fn add_eni(&mut self, eni: Eni) {
        let known = self.enis.remove(&eni.id).map(|eni| eni.addresses);
        let state = EniState {
            device_index: eni.device_index,
            subnet: eni.subnet,
            primary: eni.primary,
            attached_at: eni.attached_at,
            changed_at: eni.attached_at,
            managed: eni.managed,
            addresses: known.unwrap_or_default(),
            releasing: false,
            keep_until: Time(0),
            full: false,
        };
        self.foreign_indices.remove(&eni.device_index);
        self.enis.insert(eni.id.clone(), state);
        if eni.managed {
            self.add_addresses(&eni.id, &eni.secondaries);
        }
    }

    /// Adds addresses to an ENI, keeping those in use by attachments restored or living.
    pub(crate) fn add_addresses(&mut self, id: &EniId, addresses: &[Ipv4Addr]) {
        for address in addresses {
            let holder = self.pods.values_mut().find(|pod| pod.address == *address);
            let Some(eni) = self.enis.get_mut(id) else { return };
            let slot = eni.addresses.entry(*address).or_insert(Slot::Free);
            if let Some(pod) = holder {
                *slot = Slot::Assigned;
                pod.eni = id.clone();
                pod.device_index = eni.device_index;
            }
        }
    }

    /// Puts back an attachment that had its address before a restart. It keeps the address even if
    /// EC2 does not list it any more (see [`Pool::unconfirmed`]).
    ///
    /// # Errors
    /// [`RestoreError::Held`] if another attachment has the address.
    pub fn restore(&mut self, key: AttachmentKey, pod: Assignment) -> Result<(), RestoreError> {
        let holder = self.pods.iter().find(|(by, held)| held.address == pod.address && **by != key);
        if let Some((by, _)) = holder {
            return Err(RestoreError::Held { address: pod.address, by: by.clone() });
        }
        let address = pod.address;
        self.cancel(&key);
        self.pods.insert(key, pod);
        if let Some(id) = self.eni_of(address).cloned() {
            self.add_addresses(&id, &[address]);
        }
        Ok(())
    }

    /// Puts back what is left of a cool-down that began before a restart.
    pub fn restore_cooldown(&mut self, address: Ipv4Addr, released_at: Time, now: Time) {
        let until = released_at.min(now).after(self.settings.cooldown);
        if let Some(slot) = self.slot_mut(address)
            && *slot == Slot::Free
            && until > now
        {
            *slot = Slot::Cooling(until);
        }
    }

    /// Keeps a free address from being given: something outside the pool's books uses it.
    /// Answers whether it was free.
    pub fn hold(&mut self, address: Ipv4Addr) -> bool {
        match self.slot_mut(address) {
            Some(slot @ (Slot::Free | Slot::Cooling(_))) => {
                *slot = Slot::Held;
                true
            }
            _ => false,
        }
    }

    /// Ends [`Pool::hold`]; the address cools down. Answers whether it was held.
    pub fn unhold(&mut self, address: Ipv4Addr, now: Time) -> bool {
        let until = now.after(self.settings.cooldown);
        match self.slot_mut(address) {
            Some(slot @ Slot::Held) => {
                *slot = Slot::Cooling(until);
                true
            }
            _ => false,
        }
    }

    /// Gives `key` an address: the one it has, else the lowest usable one of the fullest ENI.
    ///
    /// # Errors
    /// A [`Refusal`]. If waiting can help, the attachment counts as waiting, and so as demand for
    /// [`Pool::plan`], until it is assigned an address or [`Pool::forget`] is called.
    pub fn assign(&mut self, key: &AttachmentKey, now: Time) -> Result<Assignment, Refusal> {
        if let Some(pod) = self.pods.get(key) {
            return Ok(pod.clone());
        }
        if let Some(pod) = self.pick(now) {
            if let Some(slot) = self.slot_mut(pod.address) {
                *slot = Slot::Assigned;
            }
            self.waiting.remove(key);
            self.pods.insert(key.clone(), pod.clone());
            return Ok(pod);
        }
        self.waiting.insert(key.clone());
        let refusal = self.refusal(now);
        if refusal.wait() == Wait::Hopeless {
            self.waiting.remove(key);
        }
        Err(refusal)
    }

    /// Whether an attachment would get an address now, asked without being one.
    ///
    /// # Errors
    /// The [`Refusal`] it would get.
    pub fn can_assign(&self, now: Time) -> Result<(), Refusal> {
        if self.pick(now).is_some() { Ok(()) } else { Err(self.refusal(now)) }
    }

    /// `key` has given up waiting.
    pub fn forget(&mut self, key: &AttachmentKey) {
        self.waiting.remove(key);
    }

    /// Takes back the address of `key`, which then cools down. `None` if it has none.
    pub fn release(&mut self, key: &AttachmentKey, now: Time) -> Option<Assignment> {
        let until = now.after(self.settings.cooldown);
        let slot = if until > now { Slot::Cooling(until) } else { Slot::Free };
        self.take_back(key, slot)
    }

    /// Takes back an address that never carried traffic: it is free at once.
    pub fn cancel(&mut self, key: &AttachmentKey) -> Option<Assignment> {
        self.take_back(key, Slot::Free)
    }

    fn take_back(&mut self, key: &AttachmentKey, state: Slot) -> Option<Assignment> {
        self.waiting.remove(key);
        let pod = self.pods.remove(key)?;
        if let Some(slot) = self.slot_mut(pod.address) {
            *slot = state;
        }
        Some(pod)
    }

    /// The address of an attachment.
    #[must_use]
    pub fn assignment(&self, key: &AttachmentKey) -> Option<&Assignment> {
        self.pods.get(key)
    }

    /// All attachments with their addresses.
    pub fn assignments(&self) -> impl Iterator<Item = (&AttachmentKey, &Assignment)> {
        self.pods.iter()
    }

    /// Attachments whose address no ENI of the node holds according to EC2.
    pub fn unconfirmed(&self) -> impl Iterator<Item = (&AttachmentKey, &Assignment)> {
        self.pods.iter().filter(|(_, pod)| self.eni_of(pod.address).is_none())
    }

    /// Whether the ENI is the node's, as far as the pool knows.
    #[must_use]
    pub fn has_eni(&self, id: &EniId) -> bool {
        self.enis.contains_key(id)
    }

    /// The secondary addresses of an ENI.
    #[must_use]
    pub fn addresses(&self, id: &EniId) -> Vec<Ipv4Addr> {
        self.enis.get(id).map(|eni| eni.addresses.keys().copied().collect()).unwrap_or_default()
    }

    /// The limits the pool works with.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The pool in numbers.
    #[must_use]
    pub fn stats(&self, now: Time) -> Stats {
        let mut stats = Stats {
            enis: count(self.enis.values()),
            waiting: count(self.waiting.iter()),
            expected: self.expected(),
            target: self.target(),
            ..Stats::default()
        };
        for eni in self.enis.values().filter(|eni| eni.managed && !eni.releasing) {
            stats.total += count(eni.addresses.keys());
            stats.free += eni.free(now);
            stats.cooling += eni.cooling(now);
            stats.used += eni.used();
        }
        stats
    }

    /// The ENIs by device index.
    #[must_use]
    pub fn enis(&self, now: Time) -> Vec<EniView> {
        let view = |(id, eni): (&EniId, &EniState)| EniView {
            id: id.clone(),
            device_index: eni.device_index,
            subnet: eni.subnet.clone(),
            primary: eni.primary,
            managed: eni.managed,
            releasing: eni.releasing,
            used: eni.used(),
            free: eni.free(now),
            cooling: eni.cooling(now),
            capacity: if eni.managed { self.limits.secondaries_per_eni() } else { 0 },
        };
        let mut views: Vec<_> = self.enis.iter().map(view).collect();
        views.sort_by_key(|eni| eni.device_index);
        views
    }

    /// The lowest usable address of the ENI that has the most pods: the others drain.
    fn pick(&self, now: Time) -> Option<Assignment> {
        let candidates = self.enis.iter().filter(|(_, eni)| eni.managed && !eni.releasing);
        let (id, eni) = candidates
            .filter(|(_, eni)| eni.free(now) > 0)
            .max_by_key(|(_, eni)| (eni.used(), std::cmp::Reverse(eni.device_index)))?;
        let (address, _) = eni.addresses.iter().find(|(_, slot)| slot.is_free(now))?;
        Some(Assignment { address: *address, eni: id.clone(), device_index: eni.device_index })
    }

    fn eni_of(&self, address: Ipv4Addr) -> Option<&EniId> {
        self.enis.iter().find(|(_, eni)| eni.addresses.contains_key(&address)).map(|(id, _)| id)
    }

    fn slot_mut(&mut self, address: Ipv4Addr) -> Option<&mut Slot> {
        self.enis.values_mut().find_map(|eni| eni.addresses.get_mut(&address))
    }
}

/// `Iterator::count` in the pool's width; there are never more than some thousands of anything.
pub(crate) fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
