//! When to grow, when to shrink, and what to say when neither helps.

use std::collections::BTreeMap;

use crate::action::{Action, ActionId, Reason, Task};
use crate::model::{EniId, Limits, SubnetId, Time};
use crate::pool::{EniState, NodeFailure, Pool, Slot, count};
use crate::refusal::Refusal;
use crate::subnet::{Stock, SubnetState};

impl Pool {
    /// What to do now. The actions count as in flight until [`Pool::observe`] answers them, so
    /// that a second call asks for nothing twice.
    pub fn plan(&mut self, now: Time) -> Vec<Action> {
        let mut actions = Vec::new();
        for (task, reason) in self.growth(now) {
            match &task {
                Task::AssignAddresses { eni, count } => {
                    if let Some(subnet) = self.enis.get(eni).map(|eni| eni.subnet.clone()) {
                        self.subnet_mut(&subnet).take(*count);
                    }
                }
                Task::CreateEni { subnet, secondaries, .. } => {
                    let (subnet, addresses) = (subnet.clone(), secondaries + 1);
                    self.subnet_mut(&subnet).take(addresses);
                }
                Task::DescribeSubnet { subnet, uses_below } => {
                    let (subnet, uses) = (subnet.clone(), *uses_below > 0);
                    self.subnet_mut(&subnet).describing(uses);
                }
                Task::ReleaseEni { .. } => {}
            }
            actions.push(self.start(task, reason));
        }
        while let Some((eni, reason)) = self.surplus(now) {
            if let Some(state) = self.enis.get_mut(&eni) {
                state.releasing = true;
            }
            actions.push(self.start(Task::ReleaseEni { eni }, reason));
        }
        actions
    }

    /// When [`Pool::plan`] or [`Pool::assign`] can answer otherwise although nothing happened:
    /// a cool-down, a back-off or an ENI's minimum age ends.
    #[must_use]
    pub fn next_wake(&self, now: Time) -> Option<Time> {
        let cooling = self.enis.values().flat_map(|eni| eni.addresses.values()).filter_map(
            |slot| match slot {
                Slot::Cooling(until) => Some(*until),
                _ => None,
            },
        );
        let ages = self
            .enis
            .values()
            .filter(|eni| eni.device_index != 0 && eni.managed)
            .flat_map(|eni| [eni.attached_at.after(self.settings.eni_min_age), eni.keep_until]);
        let backoffs = self
            .subnets
            .values()
            .filter_map(|subnet| subnet.blocked_until(now))
            .chain(self.node_backoff.blocked_until(now))
            .chain(self.eni_backoff.blocked_until(now));
        cooling.chain(ages).chain(backoffs).filter(|time| *time > now).min()
    }

    /// Addresses to keep available: `WARM_ENI_TARGET × T`, and one where that is none, as
    /// `WARM_ENI_TARGET=0` means "no whole spare ENI", not "no spare address".
    pub(crate) fn target(&self) -> u32 {
        self.settings.warm_eni_target.saturating_mul(self.limits.secondaries_per_eni()).max(1)
    }

    /// Addresses asked of EC2 and not answered yet.
    pub(crate) fn expected(&self) -> u32 {
        self.in_flight
            .values()
            .map(|task| match task {
                Task::AssignAddresses { count, .. } => *count,
                Task::CreateEni { secondaries, .. } => *secondaries,
                Task::DescribeSubnet { .. } | Task::ReleaseEni { .. } => 0,
            })
            .sum()
    }

    /// Addresses the node would ask of a subnet if that had plenty.
    pub(crate) fn full_ask(&self, subnet: &SubnetId, now: Time) -> u32 {
        let tasks = self.growth_with(now, |_| Stock::Plenty);
        tasks
            .iter()
            .map(|(task, _)| match task {
                Task::AssignAddresses { eni, count }
                    if self.enis.get(eni).is_some_and(|eni| eni.subnet == *subnet) =>
                {
                    *count
                }
                Task::CreateEni { subnet: of, secondaries, .. } if of == subnet => secondaries + 1,
                _ => 0,
            })
            .sum()
    }

    /// Why no address can be given now.
    pub(crate) fn refusal(&self, now: Time) -> Refusal {
        let (stats, waiting) = (self.stats(now), count(self.waiting.iter()));
        let asking = self.in_flight.values().any(|task| !matches!(task, Task::ReleaseEni { .. }));
        if asking || !self.growth(now).is_empty() {
            return Refusal::AwaitingAddresses { waiting, expected: stats.expected };
        }
        let slot_left = self.free_index(&[]).is_some();
        let can_grow = self.room().next().is_some() || slot_left;
        let ready_at = self.first_cooled(now);
        if can_grow && let Some(until) = self.node_backoff.blocked_until(now) {
            return match &self.node_failure {
                Some(NodeFailure::Other(what)) => {
                    Refusal::Ec2Failed { what: what.clone(), until, ready_at }
                }
                _ => Refusal::Throttled { until: ready_at.map_or(until, |ready| ready.min(until)) },
            };
        }
        if let Some(refusal) = self.exhausted(now, ready_at) {
            return refusal;
        }
        if let Some(until) = ready_at {
            return Refusal::CoolingDown { addresses: stats.cooling, until };
        }
        let managed = count(self.enis.values().filter(|eni| eni.managed));
        if slot_left {
            // EC2 takes fewer ENIs than the limits say.
            let limits = Limits { enis: stats.enis, ..self.limits };
            return Refusal::EniLimit { enis: stats.enis, limits, pods: stats.used };
        }
        let full =
            |eni: &EniState| count(eni.addresses.keys()) >= self.limits.secondaries_per_eni();
        if managed < self.limits.enis || !self.enis.values().all(full) {
            return Refusal::AddressLimit { managed, enis: stats.enis, pods: stats.used };
        }
        Refusal::EniLimit { enis: stats.enis, limits: self.limits, pods: stats.used }
    }

    /// The refusal of the subnet that stands in the way of growth, the node's own one first.
    fn exhausted(&self, now: Time, ready_at: Option<Time>) -> Option<Refusal> {
        let own = self.free_index(&[]).map(|_| &self.node_subnet);
        let others = self.room().map(|(_, eni, _)| &eni.subnet);
        own.into_iter().chain(others).find_map(|id| {
            let state = self.subnets.get(id)?;
            let (retry_at, report) = (state.blocked_until(now)?, state.report.as_ref()?);
            let stats = self.stats(now);
            Some(Refusal::SubnetExhausted {
                subnet: Box::new(report.clone()),
                pods: stats.used,
                cooling: stats.cooling,
                needed: self.needed_of(id),
                retry_at,
                ready_at,
            })
        })
    }

    pub(crate) fn subnet_mut(&mut self, id: &SubnetId) -> &mut SubnetState {
        let seed = self.settings.jitter_seed.wrapping_add(1);
        self.subnets.entry(id.clone()).or_insert_with(|| SubnetState::new(seed))
    }

    /// The growth needed and possible now.
    fn growth(&self, now: Time) -> Vec<(Task, Reason)> {
        self.growth_with(now, |id| {
            self.subnets.get(id).map_or(Stock::Plenty, |subnet| subnet.stock(now))
        })
    }

    /// ENIs with room first (one call, no further primary address), then whole ENIs, as many as
    /// the need and the limits allow, within what each subnet has left.
    fn growth_with(&self, now: Time, stock: impl Fn(&SubnetId) -> Stock) -> Vec<(Task, Reason)> {
        let stats = self.stats(now);
        let wanted = u64::from(stats.target) + u64::from(stats.waiting);
        let have = u64::from(stats.free) + u64::from(stats.expected);
        if have >= wanted || self.node_backoff.blocked_until(now).is_some() {
            return Vec::new();
        }
        let mut need = wanted - have;
        let reason = Reason::Low {
            available: stats.free,
            waiting: stats.waiting,
            expected: stats.expected,
            target: stats.target,
        };
        let mut budget = Budget { left: BTreeMap::new(), stock: &stock };
        let mut tasks = Vec::new();
        for (id, eni, room) in self.room() {
            if need == 0 {
                break;
            }
            let count = room.min(budget.left(&eni.subnet));
            if count > 0 {
                budget.take(&eni.subnet, count);
                need = need.saturating_sub(u64::from(count));
                let task = Task::AssignAddresses { eni: id.clone(), count };
                tasks.push((task, reason.clone()));
            }
        }
        let slots = self.limits.secondaries_per_eni();
        let mut indices = Vec::new();
        while need > 0
            && slots > 0
            && self.eni_backoff.blocked_until(now).is_none()
            && let Some(device_index) = self.free_index(&indices)
        {
            let subnet = self.node_subnet.clone();
            let secondaries = slots.min(budget.left(&subnet).saturating_sub(1));
            if secondaries == 0 {
                break;
            }
            budget.take(&subnet, secondaries + 1);
            need = need.saturating_sub(u64::from(secondaries));
            indices.push(device_index);
            tasks.push((Task::CreateEni { subnet, secondaries, device_index }, reason.clone()));
        }
        if need > 0 && tasks.is_empty() {
            let looks = budget.left.keys().filter_map(|subnet| self.look(subnet, stock(subnet)));
            tasks.extend(looks.map(|look| (look, Reason::SubnetShort)));
        }
        tasks
    }

    /// Whether a subnet is to be looked up: its count is unknown, or somebody waits who will be
    /// refused and should be told what uses it.
    fn look(&self, subnet: &SubnetId, stock: Stock) -> Option<Task> {
        let looking = self.in_flight.values().any(
            |task| matches!(task, Task::DescribeSubnet { subnet: other, .. } if other == subnet),
        );
        let owes = !self.waiting.is_empty()
            && self.subnets.get(subnet).is_some_and(SubnetState::owes_uses);
        if looking || stock == Stock::Plenty || (stock != Stock::Unknown && !owes) {
            return None;
        }
        let uses_below = if self.waiting.is_empty() { 0 } else { self.needed_of(subnet) };
        Some(Task::DescribeSubnet { subnet: subnet.clone(), uses_below })
    }

    /// How many free addresses of the subnet would give a pod one: one if an ENI there has room,
    /// two for a new ENI.
    fn needed_of(&self, subnet: &SubnetId) -> u32 {
        if self.room().any(|(_, eni, _)| eni.subnet == *subnet) { 1 } else { 2 }
    }

    /// ENIs that can take further addresses, and how many.
    fn room(&self) -> impl Iterator<Item = (&EniId, &EniState, u32)> {
        let slots = self.limits.secondaries_per_eni();
        self.enis.iter().filter_map(move |(id, eni)| {
            let usable = eni.managed && !eni.releasing && !eni.full;
            let room = slots.saturating_sub(count(eni.addresses.keys()));
            (usable && room > 0 && !self.is_busy(id)).then_some((id, eni, room))
        })
    }

    pub(crate) fn is_busy(&self, id: &EniId) -> bool {
        self.in_flight.values().any(|task| match task {
            Task::AssignAddresses { eni, .. } | Task::ReleaseEni { eni } => eni == id,
            Task::CreateEni { .. } | Task::DescribeSubnet { .. } => false,
        })
    }

    /// The lowest device index for a further ENI, if the node may have one.
    fn free_index(&self, planned: &[u32]) -> Option<u32> {
        let creating: Vec<u32> = self
            .in_flight
            .values()
            .filter_map(|task| match task {
                Task::CreateEni { device_index, .. } => Some(*device_index),
                _ => None,
            })
            .collect();
        let foreign = count(self.foreign_indices.iter());
        let enis = count(self.enis.keys().map(|_| ())) + foreign;
        if enis + count(creating.iter()) + count(planned.iter()) >= self.limits.enis {
            return None;
        }
        (1..).find(|index| {
            let attached = self.enis.values().any(|eni| eni.device_index == *index);
            !(attached
                || self.foreign_indices.contains(index)
                || creating.contains(index)
                || planned.contains(index))
        })
    }

    /// When the first address leaves cool-down.
    fn first_cooled(&self, now: Time) -> Option<Time> {
        let live = self.enis.values().filter(|eni| eni.managed && !eni.releasing);
        live.flat_map(|eni| eni.addresses.values())
            .filter_map(|slot| match slot {
                Slot::Cooling(until) if *until > now => Some(*until),
                _ => None,
            })
            .min()
    }

    /// An ENI the pool can do without: not the primary one, old enough, no pod on it, nothing of
    /// it in cool-down, and enough stays available. Never while the pool grows.
    fn surplus(&self, now: Time) -> Option<(EniId, Reason)> {
        let stats = self.stats(now);
        if stats.waiting > 0 || stats.expected > 0 {
            return None;
        }
        let spare = |eni: &EniState| stats.free.checked_sub(eni.free(now));
        let candidates = self.enis.iter().filter(|(id, eni)| {
            eni.managed
                && eni.device_index != 0
                && !eni.releasing
                && eni.used() == 0
                && eni.cooling(now) == 0
                && now >= eni.attached_at.after(self.settings.eni_min_age)
                && now >= eni.keep_until
                && !self.is_busy(id)
                && !self.pods.values().any(|pod| pod.eni == **id)
                && spare(eni).is_some_and(|without| without >= stats.target)
        });
        let (id, eni) = candidates.max_by_key(|(_, eni)| eni.device_index)?;
        let without = spare(eni)?;
        let reason = Reason::Surplus { available: stats.free, without, target: stats.target };
        Some((id.clone(), reason))
    }

    fn start(&mut self, task: Task, reason: Reason) -> Action {
        let id = ActionId(self.next_action);
        self.next_action += 1;
        self.in_flight.insert(id, task.clone());
        Action { id, task, reason }
    }
}

/// What one round of growth may still ask of each subnet it considered.
struct Budget<'a, F> {
    left: BTreeMap<SubnetId, u32>,
    stock: &'a F,
}

impl<F: Fn(&SubnetId) -> Stock> Budget<'_, F> {
    fn left(&mut self, subnet: &SubnetId) -> u32 {
        *self.left.entry(subnet.clone()).or_insert_with(|| match (self.stock)(subnet) {
            Stock::Plenty => u32::MAX,
            Stock::Unknown => 0,
            Stock::Left(left) => left,
        })
    }

    fn take(&mut self, subnet: &SubnetId, addresses: u32) {
        if let Some(left) = self.left.get_mut(subnet) {
            *left = left.saturating_sub(addresses);
        }
    }
}
