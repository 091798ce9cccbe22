//! Every type, there and back, with arbitrary values.

mod arbitrary;

use crate::*;
use arbitrary::{Alphabet, arbitrary};
use proptest::prelude::*;

/// What must hold for the request `A` and its answer, with the values that `entropy` makes.
fn check<A: Action>(entropy: &[u8]) {
    let request: A = arbitrary(entropy, Alphabet::Any);
    let pairs = to_form(&request).unwrap();
    assert_eq!(action_of(&pairs), Ok(A::NAME));
    let body = encode_body(&pairs);
    assert_eq!(decode_body(body.as_bytes()).as_ref(), Ok(&pairs));
    match from_form::<A>(&pairs) {
        // An empty list cannot be said, and these two must not be empty.
        Err(FormError::Missing { parameter }) if ["ResourceId", "Tag"].contains(&&*parameter) => {
            assert!(!body.contains(&format!("&{parameter}.1")), "{body}");
        }
        read => assert_eq!(read, Ok(request), "{body}"),
    }

    let response: A::Response = arbitrary(entropy, Alphabet::Xml);
    let xml = to_xml::<A>("f0e1", &response).unwrap();
    assert_eq!(from_xml::<A>(&xml), Ok(response), "{xml}");

    // With characters that XML cannot hold, the document still holds, and says the rest.
    let response: A::Response = arbitrary(entropy, Alphabet::Any);
    let xml = to_xml::<A>("f0\0e1", &response).unwrap();
    let permitted = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'..);
    assert!(xml.chars().all(permitted), "{xml:?}");
    let read = from_xml::<A>(&xml).unwrap();
    assert_eq!(to_xml::<A>("f0\0e1", &read).unwrap(), xml);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_and_answer_survives_the_wire(entropy in prop::collection::vec(any::<u8>(), 0..1500)) {
        check::<DescribeVpcs>(&entropy);
        check::<DescribeSubnets>(&entropy);
        check::<DescribeInstances>(&entropy);
        check::<DescribeNetworkInterfaces>(&entropy);
        check::<DescribeInstanceTypes>(&entropy);
        check::<DescribeSecurityGroups>(&entropy);
        check::<DescribeSecurityGroupRules>(&entropy);
        check::<CreateSecurityGroup>(&entropy);
        check::<DeleteSecurityGroup>(&entropy);
        check::<AuthorizeSecurityGroupIngress>(&entropy);
        check::<AuthorizeSecurityGroupEgress>(&entropy);
        check::<RevokeSecurityGroupIngress>(&entropy);
        check::<RevokeSecurityGroupEgress>(&entropy);
        check::<DescribeAvailabilityZones>(&entropy);
        check::<CreateNetworkInterface>(&entropy);
        check::<AttachNetworkInterface>(&entropy);
        check::<DetachNetworkInterface>(&entropy);
        check::<DeleteNetworkInterface>(&entropy);
        check::<AssignPrivateIpAddresses>(&entropy);
        check::<UnassignPrivateIpAddresses>(&entropy);
        check::<ModifyNetworkInterfaceAttribute>(&entropy);
        check::<CreateTags>(&entropy);
        check::<DeleteTags>(&entropy);
        check::<CreateVpc>(&entropy);
        check::<DeleteVpc>(&entropy);
        check::<AssociateVpcCidrBlock>(&entropy);
        check::<DisassociateVpcCidrBlock>(&entropy);
        check::<DescribeVpcAttribute>(&entropy);
        check::<ModifyVpcAttribute>(&entropy);
        check::<CreateSubnet>(&entropy);
        check::<DeleteSubnet>(&entropy);
        check::<ModifySubnetAttribute>(&entropy);
        check::<CreateSubnetCidrReservation>(&entropy);
        check::<DeleteSubnetCidrReservation>(&entropy);
        check::<GetSubnetCidrReservations>(&entropy);
    }
}

#[test]
fn only_requests_that_change_nothing_twice_are_repeatable() {
    assert!(DescribeVpcs::default().is_repeatable());
    assert!(!CreateNetworkInterface::default().is_repeatable());
    let token = Some("a-token".to_owned());
    let create = CreateNetworkInterface { client_token: token, ..Default::default() };
    assert!(create.is_repeatable());
    assert!(AssignPrivateIpAddresses::default().is_repeatable());
    let count = Some(2);
    let assign = AssignPrivateIpAddresses {
        secondary_private_ip_address_count: count,
        ..Default::default()
    };
    assert!(!assign.is_repeatable());
    let assign = AssignPrivateIpAddresses { ipv4_prefix_count: count, ..Default::default() };
    assert!(!assign.is_repeatable());
}

#[test]
fn dry_run_is_told() {
    assert!(!DescribeVpcs::default().dry_run());
    assert!(DescribeVpcs { dry_run: Some(true), ..Default::default() }.dry_run());
    assert!(!DeleteTags { dry_run: Some(false), ..Default::default() }.dry_run());
}

#[test]
fn the_last_page_has_no_token() {
    let page = |token: Option<&str>| {
        let next_token = token.map(str::to_owned);
        DescribeVpcs::into_page(DescribeVpcsResponse { vpcs: vec![Vpc::default()], next_token })
    };
    assert_eq!(page(Some("t")).1.as_deref(), Some("t"));
    assert_eq!(page(Some("")).1, None);
    assert_eq!(page(None), (vec![Vpc::default()], None));
    let mut request = DescribeVpcs::default();
    request.set_next_token(Some("t".to_owned()));
    assert_eq!(request.next_token.as_deref(), Some("t"));
}
