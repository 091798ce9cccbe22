//! The part of EC2 that a pool meets: one subnet with so many free addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::{
    Action, Eni, EniId, Event, Failure, Pool, SubnetReport, SubnetUse, SubnetUses, Task, Time,
};

pub(super) const PRIMARY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);

pub(super) struct Twin {
    pub(super) cidr: Ipv4Net,
    /// Addresses nobody has.
    free: BTreeSet<Ipv4Addr>,
    /// Attached ENIs and their secondary addresses.
    pub(super) enis: BTreeMap<EniId, Vec<Ipv4Addr>>,
    primaries: BTreeMap<EniId, Ipv4Addr>,
    /// Addresses of others.
    pub(super) others: Vec<Ipv4Addr>,
    next_eni: u32,
    /// Calls by kind.
    pub(super) calls: BTreeMap<&'static str, u32>,
}

impl Twin {
    pub(super) fn new(cidr: &str) -> Self {
        let cidr: Ipv4Net = cidr.parse().unwrap();
        // The first four and the last are reserved; the primary ENI has the fifth.
        let free = cidr.hosts().skip(3).filter(|address| *address != PRIMARY).collect();
        let primary = EniId::from("eni-0");
        Self {
            cidr,
            free,
            enis: BTreeMap::from([(primary.clone(), Vec::new())]),
            primaries: BTreeMap::from([(primary, PRIMARY)]),
            others: Vec::new(),
            next_eni: 1,
            calls: BTreeMap::new(),
        }
    }

    /// Somebody else takes so many addresses, or as many as there are.
    pub(super) fn occupy(&mut self, count: usize) {
        for _ in 0..count {
            self.others.extend(self.free.pop_last());
        }
    }

    /// Somebody else gives back so many addresses.
    pub(super) fn vacate(&mut self, count: usize) {
        for _ in 0..count {
            self.free.extend(self.others.pop());
        }
    }

    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// Does what the pool asks, as EC2 would.
    pub(super) fn perform(&mut self, action: &Action, now: Time) -> Event {
        match &action.task {
            Task::AssignAddresses { eni, count } => {
                *self.calls.entry("assign").or_default() += 1;
                match self.take(*count) {
                    Some(addresses) => {
                        self.enis.get_mut(eni).unwrap().extend(&addresses);
                        Event::AddressesAssigned(addresses)
                    }
                    None => Event::Failed(Failure::SubnetShort),
                }
            }
            Task::CreateEni { subnet, secondaries, device_index } => {
                *self.calls.entry("create").or_default() += 1;
                let Some(mut addresses) = self.take(secondaries + 1) else {
                    return Event::Failed(Failure::SubnetShort);
                };
                let id = EniId::from(format!("eni-{}", self.next_eni));
                self.next_eni += 1;
                let primary = addresses.remove(0);
                self.enis.insert(id.clone(), addresses.clone());
                self.primaries.insert(id.clone(), primary);
                Event::EniAttached(Eni {
                    id,
                    device_index: *device_index,
                    subnet: subnet.clone(),
                    primary,
                    secondaries: addresses,
                    attached_at: now,
                    managed: true,
                })
            }
            Task::DescribeSubnet { subnet, uses_below } => {
                *self.calls.entry("describe").or_default() += 1;
                let free = u32::try_from(self.free.len()).unwrap();
                let secondaries: usize = self.enis.values().map(Vec::len).sum();
                let others = u32::try_from(self.others.len()).unwrap();
                let uses = SubnetUses {
                    own_primaries: u32::try_from(self.primaries.len()).unwrap(),
                    own_secondaries: u32::try_from(secondaries).unwrap(),
                    others: (others > 0)
                        .then(|| SubnetUse { who: "i-other".into(), addresses: others })
                        .into_iter()
                        .collect(),
                };
                Event::SubnetDescribed(SubnetReport {
                    id: subnet.clone(),
                    name: Some("tight-b".into()),
                    cidr: self.cidr,
                    free,
                    uses: (free < *uses_below).then_some(uses),
                })
            }
            Task::ReleaseEni { eni } => {
                *self.calls.entry("release").or_default() += 1;
                let addresses = self.enis.remove(eni).unwrap();
                self.free.extend(addresses);
                self.free.extend(self.primaries.remove(eni));
                Event::EniReleased
            }
        }
    }

    /// Plans and performs until nothing is left to do now.
    pub(super) fn settle(&mut self, pool: &mut Pool, now: Time) {
        for _ in 0..1_000 {
            let actions = pool.plan(now);
            if actions.is_empty() {
                return;
            }
            for action in actions {
                let event = self.perform(&action, now);
                pool.observe(action.id, event, now);
            }
        }
        panic!("the pool does not settle: {:?}", pool.stats(now));
    }

    fn take(&mut self, count: u32) -> Option<Vec<Ipv4Addr>> {
        let count = count as usize;
        if self.free.len() < count {
            return None;
        }
        Some((0..count).filter_map(|_| self.free.pop_first()).collect())
    }
}
