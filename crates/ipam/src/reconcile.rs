//! What the pool makes of EC2's listing, in case others changed something.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::model::{EniId, Time};
use crate::pool::{EniState, Pool, Slot};

/// EC2's listings are eventually consistent: what the pool itself has changed so recently is not
/// judged by one.
const SETTLE: Duration = Duration::from_secs(30);

/// How an ENI's addresses in EC2 differed from the pool's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Not listed: nobody gets them any more.
    pub dropped: Vec<Ipv4Addr>,
    /// Listed and new: pods may get them.
    pub found: Vec<Ipv4Addr>,
    /// Not listed, and in use by a pod, which keeps them (see [`Pool::unconfirmed`]).
    pub unconfirmed: Vec<Ipv4Addr>,
}

impl Pool {
    /// Compares an ENI with the secondary addresses that EC2 listed when asked at `asked`. An
    /// address that a pod has stays with it; others that are not listed are not given any more,
    /// and new ones are. An ENI that the pool is changing, or has just changed, is left as it is.
    pub fn reconcile(&mut self, id: &EniId, listed: &[Ipv4Addr], asked: Time) -> Reconciled {
        let mut result = Reconciled::default();
        if !self.is_settled(id, asked) {
            return result;
        }
        let Some(eni) = self.enis.get_mut(id).filter(|eni| eni.managed) else { return result };
        eni.addresses.retain(|address, slot| {
            if listed.contains(address) || *slot == Slot::Held {
                return true;
            }
            match slot {
                Slot::Assigned => result.unconfirmed.push(*address),
                _ => result.dropped.push(*address),
            }
            false
        });
        result.found =
            listed.iter().copied().filter(|new| !eni.addresses.contains_key(new)).collect();
        if !result.dropped.is_empty() || !result.unconfirmed.is_empty() {
            // There is room again.
            eni.full = false;
        }
        self.add_addresses(id, &result.found);
        result
    }

    /// EC2, asked at `asked`, did not list this ENI as the node's: it carries no further pod.
    /// Answers whether the pool believes that.
    pub fn eni_gone(&mut self, id: &EniId, asked: Time) -> bool {
        let primary = self.enis.get(id).is_none_or(|eni| eni.device_index == 0);
        let gone = !primary && self.is_settled(id, asked);
        if gone {
            self.enis.remove(id);
        }
        gone
    }

    fn is_settled(&self, id: &EniId, asked: Time) -> bool {
        let quiet = |eni: &EniState| {
            !eni.releasing && asked >= eni.attached_at.max(eni.changed_at).after(SETTLE)
        };
        self.enis.get(id).is_some_and(quiet) && !self.is_busy(id)
    }
}
