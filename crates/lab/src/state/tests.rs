use std::sync::Arc;
use std::time::Duration;

use vpc::{AccountId, InstanceId, Timestamp};

use super::*;

fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

fn lab(fabric: &Arc<FabricTwin>) -> Lab {
    Lab::new(LabConfig {
        account: account(),
        region: "us-west-2".into(),
        instance_role: None,
        world: World::new(1),
        fabric: Box::new(fabric.clone()),
        clock: Arc::new(ManualClock::new(Timestamp(0))),
        secret: Secret::from_bytes([1; 32]),
    })
}

fn add_vpc(lab: &Lab, cidr: &str) -> Result<vpc::VpcId, MutateError> {
    let spec = vpc::VpcSpec {
        owner: account(),
        region: "us-west-2".into(),
        cidr: cidr.parse().unwrap(),
        tags: vpc::Tags::new(),
    };
    lab.mutate(|world| world.create_vpc(spec))
}

fn count(world: &World) -> usize {
    world.vpcs().count()
}

#[test]
fn a_change_reaches_the_fabric_before_it_returns() {
    let fabric = Arc::new(FabricTwin::default());
    let lab = lab(&fabric);
    add_vpc(&lab, "10.10.0.0/16").unwrap();
    assert_eq!(lab.read(count), 1);
    let converged = fabric.converged();
    assert_eq!(converged.iter().map(count).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_refused_change_reaches_nothing() {
    let fabric = Arc::new(FabricTwin::default());
    let lab = lab(&fabric);
    assert!(matches!(add_vpc(&lab, "10.0.0.0/8"), Err(MutateError::Refused(_))));
    assert_eq!((lab.read(count), fabric.convergences()), (0, 0));
}

#[test]
fn a_failing_fabric_undoes_the_change() {
    let fabric = Arc::new(FabricTwin::default());
    let lab = lab(&fabric);
    add_vpc(&lab, "10.10.0.0/16").unwrap();
    fabric.fail_next("adding a route");
    let error = add_vpc(&lab, "10.20.0.0/16").unwrap_err();
    let MutateError::Fabric(error) = error else { panic!("{error}") };
    assert_eq!(error.to_string(), "fabric did not converge while adding a route");
    assert_eq!(lab.read(count), 1);
    let worlds: Vec<_> = fabric.converged().iter().map(count).collect();
    assert_eq!(worlds, [1, 1], "the fabric was brought back to the world before");
    add_vpc(&lab, "10.30.0.0/16").unwrap();
    assert_eq!(lab.read(count), 2);
}

#[test]
fn a_rehearsal_changes_nothing() {
    let fabric = Arc::new(FabricTwin::default());
    let lab = lab(&fabric);
    let spec = |cidr: &str| vpc::VpcSpec {
        owner: account(),
        region: "us-west-2".into(),
        cidr: cidr.parse().unwrap(),
        tags: vpc::Tags::new(),
    };
    lab.rehearse(|world| world.create_vpc(spec("10.10.0.0/16"))).unwrap();
    lab.rehearse(|world| world.create_vpc(spec("10.0.0.0/8"))).unwrap_err();
    assert_eq!((lab.read(count), fabric.convergences()), (0, 0));
}

#[test]
fn a_panic_in_a_change_leaves_the_world_whole() {
    let fabric = Arc::new(FabricTwin::default());
    let lab = Arc::new(lab(&fabric));
    let other = lab.clone();
    let result = std::thread::spawn(move || {
        other.mutate(|world| -> Result<(), vpc::Error> {
            world.create_vpc(vpc::VpcSpec {
                owner: account(),
                region: "us-west-2".into(),
                cidr: "10.10.0.0/16".parse().unwrap(),
                tags: vpc::Tags::new(),
            })?;
            panic!("half-way")
        })
    });
    assert!(result.join().is_err());
    assert_eq!(lab.read(count), 0);
    add_vpc(&lab, "10.10.0.0/16").unwrap();
}

#[test]
fn role_sessions_are_kept_until_they_near_their_end() {
    let keys = Credentials::new(Secret::from_bytes([1; 32]));
    let instance: InstanceId = "i-0123456789abcdef0".parse().unwrap();
    let hour = 3600 * 1000;
    let session = |at: i64| keys.role_session(&account(), "node", &instance, Timestamp(at));
    let first = session(0);
    assert_eq!(first.expires, Some(Timestamp(6 * hour)));
    assert_eq!(
        first.principal.arn,
        "arn:aws:sts::111122223333:assumed-role/node/i-0123456789abcdef0"
    );
    assert!(first.id.starts_with("ASIA") && first.id.len() == 20, "{}", first.id);
    assert_eq!(first.secret.len(), 40);
    assert_eq!(session(5 * hour), first);
    let second = session(6 * hour - 10 * 60 * 1000);
    assert_ne!(second.id, first.id);
    assert_ne!(second.session_token, first.session_token);
    assert_eq!(keys.find(&first.id), Some(first.clone()), "the old one lives to its end");
    session(40 * hour);
    assert_eq!(keys.find(&first.id), None, "long ended");
}

#[test]
fn users_keys_differ_and_can_be_removed() {
    let keys = Credentials::new(Secret::from_bytes([1; 32]));
    let (a, b) = (keys.add_user(&account(), "admin"), keys.add_user(&account(), "admin"));
    assert!(a.id.starts_with("AKIA"));
    assert!(a.id != b.id && a.secret != b.secret);
    assert_eq!(keys.find(&a.id).as_ref(), Some(&a));
    assert_eq!(keys.remove(&a.id), Some(a.clone()));
    assert_eq!(keys.find(&a.id), None);
    let shown = format!("{b:?} {keys:?} {:?}", Secret::from_bytes([1; 32]));
    assert!(!shown.contains(&b.secret), "{shown}");
}

#[test]
fn secrets_keep_their_parts_apart() {
    let secret = Secret::from_bytes([1; 32]);
    let code = secret.derive("p", &[b"ab", b"c"]);
    assert!(secret.matches("p", &[b"ab", b"c"], &code));
    assert!(!secret.matches("p", &[b"a", b"bc"], &code));
    assert!(!secret.matches("q", &[b"ab", b"c"], &code));
    assert!(!secret.matches("p", &[b"ab", b"c"], &code[..31]));
    let (a, b) = (Secret::generate().unwrap(), Secret::generate().unwrap());
    assert_ne!(a.derive("p", &[]), b.derive("p", &[]));
}

#[test]
fn calls_are_counted_by_action_caller_and_outcome() {
    let log = CallLog::default();
    let call = |at: i64, action: &str, caller: &str, error: Option<&str>| Call {
        at: Timestamp(at),
        request_id: String::new(),
        action: action.into(),
        caller: caller.into(),
        source: None,
        error: error.map(Into::into),
        duration: Duration::ZERO,
    };
    log.record(call(1, "DescribeVpcs", "a", None));
    log.record(call(2, "DescribeVpcs", "a", None));
    log.record(call(3, "DescribeVpcs", "b", Some("RequestExpired")));
    log.record(call(4, "AssignPrivateIpAddresses", "a", None));
    let show = |counts: Vec<CallCount>| {
        counts
            .into_iter()
            .map(|c| format!("{} {} {} {}", c.action, c.caller, c.outcome, c.calls))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        show(log.counts()),
        [
            "AssignPrivateIpAddresses a OK 1",
            "DescribeVpcs a OK 2",
            "DescribeVpcs b RequestExpired 1"
        ]
    );
    assert_eq!(
        show(log.counts_since(Timestamp(3))),
        ["AssignPrivateIpAddresses a OK 1", "DescribeVpcs b RequestExpired 1"]
    );
    assert_eq!(log.total("DescribeVpcs"), 3);
    assert_eq!(log.since(Timestamp(4)).len(), 1);
}

#[test]
fn times_are_written_as_ec2_writes_them() {
    let at = Timestamp(1_795_434_000_007);
    assert_eq!(iso8601(at), "2026-11-23T11:40:00.007Z");
    assert_eq!(iso8601_seconds(at), "2026-11-23T11:40:00Z");
    assert_eq!(iso8601(Timestamp(i64::MAX)).len(), 24);
}
