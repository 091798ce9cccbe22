//! Why an attachment gets no address, and what restores, failures and back-offs do.

use std::net::Ipv4Addr;

use super::twin::Twin;
use super::{COOLDOWN, key, limits, node, settings};
use crate::{
    Assignment, Event, Failure, LimitSource, Pool, Refusal, RestoreError, Task, Time, Wait,
};

const START: Time = Time(1_000_000);

fn fill(pool: &mut Pool, twin: &mut Twin) -> (u32, Refusal) {
    twin.settle(pool, START);
    for n in 0.. {
        loop {
            match pool.assign(&key(n), START) {
                Ok(_) => break,
                Err(refusal) if refusal.wait() == Wait::ForEvent => twin.settle(pool, START),
                Err(refusal) => return (n, refusal),
            }
        }
        twin.settle(pool, START);
    }
    unreachable!()
}

#[test]
fn the_ninth_pod_of_a_28_is_told_what_uses_the_subnet() {
    let mut twin = Twin::new("10.0.0.0/28");
    let mut pool = node(settings(1), limits(3, 4));
    let (pods, refusal) = fill(&mut pool, &mut twin);
    assert_eq!(pods, 8);
    assert_eq!(
        refusal.to_string(),
        "subnet tight-b (subnet-1) 10.0.0.0/28 has no free address: 11 usable, this node has \
         3 ENI primaries + 8 pods"
    );
    assert_eq!((refusal.name(), refusal.wait()), ("SubnetExhausted", Wait::Hopeless));
    assert!(refusal.help(START).contains("subnet-1"), "{}", refusal.help(START));
    let calls = twin.calls.clone();
    pool.assign(&key(9), START).unwrap_err();
    twin.settle(&mut pool, START);
    assert_eq!(twin.calls, calls, "the second refusal costs no call");
}

#[test]
fn a_short_subnet_is_asked_again_after_a_growing_back_off() {
    let mut twin = Twin::new("10.0.0.0/28");
    let mut pool = node(settings(1), limits(3, 4));
    fill(&mut pool, &mut twin);
    let mut now = START;
    let mut asked = Vec::new();
    while asked.len() < 9 {
        now = pool.next_wake(now).unwrap();
        let described = twin.calls["describe"];
        twin.settle(&mut pool, now);
        match twin.calls["describe"] - described {
            0 => {}
            1 => asked.push(now),
            more => panic!("{more} calls in one attempt"),
        }
    }
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    assert!(waits[0] < 15 && waits.is_sorted_by(|a, b| a <= &(b + 6)), "{waits:?}");
    assert!(waits.iter().rev().take(4).all(|wait| (24..=30).contains(wait)), "{waits:?}");
}

#[test]
fn freed_addresses_are_found_again_after_the_back_off() {
    let mut twin = Twin::new("10.0.0.0/28");
    twin.occupy(4);
    let mut pool = node(settings(1), limits(3, 4));
    let (pods, refusal) = fill(&mut pool, &mut twin);
    assert_eq!(pods, 5, "11 usable − 4 of others − 2 ENI primaries");
    assert!(refusal.to_string().ends_with("2 ENI primaries + 5 pods, i-other has 4"), "{refusal}");
    twin.vacate(4);
    let later = START.after(COOLDOWN * 2);
    let refusal = pool.assign(&key(5), later).unwrap_err();
    assert_eq!(refusal.wait(), Wait::ForEvent, "the back-off has passed: EC2 is asked");
    twin.settle(&mut pool, later);
    pool.assign(&key(5), later).unwrap();
}

#[test]
fn too_few_addresses_for_a_new_eni_are_said_to_be_too_few() {
    let mut twin = Twin::new("10.0.0.0/28");
    twin.occupy(6);
    let mut pool = node(settings(1), limits(3, 4));
    let (pods, refusal) = fill(&mut pool, &mut twin);
    assert_eq!((pods, twin.free()), (3, 1));
    let text = refusal.to_string();
    assert!(text.contains("has 1 free address, too few (2 needed): 11 usable"), "{text}");
}

#[test]
fn limits_are_told_apart() {
    let mut twin = Twin::new("10.0.0.0/24");
    let mut pool = node(settings(1), limits(2, 4));
    let (pods, refusal) = fill(&mut pool, &mut twin);
    assert_eq!((pods, refusal.name(), refusal.wait()), (6, "EniLimit", Wait::Hopeless));
    assert_eq!(
        refusal.to_string(),
        "no free address: the node has 2 of 2 ENIs the instance type allows, each with 3 pod \
         addresses, and 6 pods use them"
    );
    pool.release(&key(0), START);
    let refusal = pool.assign(&key(9), START).unwrap_err();
    assert_eq!(refusal.wait(), Wait::Until(START.after(COOLDOWN)), "{refusal:?}");
    assert_eq!(refusal.name(), "CoolingDown");

    let max_eni = crate::Limits { source: LimitSource::MaxEni, ..limits(1, 4) };
    let mut pool = node(settings(1), max_eni);
    let (_, refusal) = fill(&mut pool, &mut Twin::new("10.0.0.0/24"));
    assert!(refusal.help(START).contains("Raise MAX_ENI"));

    let mut pool = node(settings(1), limits(3, 4));
    let foreign = crate::Eni {
        id: "eni-foreign".into(),
        device_index: 1,
        subnet: super::subnet(),
        primary: Ipv4Addr::new(10, 0, 0, 200),
        secondaries: Vec::new(),
        attached_at: Time(0),
        managed: false,
    };
    pool.add_eni(foreign);
    let (pods, refusal) = fill(&mut pool, &mut Twin::new("10.0.0.0/24"));
    assert_eq!((pods, refusal.name()), (6, "AddressLimit"));
}

#[test]
fn throttles_and_failures_stop_every_call_for_a_while_and_are_named() {
    for (failure, name, wait) in [
        (Failure::Throttled, "Throttled", false),
        (Failure::Other("UnauthorizedOperation".into()), "Ec2Failed", true),
    ] {
        let mut pool = node(settings(1), limits(3, 4));
        pool.assign(&key(0), START).unwrap_err();
        let actions = pool.plan(START);
        assert!(!actions.is_empty());
        for action in actions {
            pool.observe(action.id, Event::Failed(failure.clone()), START);
        }
        assert!(pool.plan(START).is_empty());
        let refusal = pool.assign(&key(0), START).unwrap_err();
        assert_eq!((refusal.name(), refusal.wait() == Wait::Hopeless), (name, wait), "{refusal:?}");
        let until = pool.next_wake(START).unwrap();
        assert!(!pool.plan(until).is_empty(), "tried again after the back-off");
    }
}

#[test]
fn ec2_may_allow_less_than_the_limits_say() {
    let mut twin = Twin::new("10.0.0.0/24");
    let mut pool = node(settings(1), limits(4, 4));
    for action in pool.plan(START) {
        let event = match action.task {
            Task::CreateEni { .. } => Event::Failed(Failure::EniLimit),
            _ => twin.perform(&action, START),
        };
        pool.observe(action.id, event, START);
    }
    for n in 0..3 {
        pool.assign(&key(n), START).unwrap();
    }
    pool.assign(&key(3), START).unwrap_err();
    for action in pool.plan(START) {
        pool.observe(action.id, Event::Failed(Failure::EniLimit), START);
    }
    let refusal = pool.assign(&key(3), START).unwrap_err();
    assert!(refusal.to_string().contains("has 1 of 1 ENIs"), "{refusal}");

    let mut pool = node(settings(1), limits(1, 10));
    let action = pool.plan(START).remove(0);
    pool.observe(action.id, Event::Failed(Failure::AddressLimit), START);
    assert!(pool.plan(START).is_empty());
    assert_eq!(pool.assign(&key(0), START).unwrap_err().name(), "AddressLimit");
}

#[test]
fn a_living_pod_keeps_an_address_that_ec2_does_not_list() {
    let mut pool = node(settings(1), limits(3, 4));
    let address = Ipv4Addr::new(10, 0, 0, 7);
    let pod = Assignment { address, eni: "eni-0".into(), device_index: 0 };
    pool.restore(key(0), pod.clone()).unwrap();
    assert_eq!(pool.unconfirmed().count(), 1);
    assert_eq!(pool.assign(&key(0), START).unwrap(), pod);
    let held = pool.restore(key(1), pod).unwrap_err();
    assert_eq!(held, RestoreError::Held { address, by: key(0) });

    // EC2 gives it to the node again: it is the pod's, not anybody's.
    let fill = pool.plan(START).remove(0);
    let others = [8, 9].map(|last| Ipv4Addr::new(10, 0, 0, last));
    let addresses = [vec![address], others.to_vec()].concat();
    pool.observe(fill.id, Event::AddressesAssigned(addresses), START);
    assert_eq!(pool.unconfirmed().count(), 0);
    for n in 1..3 {
        assert_ne!(pool.assign(&key(n), START).unwrap().address, address);
    }
    pool.assign(&key(3), START).unwrap_err();
}

#[test]
fn an_unlisted_address_is_nobodys_after_its_pod() {
    let mut pool = node(settings(1), limits(1, 4));
    let address = Ipv4Addr::new(10, 0, 0, 7);
    pool.restore(key(0), Assignment { address, eni: "eni-0".into(), device_index: 0 }).unwrap();
    pool.release(&key(0), START).unwrap();
    assert_eq!(pool.stats(START.after(COOLDOWN)).free, 0);
}

#[test]
fn held_addresses_are_not_given_until_let_go() {
    let mut twin = Twin::new("10.0.0.0/24");
    let mut pool = node(settings(1), limits(1, 4));
    twin.settle(&mut pool, START);
    let held = pool.addresses(&"eni-0".into())[0];
    assert!(pool.hold(held));
    for n in 0..2 {
        assert_ne!(pool.assign(&key(n), START).unwrap().address, held);
    }
    pool.assign(&key(2), START).unwrap_err();
    assert!(pool.unhold(held, START) && !pool.unhold(held, START));
    assert_eq!(pool.assign(&key(2), START.after(COOLDOWN)).unwrap().address, held);
}

#[test]
fn cooldowns_survive_a_restart() {
    let mut twin = Twin::new("10.0.0.0/24");
    let mut pool = node(settings(1), limits(1, 4));
    twin.settle(&mut pool, START);
    let address = pool.addresses(&"eni-0".into())[0];
    pool.restore_cooldown(address, START, START.after(COOLDOWN / 2));
    assert_eq!(pool.stats(START.after(COOLDOWN / 2)).cooling, 1);
    assert_eq!(pool.stats(START.after(COOLDOWN)).cooling, 0);
}

#[test]
fn an_address_never_wired_is_free_at_once() {
    let mut twin = Twin::new("10.0.0.0/24");
    let mut pool = node(settings(1), limits(1, 4));
    twin.settle(&mut pool, START);
    let first = pool.assign(&key(0), START).unwrap();
    pool.cancel(&key(0)).unwrap();
    assert_eq!(pool.assign(&key(1), START).unwrap().address, first.address);
}
