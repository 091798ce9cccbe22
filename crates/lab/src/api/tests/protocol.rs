//! What holds for every call: signatures, forms, dry runs, the log, a failing fabric.

use ec2_query::{
    AssignPrivateIpAddresses, CreateNetworkInterface, DeleteNetworkInterface, DescribeSubnets,
    DescribeVpcs, encode_body, from_xml,
};
use vpc::{Timestamp, World};

use super::{Scene, error, form, refusal};
use crate::state::AccessKey;

fn vpcs() -> String {
    encode_body(&form("DescribeVpcs", &[]))
}

#[test]
fn post_and_get_answer_alike() {
    let scene = Scene::new();
    let posted = scene.post(&vpcs(), &scene.key);
    let got = scene.send("GET", &format!("/?{}", vpcs()), "", Some(&scene.key));
    for answer in [&posted, &got] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "text/xml;charset=UTF-8");
        assert!(answer.body.contains(r#"xmlns="http://ec2.amazonaws.com/doc/2016-11-15/""#));
        let id = &answer.headers["x-amzn-requestid"];
        assert!(answer.body.contains(&format!("<requestId>{id}</requestId>")), "{}", answer.body);
        assert_eq!(from_xml::<DescribeVpcs>(&answer.body).unwrap().vpcs.len(), 1);
    }
    assert_ne!(posted.headers["x-amzn-requestid"], got.headers["x-amzn-requestid"]);
}

#[test]
fn only_signed_requests_are_answered() {
    let scene = Scene::new();
    let answer = scene.send("POST", "/", &vpcs(), None);
    assert_eq!(
        refusal(&answer),
        error(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    );
    let wrong = AccessKey { secret: "wrong".into(), ..scene.key.clone() };
    assert_eq!(refusal(&scene.post(&vpcs(), &wrong)).1, "SignatureDoesNotMatch");
    let unknown = AccessKey { id: "AKIANOBODY".into(), ..scene.key.clone() };
    assert_eq!(
        refusal(&scene.post(&vpcs(), &unknown)),
        error(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
    );
    scene.lab.credentials.remove(&scene.key.id);
    assert_eq!(refusal(&scene.post(&vpcs(), &scene.key)).1, "AuthFailure");
}

#[test]
fn role_credentials_work_until_they_end() {
    let scene = Scene::new();
    let lab = &scene.lab;
    let key = lab.credentials.role_session(&lab.account, "node", &scene.node_1, lab.now());
    assert_eq!(scene.post(&vpcs(), &key).status, 200);
    scene.clock.advance(6 * 3600 * 1000 - 1);
    assert_eq!(scene.post(&vpcs(), &key).status, 200);
    scene.clock.advance(1);
    assert_eq!(
        refusal(&scene.post(&vpcs(), &key)),
        error(400, "RequestExpired", "Request has expired.")
    );
    let calls = lab.calls.since(Timestamp(0));
    let arn = format!("arn:aws:sts::111122223333:assumed-role/node/{}", scene.node_1);
    assert_eq!(calls[0].caller, arn);
}

#[test]
fn the_form_is_checked() {
    let scene = Scene::new();
    let refused = |body: &str| refusal(&scene.post(body, &scene.key));
    assert_eq!(
        refused("Version=2016-11-15"),
        error(400, "MissingAction", "The request must contain the parameter Action")
    );
    assert_eq!(
        refused("Action=DescribeVpcs"),
        error(400, "MissingParameter", "The request must contain the parameter Version")
    );
    assert_eq!(
        refused("Action=DescribeVpcs&Version=2099-01-01"),
        error(
            400,
            "NoSuchVersion",
            "The requested version (2099-01-01) of service AmazonEC2 does not exist"
        )
    );
    assert_eq!(
        scene.refused_raw("MakeCoffee", &[]),
        error(400, "InvalidAction", "The action MakeCoffee is not valid for this web service.")
    );
    assert_eq!(
        scene.refused_raw("DescribeVpcs", &[("Colour", "red")]),
        error(400, "UnknownParameter", "The parameter Colour is not recognized")
    );
    assert_eq!(
        scene.refused_raw("DeleteNetworkInterface", &[]),
        error(400, "MissingParameter", "The request must contain the parameter networkInterfaceId")
    );
    let (status, code, message) = scene.refused_raw("DescribeVpcs", &[("MaxResults", "many")]);
    assert_eq!((status, code.as_str()), (400, "InvalidParameterValue"));
    assert!(message.starts_with("Value (many) for parameter maxResults is invalid."), "{message}");
    let (_, code, _) = scene.refused_raw("DescribeVpcs", &[("VpcId.1", "a"), ("VpcId.1", "b")]);
    assert_eq!(code, "MalformedQueryString");
}

#[test]
fn a_dry_run_tells_what_would_happen_and_changes_nothing() {
    let scene = Scene::new();
    let would =
        error(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
    let before = scene.lab.read(World::clone);
    let create = CreateNetworkInterface {
        dry_run: Some(true),
        subnet_id: scene.nodes_a.to_string(),
        ..CreateNetworkInterface::default()
    };
    assert_eq!(scene.refused(&create), would);
    let describe = DescribeVpcs { dry_run: Some(true), ..DescribeVpcs::default() };
    assert_eq!(scene.refused(&describe), would);
    let tight = CreateNetworkInterface {
        subnet_id: scene.tight_b.to_string(),
        secondary_private_ip_address_count: Some(11),
        ..create
    };
    assert_eq!(scene.refused(&tight).1, "InsufficientFreeAddressesInSubnet");
    let delete = DeleteNetworkInterface {
        dry_run: Some(true),
        network_interface_id: scene.primary_eni(&scene.node_1).id.to_string(),
    };
    assert_eq!(scene.refused(&delete).1, "InvalidParameterValue");
    let after = scene.lab.read(World::clone);
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert_eq!(scene.fabric.convergences(), 0);
}

#[test]
fn every_call_is_logged() {
    let scene = Scene::new();
    scene.call(&DescribeVpcs::default());
    scene.clock.advance(1000);
    let missing = DescribeSubnets {
        subnet_ids: vec!["subnet-0123456789abcdef0".into()],
        ..DescribeSubnets::default()
    };
    scene.refused(&missing);
    scene.refused_raw("MakeCoffee", &[]);
    scene.send("POST", "/", &vpcs(), None);
    let calls = scene.lab.calls.since(Timestamp(0));
    let admin = "arn:aws:iam::111122223333:user/admin";
    let shown: Vec<_> = calls
        .iter()
        .map(|call| (call.action.as_str(), call.caller.as_str(), call.outcome()))
        .collect();
    assert_eq!(
        shown,
        [
            ("DescribeVpcs", admin, "OK"),
            ("DescribeSubnets", admin, "InvalidSubnetID.NotFound"),
            ("-", admin, "InvalidAction"),
            ("DescribeVpcs", "-", "MissingAuthenticationToken"),
        ]
    );
    assert!(calls.iter().all(|call| call.source.is_some_and(|source| source.is_loopback())));
    assert_eq!(calls[1].at.0 - calls[0].at.0, 1000);
    assert_eq!(scene.lab.calls.total("DescribeVpcs"), 2);
}

#[test]
fn a_fabric_that_fails_undoes_the_call() {
    let scene = Scene::new();
    let before = scene.free(&scene.nodes_a);
    scene.fabric.fail_next("adding a link");
    let create = CreateNetworkInterface {
        subnet_id: scene.nodes_a.to_string(),
        ..CreateNetworkInterface::default()
    };
    assert_eq!(
        scene.refused(&create),
        error(500, "InternalError", "An internal error has occurred")
    );
    assert_eq!(scene.free(&scene.nodes_a), before);
    scene.call(&create);
    assert_eq!(scene.free(&scene.nodes_a), before - 1);
    assert_eq!(scene.fabric.convergences(), 2, "back to the world before, then the second call");
}

#[test]
fn parallel_calls_get_different_addresses() {
    let scene = Scene::new();
    let create = CreateNetworkInterface {
        subnet_id: scene.nodes_a.to_string(),
        ..CreateNetworkInterface::default()
    };
    let eni = scene.call(&create).network_interface.network_interface_id;
    let before = scene.free(&scene.nodes_a);
    let assign = AssignPrivateIpAddresses {
        network_interface_id: eni.clone(),
        secondary_private_ip_address_count: Some(1),
        ..AssignPrivateIpAddresses::default()
    };
    let mut new: Vec<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..40)
            .map(|_| scope.spawn(|| scene.call(&assign).assigned_private_ip_addresses))
            .collect();
        callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap())
            .map(|a| a.private_ip_address)
            .collect()
    });
    new.sort();
    new.dedup();
    assert_eq!(new.len(), 40);
    assert_eq!(scene.free(&scene.nodes_a), before - 40);
    assert_eq!(scene.eni(&eni).address_count(), 41);
}
