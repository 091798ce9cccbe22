//! The random operations on prefixes, CIDR reservations and subnets.

use ipnet::Ipv4Net;

use super::*;
use crate::{BlockState, CidrReservationSpec, PrefixRequest, ReservationType};

pub(super) fn blocks() -> impl Strategy<Value = Blocks> {
    prop_oneof![
        2 => (0..4_u32).prop_map(Blocks::Count),
        1 => prop::collection::vec(1..9_u8, 0..4).prop_map(Blocks::List),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let which = any::<usize>;
    prop_oneof![
        6 => (which(), blocks()).prop_map(|(eni, request)| Step::AssignPrefixes { eni, request }),
        3 => (which(), prop::collection::vec(0..8_u8, 0..2), prop::option::of(which()))
            .prop_map(|(eni, prefixes, address)| Step::UnassignPrefixes { eni, prefixes, address }),
        3 => (which(), 0..140_u8, 24..33_u8, any::<bool>()).prop_map(
            |(subnet, offset, len, for_prefixes)| Step::Reserve { subnet, offset, len, for_prefixes }
        ),
        1 => which().prop_map(|reservation| Step::EndReservation { reservation }),
        1 => which().prop_map(|subnet| Step::DeleteSubnet { subnet }),
        1 => (which(), which()).prop_map(|(vpc, subnet)| Step::CreateSubnet { vpc, subnet }),
    ]
}

pub(super) fn resolve(world: &World, subnet: &SubnetId, blocks: &Blocks) -> PrefixRequest {
    match blocks {
        Blocks::Count(count) => PrefixRequest::Count(*count),
        Blocks::List(places) => {
            let block = |&place: &u8| net(address_at(world, subnet, place * 16), 28);
            PrefixRequest::List(places.iter().map(block).collect())
        }
    }
}

fn net(address: Ipv4Addr, len: u8) -> Ipv4Net {
    Ipv4Net::new(address, len).expect("a length").trunc()
}

/// Does the step; `None` if there is nothing yet to do it with.
pub(super) fn perform(world: &mut World, step: &Step) -> Option<Result<(), Error>> {
    let eni = |world: &World, n: usize| nth(world.enis().map(|eni| eni.id.clone()), n);
    let subnet = |world: &World, n: usize| nth(world.subnets().map(|s| s.id.clone()), n);
    Some(match step {
        Step::AssignPrefixes { eni: n, request } => {
            let id = eni(world, *n)?;
            let request = resolve(world, &world.eni(&id).ok()?.subnet, request);
            assign(world, &id, &request)
        }
        Step::UnassignPrefixes { eni: n, prefixes, address } => {
            // Rather one that has some.
            let having = world.enis().filter(|eni| !eni.prefixes.is_empty());
            let id = nth(having.map(|eni| eni.id.clone()), *n).or_else(|| eni(world, *n))?;
            let found = world.eni(&id).ok()?;
            let pick = |&place: &u8| match nth(found.prefixes.iter().copied(), place.into()) {
                Some(own) if place < 6 => own,
                _ => net(address_at(world, &found.subnet, place * 16), 28),
            };
            let prefixes: Vec<_> = prefixes.iter().map(pick).collect();
            let address = address.and_then(|n| nth(found.secondary.iter().copied(), n));
            let addresses: Vec<_> = address.into_iter().collect();
            world.unassign_all(&id, &addresses, &prefixes)
        }
        Step::Reserve { subnet: n, offset, len, for_prefixes } => {
            let subnet = subnet(world, *n)?;
            let kind = match for_prefixes {
                true => ReservationType::Prefix,
                false => ReservationType::Explicit,
            };
            let spec = CidrReservationSpec {
                cidr: net(address_at(world, &subnet, *offset), *len),
                subnet,
                kind,
                description: String::new(),
                tags: Tags::new(),
            };
            world.create_cidr_reservation(spec).map(drop)
        }
        Step::EndReservation { reservation } => {
            let all = world.subnets().flat_map(|s| s.cidr_reservations.keys().cloned());
            let id = nth(all, *reservation)?;
            world.delete_cidr_reservation(&id).map(drop)
        }
        Step::DeleteSubnet { subnet: n } => {
            let subnet = subnet(world, *n)?;
            world.delete_subnet(&subnet)
        }
        Step::CreateSubnet { vpc, subnet } => {
            let vpc = nth(world.vpcs().map(|vpc| vpc.id.clone()), *vpc)?;
            let (cidr, zone) = SUBNETS[subnet % SUBNETS.len()];
            world.create_subnet(subnet_spec(&vpc, cidr, zone)).map(drop)
        }
        _ => return None,
    })
}

/// Assigns, and holds that it succeeds just when a plain reading of the rules says so, and gives
/// just what was asked for.
fn assign(world: &mut World, id: &EniId, request: &PrefixRequest) -> Result<(), Error> {
    let before = world.clone();
    let eni = before.eni(id)?;
    let subnet = before.subnet(&eni.subnet)?;
    let kept = |kind| {
        let mut reservations = subnet.cidr_reservations.values();
        move |block: &Ipv4Net| reservations.any(|r| r.kind == kind && r.cidr.contains(block))
    };
    let free: Vec<_> = subnet.blocks().filter(|block| block.state == BlockState::Free).collect();
    let for_prefixes: Vec<Ipv4Net> = free
        .iter()
        .map(|block| block.cidr)
        .filter(|block| kept(ReservationType::Prefix)(block))
        .collect();
    let pool: Vec<Ipv4Net> =
        free.iter().filter(|block| !block.withheld).map(|block| block.cidr).collect();
    let allowed = match request {
        PrefixRequest::Count(count) => *count as usize <= for_prefixes.len() + pool.len(),
        PrefixRequest::List(list) => {
            let distinct: BTreeSet<_> = list.iter().collect();
            distinct.len() == list.len()
                && list.iter().all(|prefix| free.iter().any(|block| block.cidr == *prefix))
        }
    };
    let fits = match eni.instance() {
        Some(instance) => {
            let kind = before.instance(instance)?.instance_type;
            let used = 1 + eni.secondary.len() + eni.prefixes.len();
            used + request.count() <= kind.ipv4_per_eni as usize && kind.name != "t2.small"
        }
        None => true,
    };
    let expected = request.count() > 0 && allowed && fits && !eni.is_requester_managed();

    let assigned = world.assign_prefixes(id, request);
    assert_eq!(assigned.is_ok(), expected, "{request:?} for {eni:?}: {assigned:?}");
    let assigned = assigned?;
    assert_eq!(assigned.len(), request.count());
    assert_eq!(world.eni(id)?.prefixes, [eni.prefixes.clone(), assigned.clone()].concat());
    if let PrefixRequest::Count(_) = request {
        let reserved = assigned.iter().filter(|prefix| for_prefixes.contains(prefix)).count();
        assert_eq!(reserved, assigned.len().min(for_prefixes.len()), "reservations come first");
        assert!(assigned.iter().all(|p| for_prefixes.contains(p) || pool.contains(p)));
    }
    Ok(())
}
