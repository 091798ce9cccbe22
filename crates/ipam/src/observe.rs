//! What the pool learns from how its actions ended.

use std::time::Duration;

use crate::action::{ActionId, Event, Failure, Task};
use crate::model::{SubnetId, Time};
use crate::pool::{NodeFailure, Pool};

/// How long an ENI that could not be freed is left alone.
const KEEP_AFTER_FAILURE: Duration = Duration::from_secs(30);

impl Pool {
    /// How an action ended. An answer to an action that is not in flight is ignored.
    pub fn observe(&mut self, id: ActionId, event: Event, now: Time) {
        let Some(task) = self.in_flight.remove(&id) else { return };
        match event {
            Event::EniAttached(eni) => {
                self.granted(&eni.subnet, now);
                self.eni_backoff.succeed();
                self.add_eni(eni);
            }
            Event::AddressesAssigned(addresses) => {
                if let Task::AssignAddresses { eni, .. } = task {
                    if let Some(subnet) = self.enis.get(&eni).map(|eni| eni.subnet.clone()) {
                        self.granted(&subnet, now);
                    }
                    self.add_addresses(&eni, &addresses);
                    if let Some(eni) = self.enis.get_mut(&eni) {
                        eni.changed_at = now;
                    }
                }
            }
            Event::SubnetDescribed(report) => {
                let wanted = self.full_ask(&report.id, now);
                self.recovered(now);
                self.subnet_mut(&report.id.clone()).described(report, wanted, now);
            }
            Event::EniReleased => {
                if let Task::ReleaseEni { eni } = task {
                    self.enis.remove(&eni);
                }
            }
            Event::Failed(failure) => self.failed(&task, failure, now),
        }
    }

    fn failed(&mut self, task: &Task, failure: Failure, now: Time) {
        if let Task::ReleaseEni { eni } = task
            && let Some(state) = self.enis.get_mut(eni)
        {
            state.releasing = false;
            state.keep_until = now.after(KEEP_AFTER_FAILURE);
        }
        match (failure, task) {
            (Failure::SubnetShort, _) => {
                self.recovered(now);
                if let Some(subnet) = self.subnet_of(task) {
                    self.subnet_mut(&subnet).refused(now);
                }
            }
            (Failure::EniLimit, _) => {
                self.eni_backoff.fail(now);
            }
            (Failure::AddressLimit, Task::AssignAddresses { eni, .. }) => {
                if let Some(eni) = self.enis.get_mut(eni) {
                    eni.full = true;
                }
            }
            (Failure::DeviceIndexTaken, Task::CreateEni { device_index, .. }) => {
                self.foreign_indices.insert(*device_index);
            }
            (Failure::EniGone, Task::AssignAddresses { eni, .. } | Task::ReleaseEni { eni }) => {
                self.enis.remove(eni);
            }
            (Failure::Throttled, _) => self.node_failed(task, NodeFailure::Throttled, now),
            (other, _) => self.node_failed(task, NodeFailure::Other(other.to_string()), now),
        }
    }

    /// Every call backs off; one that concerns an ENI being freed concerns only that ENI.
    fn node_failed(&mut self, task: &Task, failure: NodeFailure, now: Time) {
        match task {
            Task::ReleaseEni { .. } if matches!(failure, NodeFailure::Other(_)) => return,
            Task::DescribeSubnet { subnet, .. } => {
                let subnet = subnet.clone();
                self.subnet_mut(&subnet).unknown(now);
            }
            _ => {}
        }
        self.node_backoff.fail(now);
        self.node_failure = Some(failure);
    }

    fn granted(&mut self, subnet: &SubnetId, now: Time) {
        self.recovered(now);
        self.subnet_mut(subnet).granted();
    }

    /// EC2 answers: what was wrong with every call is over, unless this was under way before it
    /// went wrong.
    fn recovered(&mut self, now: Time) {
        if self.node_backoff.blocked_until(now).is_none() {
            self.node_backoff.succeed();
            self.node_failure = None;
        }
    }

    fn subnet_of(&self, task: &Task) -> Option<SubnetId> {
        match task {
            Task::CreateEni { subnet, .. } | Task::DescribeSubnet { subnet, .. } => {
                Some(subnet.clone())
            }
            Task::AssignAddresses { eni, .. } | Task::ReleaseEni { eni } => {
                self.enis.get(eni).map(|eni| eni.subnet.clone())
            }
        }
    }
}
