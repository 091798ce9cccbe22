//! A model under random pods, answers of EC2 and clock steps; the invariants hold after each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;

use super::twin::Twin;
use super::{key, limits, node};
use crate::{Action, Event, Failure, Pool, Refusal, Settings, Task, Time, Wait};

#[derive(Clone, Copy, Debug)]
enum Step {
    Assign(u32),
    Release(u32),
    Cancel(u32),
    Forget(u32),
    /// Time passes (ms).
    Pass(u64),
    Plan,
    /// An action in flight ends as EC2 has it.
    Finish(usize),
    /// An action in flight fails.
    Fail(usize, u8),
    /// Somebody else takes or gives back addresses of the subnet.
    Occupy(usize),
    Vacate(usize),
    /// The agent restarts: only what is attached and who has what survives.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..40_u32).prop_map(Step::Assign),
        4 => (0..40_u32).prop_map(Step::Release),
        1 => (0..40_u32).prop_map(Step::Cancel),
        1 => (0..40_u32).prop_map(Step::Forget),
        3 => (0..40_000_u64).prop_map(Step::Pass),
        5 => Just(Step::Plan),
        6 => any::<usize>().prop_map(Step::Finish),
        1 => (any::<usize>(), 0..6_u8).prop_map(|(n, kind)| Step::Fail(n, kind)),
        1 => (0..8_usize).prop_map(Step::Occupy),
        1 => (0..8_usize).prop_map(Step::Vacate),
        1 => Just(Step::Restart),
    ]
}

/// What must hold, kept apart from the pool's own books.
struct Model {
    pool: Pool,
    twin: Twin,
    now: Time,
    most: u32,
    slots: u32,
    cooldown: Duration,
    pods: BTreeMap<u32, Ipv4Addr>,
    released: BTreeMap<Ipv4Addr, Time>,
    flying: Vec<Action>,
}

impl Model {
    fn new(most: u32, slots: u32, settings: &Settings, cidr: &str) -> Self {
        Self {
            pool: node(settings.clone(), limits(most, slots + 1)),
            twin: Twin::new(cidr),
            now: Time(1_000_000),
            most,
            slots,
            cooldown: settings.cooldown,
            pods: BTreeMap::new(),
            released: BTreeMap::new(),
            flying: Vec::new(),
        }
    }

    fn rests(&self, address: Ipv4Addr) -> bool {
        self.released.get(&address).is_some_and(|at| self.now < at.after(self.cooldown))
    }

    /// Addresses a pod could have now: on an ENI that stays, not in use, not resting.
    fn usable(&self) -> Vec<Ipv4Addr> {
        let leaving: BTreeSet<_> = self
            .flying
            .iter()
            .filter_map(|action| match &action.task {
                Task::ReleaseEni { eni } => Some(eni.clone()),
                _ => None,
            })
            .collect();
        let stay = self.twin.enis.iter().filter(|(id, _)| !leaving.contains(id));
        let taken: BTreeSet<_> = self.pods.values().collect();
        stay.flat_map(|(_, addresses)| addresses)
            .filter(|address| !taken.contains(address) && !self.rests(**address))
            .copied()
            .collect()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Assign(n) => self.assign(n),
            Step::Release(n) => {
                let taken = self.pool.release(&key(n), self.now).map(|pod| pod.address);
                assert_eq!(taken, self.pods.remove(&n));
                self.released.extend(taken.map(|address| (address, self.now)));
            }
            Step::Cancel(n) => {
                let taken = self.pool.cancel(&key(n)).map(|pod| pod.address);
                assert_eq!(taken, self.pods.remove(&n));
            }
            Step::Forget(n) => self.pool.forget(&key(n)),
            Step::Pass(millis) => self.now = self.now.after(Duration::from_millis(millis)),
            Step::Plan => self.plan(),
            Step::Finish(n) if !self.flying.is_empty() => {
                let action = self.flying.remove(n % self.flying.len());
                let event = self.twin.perform(&action, self.now);
                self.pool.observe(action.id, event, self.now);
            }
            Step::Fail(n, kind) if !self.flying.is_empty() => {
                let action = self.flying.remove(n % self.flying.len());
                let creates = matches!(action.task, Task::CreateEni { .. });
                let failure = match kind {
                    0 => Failure::SubnetShort,
                    1 => Failure::Throttled,
                    2 if creates => Failure::EniLimit,
                    3 if creates => Failure::DeviceIndexTaken,
                    _ => Failure::Other("broken".into()),
                };
                self.pool.observe(action.id, Event::Failed(failure), self.now);
            }
            Step::Finish(_) | Step::Fail(..) => {}
            Step::Occupy(n) => self.twin.occupy(n),
            Step::Vacate(n) => self.twin.vacate(n),
            Step::Restart => self.restart(),
        }
        self.check();
    }

    fn assign(&mut self, n: u32) {
        let usable = self.usable();
        match self.pool.assign(&key(n), self.now) {
            Ok(pod) => match self.pods.get(&n) {
                Some(had) => assert_eq!(pod.address, *had, "the same attachment, the same address"),
                None => {
                    assert!(usable.contains(&pod.address), "{} may not be given", pod.address);
                    self.pods.insert(n, pod.address);
                }
            },
            Err(refusal) => {
                assert!(usable.is_empty(), "refused with {usable:?} usable: {refusal}");
                self.check_refusal(&refusal);
            }
        }
    }

    /// A refusal says what is so.
    fn check_refusal(&self, refusal: &Refusal) {
        match refusal {
            Refusal::SubnetExhausted { .. } | Refusal::Throttled { .. } => {}
            Refusal::CoolingDown { until, .. } => {
                let first = self.released.values().map(|at| at.after(self.cooldown));
                assert_eq!(first.filter(|end| *end > self.now).min(), Some(*until));
            }
            Refusal::EniLimit { enis, limits, pods } => {
                assert_eq!((*enis, *pods as usize), (limits.enis, self.pods.len()));
            }
            Refusal::AwaitingAddresses { .. } => {
                let asks = !self.flying.is_empty() || !self.pool.clone().plan(self.now).is_empty();
                assert!(asks, "waits for nothing");
                assert_eq!(refusal.wait(), Wait::ForEvent);
            }
            Refusal::Ec2Failed { what, .. } => assert_eq!(what, "broken"),
            Refusal::AddressLimit { .. } => {}
        }
    }

    fn plan(&mut self) {
        for action in self.pool.plan(self.now) {
            if let Task::ReleaseEni { eni } = &action.task {
                let addresses = &self.twin.enis[eni];
                assert_ne!(eni.as_str(), "eni-0", "the primary ENI stays");
                assert!(addresses.iter().all(|address| !self.rests(*address)), "{eni} rests");
                assert!(!self.pods.values().any(|pod| addresses.contains(pod)), "{eni} is used");
            }
            self.flying.push(action);
        }
    }

    fn restart(&mut self) {
        let settings = self.pool.settings.clone();
        let mut pool = node(settings, limits(self.most, self.slots + 1));
        for action in self.flying.drain(..) {
            // What was under way may or may not have happened.
            if action.id.0 % 2 == 0 {
                self.twin.perform(&action, self.now);
            }
        }
        for (index, (id, addresses)) in (0..).zip(&self.twin.enis) {
            pool.add_eni(crate::Eni {
                id: id.clone(),
                device_index: index,
                subnet: super::subnet(),
                primary: Ipv4Addr::new(10, 9, 9, 9),
                secondaries: addresses.clone(),
                attached_at: self.now,
                managed: true,
            });
        }
        for (n, address) in &self.pods {
            let known = self.pool.assignment(&key(*n)).unwrap().clone();
            assert_eq!(known.address, *address);
            pool.restore(key(*n), known).unwrap();
        }
        for (address, at) in &self.released {
            pool.restore_cooldown(*address, *at, self.now);
        }
        self.pool = pool;
    }

    fn check(&self) {
        let given: BTreeSet<_> = self.pods.values().collect();
        assert_eq!(given.len(), self.pods.len(), "an address given twice");
        for (n, address) in &self.pods {
            assert_eq!(self.pool.assignment(&key(*n)).map(|pod| pod.address), Some(*address));
        }
        let creating =
            self.flying.iter().filter(|action| matches!(action.task, Task::CreateEni { .. }));
        assert!(self.twin.enis.len() + creating.count() <= self.most as usize, "too many ENIs");
        for addresses in self.twin.enis.values() {
            assert!(addresses.len() <= self.slots as usize, "too many addresses on an ENI");
        }
        let stats = self.pool.stats(self.now);
        assert_eq!(stats.total, stats.free + stats.cooling + stats.used);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_address_is_given_twice_or_too_early_whatever_happens(
        steps in prop::collection::vec(step(), 1..150),
        most in 1..5_u32,
        slots in 1..8_u32,
        warm in 0..4_u32,
        cooldown in prop_oneof![Just(0_u64), Just(30_u64)],
        cidr in prop_oneof![Just("10.0.0.0/28"), Just("10.0.0.0/27"), Just("10.0.0.0/24")],
    ) {
        let settings = Settings {
            warm_eni_target: warm,
            cooldown: Duration::from_secs(cooldown),
            eni_min_age: Duration::from_secs(10),
            jitter_seed: u64::from(most * 31 + slots),
        };
        let mut model = Model::new(most, slots, &settings, cidr);
        for step in steps {
            model.step(step);
        }
        // Everything ends: with no new demand the pool settles, and pods keep what they have.
        for _ in 0..20 {
            while let Some(action) = model.flying.pop() {
                let event = model.twin.perform(&action, model.now);
                model.pool.observe(action.id, event, model.now);
            }
            model.now = model.now.after(Duration::from_secs(400));
            model.plan();
            model.check();
        }
    }
}
