//! When the pool grows and shrinks.

use super::twin::Twin;
use super::{COOLDOWN, key, limits, node, settings};
use crate::{Action, Event, Failure, Pool, Settings, Task, Time};

const START: Time = Time(1_000_000);

/// ENIs a node settles at: `W` spare ones' worth of addresses beside those in use, at least one
/// address when `W` is 0, at most what the instance type allows.
fn fixed_point(warm: u32, pods: u32, slots: u32, most: u32) -> u32 {
    let needed = pods + (warm * slots).max(1);
    needed.div_ceil(slots).min(most)
}

fn assign(pool: &mut Pool, twin: &mut Twin, pods: std::ops::Range<u32>, now: Time) {
    for n in pods {
        while pool.assign(&key(n), now).is_err() {
            twin.settle(pool, now);
        }
        twin.settle(pool, now);
    }
}

#[test]
fn growth_ends_at_the_fixed_point_of_the_warm_target() {
    for (most, per_eni) in [(3, 4), (3, 10), (4, 15), (15, 50)] {
        let slots = per_eni - 1;
        for warm in 0..=3 {
            let mut twin = Twin::new("10.0.0.0/20");
            let mut pool = node(settings(warm), limits(most, per_eni));
            twin.settle(&mut pool, START);
            for pods in 0..=most * slots {
                if pods > 0 {
                    assign(&mut pool, &mut twin, pods - 1..pods, START);
                }
                let stats = pool.stats(START);
                let context = format!("warm {warm}, {pods} pods, {most} ENIs of {per_eni}");
                assert_eq!(stats.enis, fixed_point(warm, pods, slots, most), "{context}");
                assert_eq!(stats.total, stats.enis * slots, "ENIs are filled: {context}");
            }
        }
    }
}

#[test]
fn shrinking_ends_at_the_same_fixed_point_and_never_flaps() {
    for warm in 0..=3 {
        let (most, slots) = (8, 9);
        let mut twin = Twin::new("10.0.0.0/20");
        let mut pool = node(settings(warm), limits(most, slots + 1));
        twin.settle(&mut pool, START);
        assign(&mut pool, &mut twin, 0..most * slots, START);
        let mut now = START;
        for pods in (0..most * slots).rev() {
            pool.release(&key(pods), now).unwrap();
            now = now.after(COOLDOWN * 4);
            twin.settle(&mut pool, now);
            assert!(pool.plan(now).is_empty());
            let enis = fixed_point(warm, pods, slots, most);
            assert_eq!(pool.stats(now).enis, enis, "warm {warm}, {pods} pods");
        }
    }
}

#[test]
fn a_burst_grows_several_enis_at_once_and_asks_for_nothing_twice() {
    let mut pool = node(settings(1), limits(4, 15));
    for n in 0..30 {
        pool.assign(&key(n), START).unwrap_err();
    }
    let tasks: Vec<_> = pool.plan(START).into_iter().map(|action| action.task).collect();
    let create =
        |device_index| Task::CreateEni { subnet: super::subnet(), secondaries: 14, device_index };
    let fill = Task::AssignAddresses { eni: "eni-0".into(), count: 14 };
    assert_eq!(tasks, [fill, create(1), create(2), create(3)]);
    assert!(pool.plan(START).is_empty());
}

#[test]
fn a_new_eni_costs_one_action() {
    let mut twin = Twin::new("10.0.0.0/20");
    let mut pool = node(settings(1), limits(3, 10));
    twin.settle(&mut pool, START);
    assign(&mut pool, &mut twin, 0..12, START);
    assert_eq!(twin.calls, [("assign", 1), ("create", 2)].into());
    for _ in 0..100 {
        twin.settle(&mut pool, START);
    }
    assert_eq!(twin.calls, [("assign", 1), ("create", 2)].into(), "nothing at idle");
}

#[test]
fn addresses_in_cooldown_are_not_available_and_come_back() {
    let mut twin = Twin::new("10.0.0.0/20");
    let mut pool = node(Settings { warm_eni_target: 0, ..settings(0) }, limits(1, 4));
    twin.settle(&mut pool, START);
    let first = pool.assign(&key(0), START).unwrap();
    pool.release(&key(0), START);
    let stats = pool.stats(START);
    assert_eq!((stats.free, stats.cooling, stats.used), (2, 1, 0));
    assert_ne!(pool.assign(&key(1), START).unwrap().address, first.address);
    let later = START.after(COOLDOWN);
    assert_eq!(pool.next_wake(START), Some(later));
    assert_eq!(pool.assign(&key(2), later).unwrap().address, first.address, "lowest first");
}

#[test]
fn pods_are_packed_on_the_fullest_eni_at_its_lowest_address() {
    let mut twin = Twin::new("10.0.0.0/20");
    let mut pool = node(settings(1), limits(3, 4));
    twin.settle(&mut pool, START);
    assign(&mut pool, &mut twin, 0..5, START);
    for n in [0, 4] {
        pool.release(&key(n), START);
    }
    let later = START.after(COOLDOWN);
    let pod = pool.assign(&key(9), later).unwrap();
    assert_eq!(pod.device_index, 0, "ENI 0 has two pods, ENI 1 one");
    assert_eq!(pod.address, "10.0.0.5".parse::<std::net::Ipv4Addr>().unwrap());
}

#[test]
fn an_eni_is_freed_only_when_old_enough_without_pods_and_cooled() {
    let mut twin = Twin::new("10.0.0.0/20");
    let mut pool = node(settings(1), limits(3, 4));
    twin.settle(&mut pool, START);
    assign(&mut pool, &mut twin, 0..4, START);
    assert_eq!(pool.stats(START).enis, 3);
    let released = START.after(COOLDOWN * 2);
    for n in 0..4 {
        pool.release(&key(n), released);
    }
    assert!(!freeing(&pool.plan(released)), "what has cooled down counts as available only then");
    let cooled = released.after(COOLDOWN);
    twin.settle(&mut pool, cooled);
    assert_eq!(pool.stats(cooled).enis, 1);
}

#[test]
fn an_eni_with_a_held_address_is_kept() {
    let mut twin = Twin::new("10.0.0.0/20");
    let mut pool = node(settings(1), limits(3, 4));
    twin.settle(&mut pool, START);
    assign(&mut pool, &mut twin, 0..1, START);
    pool.release(&key(0), START);
    let held = pool.addresses(&"eni-1".into())[0];
    assert!(pool.hold(held));
    let later = START.after(COOLDOWN * 4);
    assert!(pool.plan(later).is_empty());
    pool.unhold(held, later);
    assert!(freeing(&pool.plan(later.after(COOLDOWN))));
}

#[test]
fn a_young_eni_is_kept() {
    let mut twin = Twin::new("10.0.0.0/20");
    let no_rest = Settings { cooldown: std::time::Duration::ZERO, ..settings(1) };
    let mut pool = node(no_rest, limits(3, 4));
    twin.settle(&mut pool, START);
    assign(&mut pool, &mut twin, 0..1, START);
    pool.release(&key(0), START);
    let almost = START.after(pool.settings.eni_min_age - std::time::Duration::from_millis(1));
    assert!(pool.plan(almost).is_empty());
    assert_eq!(pool.next_wake(almost), Some(START.after(pool.settings.eni_min_age)));
    assert!(freeing(&pool.plan(START.after(pool.settings.eni_min_age))));
}

#[test]
fn an_eni_that_is_being_freed_gives_no_address_and_returns_if_it_cannot_be_freed() {
    let mut twin = Twin::new("10.0.0.0/20");
    let no_rest = Settings {
        cooldown: std::time::Duration::ZERO,
        eni_min_age: std::time::Duration::ZERO,
        ..settings(0)
    };
    let mut pool = node(no_rest, limits(3, 4));
    twin.settle(&mut pool, START);
    for n in 0..3 {
        pool.assign(&key(n), START).unwrap();
    }
    twin.settle(&mut pool, START);
    pool.release(&key(0), START);
    let action = pool.plan(START).remove(0);
    assert_eq!(action.task, Task::ReleaseEni { eni: "eni-1".into() });
    assert_eq!(pool.assign(&key(3), START).unwrap().device_index, 0);
    pool.assign(&key(4), START).unwrap_err();
    pool.observe(action.id, Event::Failed(Failure::Other("in use".into())), START);
    assert_eq!(pool.assign(&key(4), START).unwrap().device_index, 1);
}

#[test]
fn unmanaged_enis_take_slots_and_indices_but_carry_no_pods() {
    let mut pool = node(settings(1), limits(3, 4));
    pool.add_eni(crate::Eni {
        id: "eni-foreign".into(),
        device_index: 1,
        subnet: super::subnet(),
        primary: "10.0.0.9".parse().unwrap(),
        secondaries: vec!["10.0.0.10".parse().unwrap()],
        attached_at: Time(0),
        managed: false,
    });
    pool.assign(&key(0), START).unwrap_err();
    let indices: Vec<_> = pool.plan(START).iter().filter_map(created_at).collect();
    assert_eq!(indices, [2]);
}

#[test]
fn a_taken_device_index_is_not_tried_again() {
    let mut pool = node(settings(3), limits(4, 4));
    let actions = pool.plan(START);
    let taken = actions.iter().find(|action| created_at(action) == Some(1)).unwrap();
    pool.observe(taken.id, Event::Failed(Failure::DeviceIndexTaken), START);
    let again: Vec<_> = pool.plan(START).iter().filter_map(created_at).collect();
    assert!(!again.contains(&1), "{again:?}");
}

fn created_at(action: &Action) -> Option<u32> {
    match action.task {
        Task::CreateEni { device_index, .. } => Some(device_index),
        _ => None,
    }
}

fn freeing(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action.task, Task::ReleaseEni { .. }))
}
