//! What EC2 lists, and what the pool makes of it.

use std::net::Ipv4Addr;

use super::twin::Twin;
use super::{COOLDOWN, key, limits, node, settings};
use crate::{Eni, EniId, Pool, Reconciled, Time};

const LATER: Time = Time(100_000);

fn filled() -> (Pool, Twin) {
    let (mut pool, mut ec2) = (node(settings(1), limits(2, 5)), Twin::new("10.0.0.0/24"));
    ec2.settle(&mut pool, Time(0));
    (pool, ec2)
}

fn primary() -> EniId {
    "eni-0".into()
}

fn listed(ec2: &Twin, without: &[Ipv4Addr]) -> Vec<Ipv4Addr> {
    let all = ec2.enis[&primary()].iter().copied();
    all.filter(|address| !without.contains(address)).collect()
}

#[test]
fn what_is_taken_away_is_given_to_nobody_and_no_pod_loses_its_address() {
    let (mut pool, ec2) = filled();
    let used = pool.assign(&key(1), LATER).unwrap().address;
    let cooling = pool.assign(&key(2), LATER).unwrap().address;
    pool.release(&key(2), LATER);
    let free = pool.assign(&key(3), LATER).unwrap().address;
    pool.cancel(&key(3));
    let changes = pool.reconcile(&primary(), &listed(&ec2, &[used, cooling, free]), LATER);
    let mut dropped = vec![cooling, free];
    dropped.sort();
    assert_eq!((changes.dropped, changes.found), (dropped, vec![]));
    assert_eq!(changes.unconfirmed, [used]);
    assert_eq!(pool.assignment(&key(1)).unwrap().address, used);
    assert_eq!(pool.unconfirmed().count(), 1);
    let rested = LATER.after(COOLDOWN * 2);
    for n in 10..20 {
        if let Ok(pod) = pool.assign(&key(n), rested) {
            assert!(![used, cooling, free].contains(&pod.address), "{}", pod.address);
        }
    }
    // It comes back: it is still the pod's.
    let changes = pool.reconcile(&primary(), &listed(&ec2, &[cooling, free]), rested);
    assert_eq!(changes.found, [used]);
    assert_eq!(
        (pool.unconfirmed().count(), pool.stats(rested).used),
        (0, pool.stats(rested).total)
    );
}

#[test]
fn what_is_new_is_given_and_agreement_changes_nothing() {
    let (mut pool, ec2) = filled();
    let before = pool.stats(LATER);
    let mut all = listed(&ec2, &[]);
    assert_eq!(pool.reconcile(&primary(), &all, LATER), Reconciled::default());
    assert_eq!(pool.stats(LATER), before);
    let new = Ipv4Addr::new(10, 0, 0, 200);
    all.push(new);
    assert_eq!(pool.reconcile(&primary(), &all, LATER).found, [new]);
    assert_eq!(pool.stats(LATER).free, before.free + 1);
}

#[test]
fn a_listing_that_may_be_older_than_a_change_is_not_believed() {
    let (mut pool, _) = filled();
    let before = pool.stats(Time(0));
    assert_eq!(pool.reconcile(&primary(), &[], Time(29_000)), Reconciled::default());
    assert!(!pool.eni_gone(&"eni-1".into(), Time(29_000)));
    // While addresses are asked for, too.
    pool.reconcile(&primary(), &[], LATER);
    assert!(!pool.plan(LATER).is_empty());
    assert_eq!(pool.reconcile(&primary(), &[[10, 0, 0, 200].into()], LATER), Reconciled::default());
    assert!(pool.stats(LATER).total < before.total);
}

#[test]
fn an_address_that_something_else_uses_stays_out_of_reach() {
    let (mut pool, ec2) = filled();
    let held = listed(&ec2, &[])[0];
    assert!(pool.hold(held));
    assert!(pool.reconcile(&primary(), &listed(&ec2, &[held]), LATER).dropped.is_empty());
    pool.reconcile(&primary(), &listed(&ec2, &[]), LATER);
    for n in 0..20 {
        assert_ne!(pool.assign(&key(n), LATER).map(|pod| pod.address), Ok(held));
    }
}

#[test]
fn a_detached_eni_carries_no_further_pod() {
    let (mut pool, mut ec2) = (node(settings(2), limits(2, 5)), Twin::new("10.0.0.0/24"));
    ec2.settle(&mut pool, Time(0));
    for n in 0..5 {
        pool.assign(&key(n), LATER).unwrap();
    }
    let second = EniId::from("eni-1");
    assert_eq!(pool.assignment(&key(4)).unwrap().eni, second);
    assert!(pool.eni_gone(&second, LATER));
    assert!(!pool.eni_gone(&primary(), LATER), "a listing without the primary ENI is wrong");
    assert_eq!(pool.unconfirmed().count(), 1);
    assert!(
        pool.assign(&key(9), LATER).is_err_and(|refusal| refusal.name() == "AwaitingAddresses")
    );
}

#[test]
fn an_eni_told_again_keeps_its_cooldowns_and_holds() {
    let (mut pool, ec2) = filled();
    let all = listed(&ec2, &[]);
    pool.hold(all[0]);
    let cooling = pool.assign(&key(1), LATER).unwrap().address;
    pool.release(&key(1), LATER);
    for managed in [false, true] {
        pool.add_eni(Eni {
            id: primary(),
            device_index: 0,
            subnet: super::subnet(),
            primary: super::twin::PRIMARY,
            secondaries: all.clone(),
            attached_at: LATER,
            managed,
        });
    }
    for n in 2..20 {
        let got = pool.assign(&key(n), LATER).map(|pod| pod.address);
        assert!(got != Ok(all[0]) && got != Ok(cooling), "{got:?}");
    }
}
