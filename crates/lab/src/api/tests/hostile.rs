//! Requests no client sends.

use super::{Scene, exchange, form, refusal};
use ec2_query::{ErrorResponse, encode_body};
use http::HeaderMap;

#[test]
fn other_paths_and_methods_are_refused() {
    let scene = Scene::new();
    let body = encode_body(&form("DescribeVpcs", &[]));
    for (method, target, status) in
        [("POST", "/v1", 404), ("PUT", "/", 405), ("DELETE", "/", 405), ("OPTIONS", "/", 405)]
    {
        let answer = scene.send(method, target, &body, Some(&scene.key));
        assert_eq!(refusal(&answer).0, status, "{method} {target}");
    }
}

#[test]
fn a_body_beyond_the_bound_is_refused() {
    let scene = Scene::new();
    let body = "a".repeat((1 << 20) + 1);
    let (status, code, _) = refusal(&scene.post(&body, &scene.key));
    assert_eq!((status, code.as_str()), (413, "RequestEntityTooLarge"));
}

#[test]
fn nonsense_gets_an_ec2_shaped_answer() {
    let scene = Scene::new();
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"&&&===".to_vec(),
        b"Action=".to_vec(),
        b"Action=DescribeVpcs&Action=DescribeSubnets&Version=2016-11-15".to_vec(),
        b"Action=DescribeVpcs&Version=2016-11-15&Filter=1".to_vec(),
        b"Action=DescribeVpcs&Version=2016-11-15&Filter.1=x&Filter.1.Name=y".to_vec(),
        b"Action=DescribeVpcs&Version=2016-11-15&Filter.99999999999.Name=y".to_vec(),
        b"Action=DescribeVpcs&Version=2016-11-15&Filter.0.Name=y".to_vec(),
        b"Action=DescribeVpcs&Version=2016-11-15&VpcId.-1=y".to_vec(),
        b"Action=%FF%FE&Version=%00".to_vec(),
        [b"Action=DescribeVpcs&Version=2016-11-15&".as_slice(), &b"a.".repeat(4000)].concat(),
        b"Action=DescribeVpcs&Version=2016-11-15&".repeat(3000),
        "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=<&>\u{1}\"'é\u{ffff}".into(),
        b"\x00\x01\x02\xff".to_vec(),
    ];
    for body in bodies {
        let body = String::from_utf8_lossy(&body).into_owned();
        let shown: String = body.chars().take(80).collect();
        let answer = scene.post(&body, &scene.key);
        assert_eq!(answer.status, 400, "{shown}: {}", answer.body);
        let error = ErrorResponse::from_xml(&answer.body).expect(&shown);
        assert!(!error.code.is_empty() && !error.message.is_empty(), "{shown}");
    }
    assert_eq!(scene.post(&encode_body(&form("DescribeVpcs", &[])), &scene.key).status, 200);
}

#[test]
fn ids_of_every_shape_are_malformed_not_fatal() {
    let scene = Scene::new();
    for id in ["", "eni-", "eni-G", "i-0123456789abcdef0", "eni-0123456789abcdef0\n", "é", "eni-é"]
    {
        let (status, code, message) =
            scene.refused_raw("DeleteNetworkInterface", &[("NetworkInterfaceId", id)]);
        assert_eq!((status, code.as_str()), (400, "InvalidNetworkInterfaceId.Malformed"));
        assert_eq!(message, format!("Invalid id: \"{id}\" (expecting \"eni-...\")"));
    }
}

#[test]
fn an_unsigned_flood_is_cheap_and_answered() {
    let scene = Scene::new();
    for _ in 0..200 {
        let answer =
            exchange(scene.address, "POST", "/", &HeaderMap::new(), b"Action=DescribeVpcs");
        // Hyper itself refuses a request without a Host header only for HTTP/1.1 absolute forms.
        assert!(answer.status >= 400, "{}", answer.body);
    }
    assert!(scene.lab.calls.counts().len() <= 2, "unknown callers do not grow the counts");
}
