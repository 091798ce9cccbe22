//! MaxResults and NextToken over HTTP.

use ec2_query::{
    CreateNetworkInterface, DeleteNetworkInterface, DescribeInstanceTypes,
    DescribeNetworkInterfaces, DescribeSubnets, Filter,
};

use super::{Scene, error};

fn request(max_results: u32, next_token: Option<String>) -> DescribeNetworkInterfaces {
    DescribeNetworkInterfaces {
        max_results: Some(max_results),
        next_token,
        ..DescribeNetworkInterfaces::default()
    }
}

#[test]
fn pages_show_what_stays_once_while_others_go() {
    let scene = Scene::new();
    let create = CreateNetworkInterface {
        subnet_id: scene.nodes_a.to_string(),
        ..CreateNetworkInterface::default()
    };
    for _ in 0..9 {
        scene.call(&create);
    }
    let first = scene.call(&request(5, None));
    assert_eq!(first.network_interfaces.len(), 5);
    let mut seen: Vec<String> =
        first.network_interfaces.iter().map(|eni| eni.network_interface_id.clone()).collect();
    // The last one shown goes away between the pages: the next page still begins after it.
    let unattached = first.network_interfaces.iter().rev().find(|eni| eni.attachment.is_none());
    let gone = unattached.unwrap().network_interface_id.clone();
    scene.call(&DeleteNetworkInterface { dry_run: None, network_interface_id: gone });
    let mut token = first.next_token;
    while token.is_some() {
        let page = scene.call(&request(5, token));
        seen.extend(page.network_interfaces.iter().map(|eni| eni.network_interface_id.clone()));
        token = page.next_token;
    }
    assert_eq!(seen.len(), 12);
    seen.dedup();
    assert_eq!(seen.len(), 12, "none twice");
}

#[test]
fn bounds_of_max_results() {
    let scene = Scene::new();
    let wrong = |value: u32, problem: &str| {
        error(
            400,
            "InvalidParameterValue",
            format!(
                "Value ( {value} ) for parameter maxResults is invalid. Expecting a value {problem}."
            ),
        )
    };
    assert_eq!(scene.refused(&request(4, None)), wrong(4, "greater than 5"));
    assert_eq!(scene.refused(&request(1001, None)), wrong(1001, "less than 1000"));
    let types =
        DescribeInstanceTypes { max_results: Some(101), ..DescribeInstanceTypes::default() };
    assert_eq!(scene.refused(&types), wrong(101, "less than 100"));
    let with_ids = DescribeNetworkInterfaces {
        network_interface_ids: vec![scene.xeni.to_string()],
        ..request(5, None)
    };
    assert_eq!(
        scene.refused(&with_ids),
        error(
            400,
            "InvalidParameterCombination",
            "The parameter networkInterfaceIdSet cannot be used with the parameter maxResults"
        )
    );
}

#[test]
fn instance_types_come_a_hundred_at_a_time_unasked() {
    let scene = Scene::new();
    let mut request = DescribeInstanceTypes::default();
    let (mut total, mut pages) = (0, 0);
    loop {
        let page = scene.call(&request);
        assert!(page.instance_types.len() <= 100);
        total += page.instance_types.len();
        pages += 1;
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    assert_eq!((total, pages), (vpc::instance_types::all().len(), total.div_ceil(100)));
}

#[test]
fn a_token_of_another_call_account_or_filter_is_invalid() {
    let scene = Scene::new();
    let first = DescribeInstanceTypes { max_results: Some(5), ..DescribeInstanceTypes::default() };
    let token = scene.call(&first).next_token.unwrap();
    let invalid = error(
        400,
        "InvalidParameterValue",
        format!("Value ( {token} ) for parameter NextToken is invalid. The token is invalid."),
    );
    let other_call =
        DescribeSubnets { next_token: Some(token.clone()), ..DescribeSubnets::default() };
    assert_eq!(scene.refused(&other_call), invalid);
    let other_filter = DescribeInstanceTypes {
        filters: vec![Filter::new("bare-metal", ["true"])],
        next_token: Some(token.clone()),
        ..first.clone()
    };
    assert_eq!(scene.refused(&other_filter), invalid);
    scene.call(&DescribeInstanceTypes { next_token: Some(token), ..first });
    let empty = DescribeSubnets { next_token: Some(String::new()), ..DescribeSubnets::default() };
    assert_eq!(
        scene.refused(&empty),
        error(
            400,
            "InvalidParameterValue",
            "Value (  ) for parameter NextToken is invalid. The token is invalid."
        )
    );
}
