use ipnet::Ipv4Net;

use super::*;
use crate::{CidrReservationSpec, PrefixRequest, Quotas, ReservationType};

fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a CIDR block")
}

fn spec(subnet: &SubnetId, cidr: &str, kind: ReservationType) -> CidrReservationSpec {
    CidrReservationSpec {
        subnet: subnet.clone(),
        cidr: net(cidr),
        kind,
        description: "kept".to_owned(),
        tags: Tags::new(),
    }
}

#[test]
fn reserving_a_whole_subnet_leaves_nothing_to_pick() {
    let mut f = Fixture::new();
    let whole = spec(&f.subnet, "10.0.1.0/24", ReservationType::Prefix);
    let id = f.world.create_cidr_reservation(whole).expect("reserved");
    assert_eq!(f.free(&f.subnet), 0);
    let error = Error::InsufficientFreeAddresses {
        subnet: f.subnet.clone(),
        cidr: net("10.0.1.0/24"),
        requested: 1,
        free: 0,
    };
    let eni = f.spec();
    f.refuses(&error, |w| w.create_eni(eni));
    let named = EniSpec { primary: Some(ip("10.0.1.9")), ..f.spec() };
    let eni = f.world.create_eni(named).expect("addresses can be had by name");
    f.world.assign_prefixes(&eni, &PrefixRequest::Count(2)).expect("from the reservation");
    let usage = f.world.subnet_usage(&f.subnet).expect("it");
    assert_eq!((usage.free, usage.withheld), (0, 251 - 1 - 32));

    let deleted = f.world.delete_cidr_reservation(&id).expect("deleted");
    assert_eq!((deleted.cidr, deleted.description.as_str()), (net("10.0.1.0/24"), "kept"));
    assert_eq!(f.free(&f.subnet), 251 - 1 - 32, "what is unused comes back");
    f.refuses(&Error::UnknownCidrReservation { reservation: id.clone() }, |w| {
        w.delete_cidr_reservation(&id)
    });
}

#[test]
fn a_reservation_may_cover_addresses_in_use() {
    let mut f = Fixture::new();
    let named = EniSpec { primary: Some(ip("10.0.1.20")), ..f.spec() };
    let eni = f.world.create_eni(named).expect("an ENI");
    let covering = spec(&f.subnet, "10.0.1.16/28", ReservationType::Explicit);
    f.world.create_cidr_reservation(covering).expect("reserved");
    assert_eq!(f.free(&f.subnet), 251 - 16, "the held one was not free before");
    f.world.delete_eni(&eni).expect("deleted");
    assert_eq!(f.free(&f.subnet), 251 - 16, "it is kept back now");
}

#[test]
fn reservations_lie_inside_their_subnet_and_apart() {
    let mut f = Fixture::new();
    let first = spec(&f.subnet, "10.0.1.64/26", ReservationType::Prefix);
    let conflict = f.world.create_cidr_reservation(first).expect("reserved");
    for cidr in ["10.0.1.64/28", "10.0.1.0/24", "10.0.1.64/26"] {
        let kind = ReservationType::Prefix;
        let error =
            Error::ReservationConflict { reserved: net(cidr), conflict: conflict.clone(), kind };
        let overlapping = spec(&f.subnet, cidr, ReservationType::Explicit);
        f.refuses(&error, |w| w.create_cidr_reservation(overlapping));
    }
    for outside in ["10.0.0.0/16", "10.0.2.0/28"] {
        let error = Error::ReservationOutsideSubnet {
            reserved: net(outside),
            subnet: f.subnet.clone(),
            cidr: net("10.0.1.0/24"),
        };
        let outside = spec(&f.subnet, outside, ReservationType::Prefix);
        f.refuses(&error, |w| w.create_cidr_reservation(outside));
    }
    f.world.set_quotas(Quotas { cidr_reservations_per_subnet: 1, ..Quotas::default() });
    let error = Error::ReservationLimitExceeded { subnet: f.subnet.clone(), limit: 1 };
    let second = spec(&f.subnet, "10.0.1.128/28", ReservationType::Prefix);
    f.refuses(&error, |w| w.create_cidr_reservation(second));
}
