//! What the pool knows of a subnet: how many addresses are left, and what uses the others.

use std::time::Duration;

use ipnet::Ipv4Net;

use crate::backoff::Backoff;
use crate::model::{SubnetId, Time};

/// The addresses EC2 keeps of every subnet: the first four and the last
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>).
const RESERVED: u32 = 5;

/// A subnet, as EC2 describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetReport {
    /// Its id.
    pub id: SubnetId,
    /// Its `Name` tag.
    pub name: Option<String>,
    /// Its CIDR block.
    pub cidr: Ipv4Net,
    /// Addresses EC2 can still hand out.
    pub free: u32,
    /// What uses the others, if it was looked up.
    pub uses: Option<SubnetUses>,
}

impl SubnetReport {
    /// Addresses of the block that ENIs can have: all but the five EC2 reserves.
    #[must_use]
    pub fn usable(&self) -> u32 {
        let size = 1_u32.checked_shl(32 - u32::from(self.cidr.prefix_len())).unwrap_or(u32::MAX);
        size.saturating_sub(RESERVED)
    }
}

/// What uses the addresses of a subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubnetUses {
    /// Primary addresses of this node's ENIs.
    pub own_primaries: u32,
    /// Secondary addresses of this node's ENIs.
    pub own_secondaries: u32,
    /// Everybody else, largest first.
    pub others: Vec<SubnetUse>,
}

/// One other user of a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetUse {
    /// Who, in words: an instance id or an ENI's description.
    pub who: String,
    /// How many addresses it has.
    pub addresses: u32,
}

/// What the pool believes of a subnet.
#[derive(Clone, Debug)]
pub(crate) struct SubnetState {
    stock: Stock,
    backoff: Backoff,
    described_at: Option<Time>,
    uses_asked: bool,
    /// The last description, for refusals.
    pub(crate) report: Option<SubnetReport>,
}

/// How many addresses the pool may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stock {
    /// As many as it wants: nothing says otherwise.
    Plenty,
    /// EC2 refused: the count must be looked up before anything else is asked.
    Unknown,
    /// So many were left when last looked up, less what was asked for since.
    Left(u32),
}

/// A count this fresh should have been right: if EC2 refuses what it allowed, only waiting helps.
const FRESH: Duration = Duration::from_secs(2);

impl SubnetState {
    /// Nothing known: asks are not limited.
    pub(crate) fn new(seed: u64) -> Self {
        let backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(30), seed);
        Self { stock: Stock::Plenty, backoff, described_at: None, uses_asked: false, report: None }
    }

    /// What may be asked for now. After the back-off the count has to be looked up again.
    pub(crate) fn stock(&self, now: Time) -> Stock {
        match self.stock {
            Stock::Left(_) if self.backoff.blocked_until(now).is_none() => Stock::Unknown,
            stock => stock,
        }
    }

    /// When the count is looked up again, if that is still to come.
    pub(crate) fn blocked_until(&self, now: Time) -> Option<Time> {
        self.backoff.blocked_until(now)
    }

    /// Whether somebody who is refused could not be told yet what uses the subnet.
    pub(crate) fn owes_uses(&self) -> bool {
        !self.uses_asked && self.report.as_ref().is_none_or(|report| report.uses.is_none())
    }

    /// EC2 refused an ask: the count is looked up at once, unless that was just done.
    pub(crate) fn refused(&mut self, now: Time) {
        if self.described_at.is_some_and(|at| now.since(at) < FRESH) {
            self.unknown(now);
        } else {
            self.stock = Stock::Unknown;
        }
    }

    /// EC2 granted an ask.
    pub(crate) fn granted(&mut self) {
        if self.stock == Stock::Plenty {
            self.backoff.succeed();
        }
    }

    /// The count is being looked up, with what uses the subnet if `uses`.
    pub(crate) fn describing(&mut self, uses: bool) {
        self.uses_asked = uses;
    }

    /// EC2 told the count while the pool wanted `wanted`.
    pub(crate) fn described(&mut self, report: SubnetReport, wanted: u32, now: Time) {
        self.described_at = Some(now);
        if report.free >= wanted {
            self.stock = Stock::Plenty;
        } else {
            self.stock = Stock::Left(report.free);
            self.backoff.fail(now);
        }
        self.report = Some(report);
    }

    /// The count could not be told, or was wrong; it is looked up again after the back-off.
    pub(crate) fn unknown(&mut self, now: Time) {
        self.stock = Stock::Left(0);
        self.backoff.fail(now);
    }

    /// `addresses` are asked for.
    pub(crate) fn take(&mut self, addresses: u32) {
        if let Stock::Left(left) = &mut self.stock {
            *left = left.saturating_sub(addresses);
            self.uses_asked = false;
            if let Some(report) = &mut self.report {
                report.free = *left;
                report.uses = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(cidr: &str, free: u32) -> SubnetReport {
        let cidr = cidr.parse().unwrap();
        SubnetReport { id: "subnet-1".into(), name: None, cidr, free, uses: None }
    }

    #[test]
    fn usable_leaves_out_the_five_reserved() {
        assert_eq!(report("10.10.3.0/28", 0).usable(), 11);
        assert_eq!(report("10.10.1.0/24", 0).usable(), 251);
        assert_eq!(report("0.0.0.0/0", 0).usable(), u32::MAX - RESERVED);
    }

    #[test]
    fn a_refusal_is_looked_up_at_once_and_then_backs_off() {
        let mut subnet = SubnetState::new(1);
        subnet.refused(Time(0));
        assert_eq!(subnet.stock(Time(0)), Stock::Unknown);
        subnet.described(report("10.10.3.0/28", 3), 10, Time(0));
        assert_eq!(subnet.stock(Time(0)), Stock::Left(3));
        subnet.take(3);
        assert_eq!(subnet.report.as_ref().unwrap().free, 0);
        assert_eq!(subnet.stock(Time(1_000)), Stock::Left(0));
        assert_eq!(subnet.stock(Time(2_000)), Stock::Unknown, "looked up again after the back-off");
        subnet.described(report("10.10.3.0/28", 10), 10, Time(2_000));
        assert_eq!(subnet.stock(Time(2_000)), Stock::Plenty);
    }

    #[test]
    fn a_count_that_ec2_does_not_honour_is_not_asked_for_again_at_once() {
        for free in [3, 100] {
            let mut subnet = SubnetState::new(1);
            subnet.refused(Time(0));
            subnet.described(report("10.10.3.0/28", free), 10, Time(0));
            subnet.refused(Time(10));
            assert_eq!(subnet.stock(Time(10)), Stock::Left(0));
        }
    }
}
