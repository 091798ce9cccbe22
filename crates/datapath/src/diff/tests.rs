use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{FakeNetlink, Kernel, Mac};

fn route() -> impl Strategy<Value = Route> {
    (254_u32..=256, 0_u8..6, prop::bool::ANY).prop_map(|(table, last, ours)| Route {
        table,
        dst: Ipv4Net::from(Ipv4Addr::new(10, 0, 0, last)),
        link: Some("eth0".into()),
        scope: Scope::Link,
        protocol: if ours { ROUTE_PROTOCOL } else { 4 },
        ..Route::default()
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    (512_u32..=514, 0_u8..6, prop::bool::ANY).prop_map(|(priority, last, ours)| Rule {
        priority,
        to: Some(Ipv4Net::from(Ipv4Addr::new(10, 0, 0, last))),
        protocol: if ours { ROUTE_PROTOCOL } else { 4 },
        ..Rule::default()
    })
}

fn desired() -> impl Strategy<Value = DesiredState> {
    (vec(route(), 0..12), vec(rule(), 0..12)).prop_map(|(mut routes, mut rules)| {
        // One route per table and destination, and every one of them ours.
        routes.sort_by_key(|r| (r.table, r.dst));
        routes.dedup_by_key(|r| (r.table, r.dst));
        routes.iter_mut().for_each(|r| r.protocol = ROUTE_PROTOCOL);
        rules.iter_mut().for_each(|r| r.protocol = ROUTE_PROTOCOL);
        rules.sort_by_key(|r| (r.priority, r.to));
        rules.dedup();
        DesiredState { routes, rules, ..DesiredState::default() }
    })
}

/// A kernel with `eth0` up and these objects.
fn kernel(routes: Vec<Route>, rules: Vec<Rule>) -> FakeNetlink {
    let mut kernel = FakeNetlink::new().unwrap();
    kernel.add_device("eth0", Mac([2, 0, 0, 0, 0, 1]));
    let mut ops = vec![Op::up("eth0")];
    ops.extend(routes.into_iter().map(Op::ReplaceRoute));
    ops.extend(rules.into_iter().map(Op::AddRule));
    kernel.apply(&ops).unwrap();
    kernel
}

proptest! {
    #[test]
    fn applying_the_difference_leaves_none(
        desired in desired(), routes in vec(route(), 0..12), rules in vec(rule(), 0..12)
    ) {
        let mut kernel = kernel(routes, rules);
        let before = kernel.state().unwrap();
        kernel.apply(&diff(&desired, &before)).unwrap();
        let state = kernel.state().unwrap();
        prop_assert_eq!(diff(&desired, &state), vec![]);
        prop_assert_eq!(drift(&desired, &state), vec![]);
        let ours = state.routes.iter().filter(|r| r.protocol == ROUTE_PROTOCOL).count();
        prop_assert_eq!(ours, desired.routes.len());
    }

    #[test]
    fn what_others_made_stays(
        desired in desired(), routes in vec(route(), 0..12), rules in vec(rule(), 0..12)
    ) {
        let mut kernel = kernel(routes, rules);
        let before = kernel.state().unwrap();
        kernel.apply(&diff(&desired, &before)).unwrap();
        let after = kernel.state().unwrap();
        let wanted = |r: &Route| desired.routes.iter().any(|d| (d.table, d.dst) == (r.table, r.dst));
        for route in before.routes.iter().filter(|r| r.protocol != ROUTE_PROTOCOL && !wanted(r)) {
            prop_assert!(after.routes.contains(route), "{} is gone", route);
        }
        for rule in before.rules.iter().filter(|r| r.protocol != ROUTE_PROTOCOL) {
            prop_assert!(after.rules.contains(rule), "{} is gone", rule);
        }
    }

    #[test]
    fn repairs_remove_nothing(
        desired in desired(), routes in vec(route(), 0..12), rules in vec(rule(), 0..12)
    ) {
        let actual = kernel(routes, rules).state().unwrap();
        prop_assert!(repairs(&desired, &actual).iter().all(|op| !op.is_removal()));
    }
}
