//! Random operations, with what must hold after each of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use self::invariants::check;
use super::*;
use crate::{AttachmentTarget, EniAttribute, ForeignAttachment, InstanceState};

mod invariants;
mod prefixes;

/// An operation; the numbers choose among what there is at its time.
#[derive(Debug, Clone)]
enum Step {
    Run {
        subnet: usize,
        instance_type: usize,
        address: Option<u8>,
    },
    Terminate {
        instance: usize,
    },
    Create {
        subnet: usize,
        primary: Option<u8>,
        request: Request,
        token: Option<u8>,
        managed: bool,
    },
    Delete {
        eni: usize,
    },
    DeleteManaged {
        eni: usize,
    },
    Attach {
        eni: usize,
        instance: usize,
        device_index: u32,
        network_card: u32,
    },
    AttachForeign {
        eni: usize,
    },
    Detach {
        eni: usize,
        force: bool,
    },
    Assign {
        eni: usize,
        request: Request,
        reassign: bool,
    },
    Unassign {
        eni: usize,
        addresses: Vec<u8>,
    },
    UnassignOwn {
        eni: usize,
        secondary: usize,
    },
    DeleteOnTermination {
        eni: usize,
        value: bool,
    },
    AssignPrefixes {
        eni: usize,
        request: Blocks,
    },
    UnassignPrefixes {
        eni: usize,
        prefixes: Vec<u8>,
        address: Option<usize>,
    },
    Reserve {
        subnet: usize,
        offset: u8,
        len: u8,
        for_prefixes: bool,
    },
    EndReservation {
        reservation: usize,
    },
    DeleteSubnet {
        subnet: usize,
    },
    CreateSubnet {
        vpc: usize,
        subnet: usize,
    },
}

#[derive(Debug, Clone)]
enum Request {
    None,
    Count(u32),
    /// Offsets into the subnet, some of them reserved or outside.
    List(Vec<u8>),
    /// An address another ENI may hold, by the ENI and its place there.
    HeldBy(usize, usize),
    Prefixes(Blocks),
}

/// Prefixes, by count or by their place in the subnet, some of them reserved or outside.
#[derive(Debug, Clone)]
enum Blocks {
    Count(u32),
    List(Vec<u8>),
}

const TYPES: [&str; 5] = ["t4g.nano", "t3.small", "m5.large", "hpc6id.32xlarge", "t2.small"];

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        1 => Just(Request::None),
        4 => (0..8_u32).prop_map(Request::Count),
        2 => prop::collection::vec(0..40_u8, 0..4).prop_map(Request::List),
        2 => (any::<usize>(), 0..4_usize).prop_map(|(eni, at)| Request::HeldBy(eni, at)),
        2 => prefixes::blocks().prop_map(Request::Prefixes),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<usize>;
    let offset = || prop::option::weighted(0.3, 0..34_u8);
    prop_oneof![
        2 => (which(), which(), offset()).prop_map(|(subnet, instance_type, address)| {
            Step::Run { subnet, instance_type, address }
        }),
        1 => which().prop_map(|instance| Step::Terminate { instance }),
        4 => (which(), offset(), request(), prop::option::weighted(0.2, 0..3_u8), prop::bool::weighted(0.2))
            .prop_map(|(subnet, primary, request, token, managed)| {
                Step::Create { subnet, primary, request, token, managed }
            }),
        2 => which().prop_map(|eni| Step::Delete { eni }),
        1 => which().prop_map(|eni| Step::DeleteManaged { eni }),
        5 => (which(), which(), 0..5_u32, prop_oneof![2 => Just(0_u32), 1 => 0..3_u32]).prop_map(
            |(eni, instance, device_index, network_card)| {
                Step::Attach { eni, instance, device_index, network_card }
            }
        ),
        1 => which().prop_map(|eni| Step::AttachForeign { eni }),
        2 => (which(), prop::bool::weighted(0.2)).prop_map(|(eni, force)| Step::Detach { eni, force }),
        5 => (which(), request(), any::<bool>())
            .prop_map(|(eni, request, reassign)| Step::Assign { eni, request, reassign }),
        1 => (which(), prop::collection::vec(0..32_u8, 0..3))
            .prop_map(|(eni, addresses)| Step::Unassign { eni, addresses }),
        2 => (which(), which()).prop_map(|(eni, secondary)| Step::UnassignOwn { eni, secondary }),
        1 => (which(), any::<bool>())
            .prop_map(|(eni, value)| Step::DeleteOnTermination { eni, value }),
        10 => prefixes::step(),
    ]
}

const SUBNETS: [(&str, &str); 3] = [
    ("10.0.0.0/28", "us-west-2a"),
    ("10.0.0.32/27", "us-west-2b"),
    ("10.0.0.128/25", "us-west-2a"),
];

/// Two VPCs with the same addresses, each with subnets small enough to fill up.
fn small_world(seed: u64) -> World {
    let mut world = World::new(seed);
    for _ in 0..2 {
        let vpc = world.create_vpc(vpc_spec("10.0.0.0/24")).expect("a VPC");
        for (cidr, zone) in SUBNETS {
            world.create_subnet(subnet_spec(&vpc, cidr, zone)).expect("a subnet");
        }
    }
    world
}

fn nth<T: Clone>(items: impl Iterator<Item = T>, n: usize) -> Option<T> {
    let items: Vec<T> = items.collect();
    (!items.is_empty()).then(|| items[n % items.len()].clone())
}

fn address_at(world: &World, subnet: &SubnetId, offset: u8) -> Ipv4Addr {
    let base = world.subnet(subnet).expect("the subnet").cidr.network();
    Ipv4Addr::from(u32::from(base) + u32::from(offset))
}

fn resolve(world: &World, subnet: &SubnetId, request: &Request) -> AddressRequest {
    match request {
        Request::None => AddressRequest::None,
        Request::Count(count) => AddressRequest::Count(*count),
        Request::List(offsets) => AddressRequest::List(
            offsets.iter().map(|&offset| address_at(world, subnet, offset)).collect(),
        ),
        Request::HeldBy(eni, at) => {
            let holder = nth(world.enis().filter(|eni| eni.subnet == *subnet), *eni);
            let address = holder.and_then(|eni| eni.addresses().nth(*at));
            AddressRequest::List(address.into_iter().collect())
        }
        Request::Prefixes(blocks) => {
            AddressRequest::Prefixes(prefixes::resolve(world, subnet, blocks))
        }
    }
}

/// An ENI; three times in four an unattached one, so that attaching often succeeds.
fn mostly_free(world: &World, n: usize) -> Option<EniId> {
    let is_candidate = |eni: &&Eni| n.is_multiple_of(4) || eni.attachment.is_none();
    nth(world.enis().filter(is_candidate).map(|eni| eni.id.clone()), n / 4)
}

/// An instance; three times in four a running one.
fn mostly_running(world: &World, n: usize) -> Option<InstanceId> {
    let is_candidate = |i: &&Instance| n.is_multiple_of(4) || i.state == InstanceState::Running;
    nth(world.instances().filter(is_candidate).map(|i| i.id.clone()), n / 4)
}

/// An attachment; three times in four not that of a primary ENI.
fn mostly_secondary(world: &World, n: usize) -> Option<AttachmentId> {
    let is_primary = |target: &AttachmentTarget| {
        matches!(target, AttachmentTarget::Instance { device_index: 0, .. })
    };
    let candidates = world
        .enis()
        .filter_map(|eni| eni.attachment.as_ref())
        .filter(|attachment| n.is_multiple_of(4) || !is_primary(&attachment.target));
    nth(candidates.map(|attachment| attachment.id.clone()), n / 4)
}

/// Does the step; `None` if there is nothing yet to do it with.
fn perform(world: &mut World, step: &Step) -> Option<Result<(), Error>> {
    let eni = |world: &World, n: usize| nth(world.enis().map(|eni| eni.id.clone()), n);
    Some(match step {
        Step::Run { subnet, instance_type, address } => {
            let subnet = nth(world.subnets().map(|s| s.id.clone()), *subnet)?;
            let private_ip = address.map(|offset| address_at(world, &subnet, offset));
            let name = TYPES[instance_type % TYPES.len()];
            let spec = InstanceSpec { private_ip, ..instance_spec(&subnet, name) };
            world.run_instance(spec).map(drop)
        }
        Step::Terminate { instance } => {
            let id = nth(world.instances().map(|i| i.id.clone()), *instance)?;
            world.terminate_instance(&id)
        }
        Step::Create { subnet, primary, request, token, managed } => {
            let subnet = nth(world.subnets().map(|s| s.id.clone()), *subnet)?;
            let spec = EniSpec {
                primary: primary.map(|offset| address_at(world, &subnet, offset)),
                secondary: resolve(world, &subnet, request),
                requester: managed.then(|| Requester { id: "eks".to_owned(), managed: true }),
                client_token: token.map(|token| token.to_string()),
                ..eni_spec(&subnet)
            };
            world.create_eni(spec).map(drop)
        }
        Step::Delete { eni: n } => {
            let id = eni(world, *n)?;
            world.delete_eni(&id)
        }
        Step::DeleteManaged { eni: n } => {
            let id = eni(world, *n)?;
            world.delete_managed_eni(&id)
        }
        Step::Attach { eni: n, instance, device_index, network_card } => {
            let (eni, instance) = (mostly_free(world, *n)?, mostly_running(world, *instance)?);
            world.attach_eni(&eni, &instance, *device_index, *network_card, NOW).map(drop)
        }
        Step::AttachForeign { eni: n } => {
            let id = eni(world, *n)?;
            let to = ForeignAttachment {
                owner_account: other_account(),
                description: "control plane".to_owned(),
            };
            world.attach_foreign(&id, to, NOW).map(drop)
        }
        Step::Detach { eni: n, force } => {
            let id = mostly_secondary(world, *n)?;
            world.detach_eni(&id, *force).map(drop)
        }
        Step::Assign { eni: n, request, reassign } => {
            let id = eni(world, *n)?;
            let request = resolve(world, &world.eni(&id).ok()?.subnet, request);
            assign(world, &id, &request, *reassign)
        }
        Step::Unassign { eni: n, addresses } => {
            let id = eni(world, *n)?;
            let subnet = &world.eni(&id).ok()?.subnet;
            let addresses: Vec<_> =
                addresses.iter().map(|&offset| address_at(world, subnet, offset)).collect();
            world.unassign(&id, &addresses)
        }
        Step::UnassignOwn { eni: n, secondary } => {
            let id = eni(world, *n)?;
            let address = nth(world.eni(&id).ok()?.secondary.iter().copied(), *secondary)?;
            world.unassign(&id, &[address])
        }
        Step::DeleteOnTermination { eni: n, value } => {
            let id = eni(world, *n)?;
            let attachment = world.eni(&id).ok()?.attachment.as_ref()?.id.clone();
            let change = EniAttribute::DeleteOnTermination { attachment, value: *value };
            world.set_eni_attribute(&id, change)
        }
        other => return prefixes::perform(world, other),
    })
}

/// Assigns, and holds that it succeeds just when a plain reading of the rules says so, and gives
/// just what was asked for.
fn assign(
    world: &mut World,
    id: &EniId,
    request: &AddressRequest,
    reassign: bool,
) -> Result<(), Error> {
    let before = world.clone();
    let eni = before.eni(id)?;
    let subnet = before.subnet(&eni.subnet)?;
    let wanted = request.count();
    let limit = match eni.instance() {
        Some(instance) => before.instance(instance)?.instance_type.ipv4_per_eni as usize,
        None => usize::MAX,
    };
    let may = |address: &Ipv4Addr| {
        subnet.cidr.contains(address)
            && !subnet.reserved().contains(address)
            && before.eni_at(&eni.vpc, *address).is_none_or(|holder| {
                reassign
                    && !holder.is_requester_managed()
                    && holder.primary != *address
                    && holder.secondary.contains(address)
            })
    };
    let (new, allowed) = match request {
        AddressRequest::List(list) => {
            let distinct: BTreeSet<_> = list.iter().collect();
            let new = list.iter().filter(|address| !eni.secondary.contains(address)).count();
            (new, distinct.len() == list.len() && list.iter().all(may))
        }
        _ => (wanted, wanted <= subnet.free_addresses() as usize),
    };
    let fits = eni.address_count() + new <= limit;
    let expected = wanted > 0 && allowed && fits && !eni.is_requester_managed();

    let assigned = world.assign(id, request.clone(), reassign);
    assert_eq!(assigned.is_ok(), expected, "{request:?} for {eni:?}: {assigned:?}");
    let assigned = assigned?;
    assert_eq!(assigned.len(), new);
    for address in &assigned {
        assert!(!eni.secondary.contains(address), "{address} is not new");
        assert!(world.eni(id)?.secondary.contains(address));
        if let AddressRequest::Count(_) = request {
            assert_eq!(before.eni_at(&eni.vpc, *address), None, "{address} was not free");
        }
    }
    Ok(())
}

/// Ends everything; all addresses must come back.
fn tear_down(world: &mut World) {
    for id in world.instances().map(|i| i.id.clone()).collect::<Vec<_>>() {
        world.terminate_instance(&id).expect("terminated");
    }
    for id in world.enis().map(|eni| eni.id.clone()).collect::<Vec<_>>() {
        let deleted = match world.eni(&id).expect("it").is_requester_managed() {
            true => world.delete_managed_eni(&id),
            false => world.delete_eni(&id),
        };
        deleted.expect("deleted");
    }
    check(world);
    for subnet in world.subnets() {
        let usage = world.subnet_usage(&subnet.id).expect("the subnet");
        assert_eq!(usage.free + usage.withheld, usage.usable, "addresses are lost");
    }
    let ids = |world: &World| world.subnets().map(|s| s.id.clone()).collect::<Vec<_>>();
    for subnet in ids(world) {
        world.delete_subnet(&subnet).expect("nothing uses it");
    }
    for vpc in world.vpcs().map(|vpc| vpc.id.clone()).collect::<Vec<_>>() {
        world.delete_vpc(&vpc).expect("nothing is in it");
    }
    assert!(world.vpcs.is_empty() && world.security_groups.is_empty());
    assert!(world.macs.is_empty() && world.attachments.is_empty() && world.eni_counts.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn operations_keep_the_world_whole(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = small_world(seed);
        check(&world);
        for step in &steps {
            let before = world.clone();
            match perform(&mut world, step) {
                Some(Ok(())) => check(&world),
                Some(Err(refusal)) => {
                    prop_assert!(world == before, "{step:?} was refused and changed the World: {refusal}");
                }
                None => {}
            }
        }
        tear_down(&mut world);
    }
}

/// The steps above would prove little if they were nearly always refused for the same reason.
#[test]
fn the_steps_reach_the_rules() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..400 {
        let steps = prop::collection::vec(step(), 80).new_tree(&mut runner).expect("steps");
        let mut world = small_world(seed);
        for step in steps.current() {
            let outcome = match perform(&mut world, &step) {
                Some(Ok(())) => "done".to_owned(),
                Some(Err(refusal)) => format!("{refusal:?}"),
                None => continue,
            };
            let name = outcome.split([' ', '(']).next().unwrap_or_default().to_owned();
            *outcomes.entry(name).or_default() += 1;
        }
    }
    assert!(outcomes["done"] > 8000, "{outcomes:?}");
    for refusal in [
        "AddressAssigned",
        "AddressInPrefix",
        "AddressInUse",
        "AddressLimitExceeded",
        "AddressOutsideSubnet",
        "AddressReserved",
        "AddressesNotAssigned",
        "AttachmentLimitExceeded",
        "AvailabilityZoneMismatch",
        "DeviceIndexInUse",
        "DeviceIndexUnusable",
        "DuplicateAddress",
        "DuplicatePrefix",
        "EniInUse",
        "IdempotentParameterMismatch",
        "InstanceNotRunning",
        "InsufficientFreeAddresses",
        "InsufficientFreePrefixes",
        "NetworkCardAttachmentLimitExceeded",
        "NoAddressRequested",
        "NotRequesterManaged",
        "PrefixInUse",
        "PrefixOutsideSubnet",
        "PrefixReserved",
        "PrefixesNotAssigned",
        "PrefixesUnsupported",
        "PrimaryAddressMove",
        "PrimaryDeviceIndex",
        "PrimaryEniDetach",
        "PrimaryUnassign",
        "RequesterManaged",
        "ReservationConflict",
        "ReservationOutsideSubnet",
        "SubnetConflict",
        "SubnetInUse",
        "UnknownNetworkCard",
    ] {
        assert!(outcomes.contains_key(refusal), "{refusal} never happened: {outcomes:?}");
    }
}
