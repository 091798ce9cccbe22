//! Throttles, delays, denied actions, faults and the audit trail, as callers see them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ec2_query::{
    AssignPrivateIpAddresses, CreateNetworkInterface, DescribeNetworkInterfaces, DescribeSubnets,
    Filter,
};
use vpc::Timestamp;
use vpc::requests::{Profile, Span, Timing};

use super::{Scene, error};
use crate::audit::AuditTrail;
use crate::requests::{Effect, RequestPolicy, Requests};
use crate::state::Clock as _;

fn scene(timing: Timing, deny: &[&str]) -> Scene {
    let deny: BTreeSet<String> = deny.iter().map(|action| (*action).to_owned()).collect();
    let requests = Requests::new(RequestPolicy { timing, deny }, 1);
    Scene::with_requests(requests, AuditTrail::default())
}

fn fault(scene: &Scene, effect: Effect) -> u64 {
    let lab = &scene.lab;
    lab.read(|world| lab.requests.add_fault(effect, world, lab.now())).id
}

fn throttled() -> (u16, String, String) {
    error(503, "RequestLimitExceeded", "Request limit exceeded.")
}

fn assign(scene: &Scene) -> AssignPrivateIpAddresses {
    AssignPrivateIpAddresses {
        network_interface_id: scene.primary_eni(&scene.node_1).id.to_string(),
        secondary_private_ip_address_count: Some(1),
        ..AssignPrivateIpAddresses::default()
    }
}

fn create(scene: &Scene) -> CreateNetworkInterface {
    CreateNetworkInterface {
        subnet_id: scene.nodes_a.to_string(),
        ..CreateNetworkInterface::default()
    }
}

#[test]
fn an_empty_bucket_refuses_and_refills() {
    let timing = Timing { throttle: true, share: 2, ..Profile::Instant.timing() };
    let scene = scene(timing, &[]);
    // Two per cent of 100 calls, and 0.1 per second.
    scene.call(&assign(&scene));
    scene.call(&assign(&scene));
    let before = scene.primary_eni(&scene.node_1).addresses().count();
    assert_eq!(scene.refused(&assign(&scene)), throttled());
    assert_eq!(scene.primary_eni(&scene.node_1).addresses().count(), before);
    scene.call(&DescribeSubnets::default());
    scene.clock.advance(9_999);
    assert_eq!(scene.refused(&assign(&scene)), throttled());
    scene.clock.advance(1);
    scene.call(&assign(&scene));
    let outcomes = scene.lab.calls.counts();
    let refused = outcomes.iter().find(|count| count.outcome == "RequestLimitExceeded").unwrap();
    assert_eq!((refused.action.as_str(), refused.calls), ("AssignPrivateIpAddresses", 2));
}

#[test]
fn a_describe_of_everything_has_a_bucket_apart() {
    let timing = Timing { throttle: true, share: 2, ..Profile::Instant.timing() };
    let scene = scene(timing, &[]);
    scene.call(&DescribeNetworkInterfaces::default());
    assert_eq!(scene.refused(&DescribeNetworkInterfaces::default()), throttled());
    let filters = vec![Filter::new("vpc-id", [scene.vpc.as_str()])];
    let filtered = DescribeNetworkInterfaces { filters, ..Default::default() };
    scene.call(&filtered);
    scene.call(&filtered);
    assert_eq!(scene.refused(&filtered), throttled());
}

#[test]
fn calls_take_their_time() {
    let latency = [("DescribeSubnets".to_owned(), Span::new(150, 150))].into();
    let scene = scene(Timing { latency, ..Profile::Instant.timing() }, &[]);
    let started = Instant::now();
    scene.call(&DescribeSubnets::default());
    assert!(started.elapsed() >= Duration::from_millis(150));
    let started = Instant::now();
    scene.call(&DescribeNetworkInterfaces::default());
    assert!(started.elapsed() < Duration::from_millis(150));
}

#[test]
fn a_denied_action_is_unauthorized_dry_or_not() {
    let scene = scene(Profile::Instant.timing(), &["CreateNetworkInterface"]);
    let arn = &scene.key.principal.arn;
    let message = format!(
        "You are not authorized to perform this operation. User: {arn} is not authorized to \
         perform: ec2:CreateNetworkInterface with an explicit deny in an identity-based policy"
    );
    let unauthorized = error(403, "UnauthorizedOperation", message);
    assert_eq!(scene.refused(&create(&scene)), unauthorized);
    let dry = CreateNetworkInterface { dry_run: Some(true), ..create(&scene) };
    assert_eq!(scene.refused(&dry), unauthorized);
    scene.call(&assign(&scene));
}

#[test]
fn a_new_eni_is_not_found_for_a_while() {
    let new_eni = Span::new(400, 400);
    let scene = scene(Timing { new_eni, ..Profile::Instant.timing() }, &[]);
    let id = scene.call(&create(&scene)).network_interface.network_interface_id;
    let by_id = DescribeNetworkInterfaces {
        network_interface_ids: vec![id.clone()],
        ..DescribeNetworkInterfaces::default()
    };
    let message = format!("The networkInterface ID '{id}' does not exist");
    let missing = error(400, "InvalidNetworkInterfaceID.NotFound", message);
    assert_eq!(scene.refused(&by_id), missing);
    let listed = |scene: &Scene| {
        let all = scene.call(&DescribeNetworkInterfaces::default()).network_interfaces;
        all.iter().any(|eni| eni.network_interface_id == id)
    };
    assert!(!listed(&scene));
    let assign = AssignPrivateIpAddresses { network_interface_id: id.clone(), ..assign(&scene) };
    assert_eq!(scene.refused(&assign), missing);
    scene.clock.advance(400);
    assert!(listed(&scene));
    scene.call(&assign);
    scene.call(&by_id);
}

#[test]
fn faults_throttle_fail_deny_and_end() {
    let scene = Scene::new();
    let throttle = fault(&scene, Effect::Throttle { action: "*".into() });
    assert_eq!(scene.refused(&DescribeSubnets::default()), throttled());
    assert_eq!(scene.lab.requests.clear_faults(Some(throttle)).len(), 1);
    scene.call(&DescribeSubnets::default());

    let (code, message) = ("InsufficientInstanceCapacity".to_owned(), "No room.".to_owned());
    let action = "DescribeSubnets".to_owned();
    fault(&scene, Effect::Fail { action, code, message, times: 2 });
    scene.call(&assign(&scene));
    let failed = error(503, "InsufficientInstanceCapacity", "No room.");
    assert_eq!(scene.refused(&DescribeSubnets::default()), failed);
    assert_eq!(scene.refused(&DescribeSubnets::default()), failed);
    scene.call(&DescribeSubnets::default());
    assert!(scene.lab.requests.faults().is_empty(), "it has failed as often as it was told to");

    fault(&scene, Effect::Deny { action: "DescribeSubnets".into() });
    fault(&scene, Effect::Delay { action: "*".into(), milliseconds: 100 });
    let started = Instant::now();
    let (status, code, _) = scene.refused(&DescribeSubnets::default());
    assert_eq!((status, code.as_str()), (403, "UnauthorizedOperation"));
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert_eq!(scene.lab.requests.clear_faults(None).len(), 2);
    scene.call(&DescribeSubnets::default());
}

#[test]
fn every_call_is_in_the_audit_trail() {
    let directory = tempfile::tempdir().unwrap();
    let trail = AuditTrail::in_directory(directory.path()).unwrap();
    let scene = Scene::with_requests(Requests::default(), trail);
    scene.call(&DescribeSubnets::default());
    let unknown = AssignPrivateIpAddresses {
        network_interface_id: format!("eni-{}", super::ABSENT),
        ..assign(&scene)
    };
    scene.refused(&unknown);
    scene.send("POST", "/", "Action=DescribeVpcs&Version=2016-11-15", None);
    let events = scene.lab.audit.events(Timestamp(0)).unwrap();
    let [first, second, third] = &events[..] else { panic!("{events:?}") };
    assert_eq!((first.event_name.as_str(), &first.error_code), ("DescribeSubnets", &None));
    assert_eq!(first.event_time, "2026-11-23T11:40:00.000Z");
    assert_eq!(first.source_ip_address, "127.0.0.1");
    assert_eq!(first.user_identity.account_id.as_deref(), Some("111122223333"));
    assert_eq!(second.request_parameters["networkInterfaceId"], unknown.network_interface_id);
    let code = second.error_code.as_deref();
    assert_eq!(code, Some("Client.InvalidNetworkInterfaceID.NotFound"));
    assert_eq!(third.error_code.as_deref(), Some("Client.MissingAuthenticationToken"));
    assert_eq!(third.user_identity.arn, "-");
    assert_eq!(scene.clock.now(), Timestamp(1_795_434_000_000));
    let line = std::fs::read_to_string(directory.path().join(crate::audit::FILE)).unwrap();
    assert!(line.starts_with(r#"{"eventTime":"#) && line.contains(r#""sourceIPAddress":"#));
}
