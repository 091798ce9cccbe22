use proptest::prelude::*;

use super::*;
use crate::{
    AccountId, AddressRequest, Eni, EniSpec, InterfaceType, Random, SubnetSpec, Tags, Timestamp,
    VpcSpec, World,
};

fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

fn call<'a>(account: &'a AccountId, action: &'a str) -> ApiCall<'a> {
    ApiCall { account, region: "us-west-2", action, broad: false, instances: 0 }
}

fn limit() -> impl Strategy<Value = Limit> {
    (1..200_u32, 1..30_000_u32)
        .prop_map(|(capacity, refill_millitokens)| Limit { capacity, refill_millitokens })
}

proptest! {
    /// In every window of time, no more is admitted than was there and came back.
    #[test]
    fn admits_no_more_than_capacity_and_refill(
        limit in limit(),
        steps in prop::collection::vec((0..2000_i64, 1..5_u32), 1..200),
    ) {
        let mut bucket = TokenBucket::full(limit, Timestamp(0));
        let (mut now, mut admitted) = (0, Vec::new());
        for (pause, tokens) in steps {
            now += pause;
            if bucket.take(tokens, Timestamp(now)).is_ok() {
                admitted.push((now, u64::from(tokens)));
            }
        }
        for (first, (from, _)) in admitted.iter().enumerate() {
            let mut taken = 0;
            for (to, tokens) in &admitted[first..] {
                taken += tokens;
                let elapsed = u64::try_from(to - from).unwrap();
                let refilled = elapsed * u64::from(limit.refill_millitokens);
                prop_assert!(taken * 1_000_000 <= u64::from(limit.capacity) * 1_000_000 + refilled);
            }
        }
    }

    /// However often it is looked at meanwhile, an empty bucket has after t what t brings.
    #[test]
    fn refills_exactly(limit in limit(), pauses in prop::collection::vec(0..500_i64, 1..100)) {
        let mut bucket = TokenBucket::full(limit, Timestamp(0));
        bucket.take(limit.capacity, Timestamp(0)).unwrap();
        let mut now = 0;
        for pause in pauses {
            now += pause;
            let refilled =
                u64::try_from(now).unwrap() * u64::from(limit.refill_millitokens) / 1_000_000;
            let expected = refilled.min(u64::from(limit.capacity));
            prop_assert_eq!(u64::from(bucket.tokens(Timestamp(now))), expected);
        }
    }

    /// A refusal names the first moment at which the same request is admitted.
    #[test]
    fn refusals_say_when(limit in limit(), before in 0..5000_i64, tokens in 1..200_u32) {
        let mut bucket = TokenBucket::full(limit, Timestamp(0));
        bucket.take(limit.capacity, Timestamp(0)).unwrap();
        match bucket.take(tokens, Timestamp(before)) {
            Ok(()) => {}
            Err(None) => prop_assert!(tokens > limit.capacity),
            Err(Some(until)) => {
                let early = Timestamp(until.0 - 1);
                prop_assert!(early < Timestamp(before) || bucket.clone().take(tokens, early).is_err());
                prop_assert!(bucket.take(tokens, until).is_ok());
            }
        }
    }

    #[test]
    fn spans_keep_their_bounds(seed: u64, min in 0..1000_u32, more in 0..1000_u32) {
        let drawn = Span::new(min, min + more).draw(&mut Random::new(seed));
        prop_assert!((min..=min + more).contains(&drawn));
    }

    /// The metadata service shows changes in their order, each no later than it may, and never
    /// goes back.
    #[test]
    fn metadata_follows_in_order(seed: u64, pauses in prop::collection::vec(0..20_000_i64, 1..20)) {
        let enis = enis(pauses.len());
        let timing = Profile::Realistic.timing();
        let mut random = Random::new(seed);
        let mut history = MetadataHistory::new(Vec::new());
        let (mut now, mut before) = (0, 0);
        for (count, pause) in pauses.iter().enumerate() {
            now += pause;
            let all: Vec<&Eni> = enis[..=count].iter().collect();
            history.record(&all, &timing, &mut random, Timestamp(now));
            let shown = history.view(Timestamp(now)).enis.len();
            prop_assert!(shown >= before && shown <= count + 1);
            before = shown;
        }
        let last = Timestamp(now + i64::from(timing.metadata.max));
        prop_assert_eq!(history.view(last).enis, enis);
    }
}

#[test]
fn a_clock_that_steps_back_brings_no_tokens() {
    let mut bucket = TokenBucket::full(Limit::new(2, 1), Timestamp(10_000));
    bucket.take(2, Timestamp(10_000)).unwrap();
    assert_eq!(bucket.take(1, Timestamp(5000)), Err(Some(Timestamp(11_000))));
    assert_eq!(bucket.tokens(Timestamp(10_999)), 0);
    assert_eq!(bucket.tokens(Timestamp(11_000)), 1);
}

#[test]
fn every_action_account_and_region_has_its_own_bucket() {
    let (ours, theirs) = (account(), "444455556666".parse().unwrap());
    let mut throttle = Throttle::new(100);
    let now = Timestamp(0);
    let attach = call(&ours, "AttachNetworkInterface");
    let admitted = (0..100).filter(|_| throttle.admit(&attach, now).is_ok()).count();
    assert_eq!(admitted, 50);
    assert_eq!(throttle.admit(&attach, now), Err(Throttled { until: Some(Timestamp(200)) }));
    assert!(throttle.admit(&call(&theirs, "AttachNetworkInterface"), now).is_ok());
    assert!(throttle.admit(&call(&ours, "DetachNetworkInterface"), now).is_ok());
    let elsewhere = ApiCall { region: "eu-west-1", ..attach };
    assert!(throttle.admit(&elsewhere, now).is_ok());
}

#[test]
fn describes_of_everything_have_less() {
    let ours = account();
    let mut throttle = Throttle::new(100);
    let narrow = call(&ours, "DescribeNetworkInterfaces");
    let broad = ApiCall { broad: true, ..narrow };
    let count = |throttle: &mut Throttle, call: &ApiCall<'_>| {
        (0..300).filter(|_| throttle.admit(call, Timestamp(0)).is_ok()).count()
    };
    assert_eq!(count(&mut throttle, &broad), 50);
    assert_eq!(count(&mut throttle, &narrow), 100);
    let subnets = ApiCall { broad: true, ..call(&ours, "DescribeSubnets") };
    assert_eq!(count(&mut throttle, &subnets), 100);
}

#[test]
fn instances_take_tokens_too_and_a_refusal_takes_none() {
    let ours = account();
    let mut throttle = Throttle::new(100);
    let run = |instances| ApiCall { instances, ..call(&ours, "RunInstances") };
    throttle.admit(&run(990), Timestamp(0)).unwrap();
    let refused = throttle.admit(&run(20), Timestamp(0));
    assert_eq!(refused, Err(Throttled { until: Some(Timestamp(5000)) }));
    assert_eq!(throttle.admit(&run(1001), Timestamp(0)), Err(Throttled { until: None }));
    let admitted = (0..10).filter(|_| throttle.admit(&run(1), Timestamp(0)).is_ok()).count();
    assert_eq!(admitted, 4, "the two refusals above must not have cost a call");
}

#[test]
fn a_share_leaves_less_but_something() {
    assert_eq!(Limit::new(50, 5).share(10), Limit { capacity: 5, refill_millitokens: 500 });
    assert_eq!(Limit::new(1, 1).share(1), Limit { capacity: 1, refill_millitokens: 10 });
}

#[test]
fn published_limits() {
    for (action, capacity, refill) in [
        ("DescribeSubnets", 100, 20_000),
        ("AttachNetworkInterface", 50, 5000),
        ("CreateNetworkInterface", 100, 5000),
        ("CreateTags", 100, 10_000),
        ("CreateVpcEndpoint", 4, 300),
        ("RunInstances", 5, 2000),
    ] {
        let expected = Limit { capacity, refill_millitokens: refill };
        assert_eq!(limits::of_calls(action, false), expected, "{action}");
    }
}

#[test]
fn instant_limits_and_delays_nothing() {
    let timing = Profile::Instant.timing();
    assert!(!timing.throttle);
    assert_eq!(timing.latency("CreateNetworkInterface", &mut Random::new(1)), 0);
    let eni = &enis(1)[0];
    assert!(!timing.hides(eni, 1, eni.created));
}

#[test]
fn a_new_eni_is_unknown_for_a_while_and_then_stays_known() {
    let timing = Profile::Hostile.timing();
    let mut hidden = 0;
    for eni in enis(40) {
        let states: Vec<bool> = (0..=timing.new_eni.max + 1)
            .step_by(50)
            .map(|after| timing.hides(&eni, 7, Timestamp(eni.created.0 + i64::from(after))))
            .collect();
        assert!(states.is_sorted_by(|before, after| before >= after), "known, then unknown again");
        assert!(!states[states.len() - 1]);
        hidden += usize::from(states[0]);
    }
    assert!(hidden > 30, "{hidden} of 40");
}

#[test]
fn half_visible_enis_are_listed_before_they_are_known() {
    let enis = enis(2);
    let metadata = Span::new(10_000, 10_000);
    let timing = Timing { metadata, half_visible: 100, ..Profile::Instant.timing() };
    let mut history = MetadataHistory::new(vec![enis[0].clone()]);
    history.record(&[&enis[0], &enis[1]], &timing, &mut Random::new(1), Timestamp(0));
    let seen = |at| {
        let view = history.view(Timestamp(at));
        (view.enis.len(), view.only_listed.len())
    };
    assert_eq!(seen(0), (1, 0));
    assert_eq!(seen(5000), (1, 1));
    assert_eq!(seen(9999), (1, 1));
    assert_eq!(seen(10_000), (2, 0));
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let draw = |seed| {
        let mut random = Random::new(seed);
        let timing = Profile::Realistic.timing();
        (0..20).map(|_| timing.latency("DescribeSubnets", &mut random)).collect::<Vec<_>>()
    };
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5), draw(6));
}

/// ENIs in a subnet of their own, unattached.
fn enis(count: usize) -> Vec<Eni> {
    let mut world = World::new(1);
    let (owner, region) = (account(), "us-west-2".to_owned());
    let cidr = "10.0.0.0/16".parse().unwrap();
    let spec = VpcSpec { owner: owner.clone(), region, cidr, tags: Tags::new() };
    let vpc = world.create_vpc(spec).unwrap();
    let availability_zone = "us-west-2a".parse().unwrap();
    let spec = SubnetSpec { vpc, cidr, availability_zone, tags: Tags::new() };
    let subnet = world.create_subnet(spec).unwrap();
    let make = |_| {
        let spec = EniSpec {
            subnet: subnet.clone(),
            owner: owner.clone(),
            requester: None,
            interface_type: InterfaceType::Interface,
            description: String::new(),
            primary: None,
            secondary: AddressRequest::None,
            groups: Vec::new(),
            tags: Tags::new(),
            client_token: None,
            now: Timestamp(1000),
        };
        let id = world.create_eni(spec).unwrap();
        world.eni(&id).unwrap().clone()
    };
    (0..count).map(make).collect()
}
