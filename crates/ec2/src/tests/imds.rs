use super::server::{Answer, Seen, Server};
use crate::*;
use aws_credential_types::provider::error::CredentialsError;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";

/// What the service of an instance with two ENIs says, and a third ENI it has just heard of.
fn metadata() -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, String> = [
        ("instance-id", "i-1"),
        ("instance-type", "m5.large"),
        ("placement/region", "us-west-2"),
        ("placement/availability-zone", "us-west-2a"),
        ("local-ipv4", "10.10.1.9"),
        ("mac", "02:00:00:00:00:01"),
        ("network/interfaces/macs/", "02:00:00:00:00:02/\n02:00:00:00:00:01/\n02:00:00:00:00:03/"),
        ("iam/security-credentials/", "node-role"),
    ]
    .map(|(path, value)| (path.to_owned(), value.to_owned()))
    .into();
    for (mac, device, addresses) in [
        ("02:00:00:00:00:01", "0", "10.10.1.9\n10.10.1.10"),
        ("02:00:00:00:00:02", "1", "10.10.1.20"),
    ] {
        for (key, value) in [
            ("interface-id", format!("eni-{device}")),
            ("device-number", device.to_owned()),
            ("subnet-id", "subnet-1".to_owned()),
            ("vpc-id", "vpc-1".to_owned()),
            ("local-ipv4s", addresses.to_owned()),
            ("subnet-ipv4-cidr-block", "10.10.1.0/24".to_owned()),
            ("vpc-ipv4-cidr-blocks", "10.10.0.0/16\n100.64.0.0/16".to_owned()),
            ("security-group-ids", "sg-1\nsg-2".to_owned()),
        ] {
            values.insert(format!("network/interfaces/macs/{mac}/{key}"), value);
        }
    }
    values.insert("network/interfaces/macs/02:00:00:00:00:03/interface-id".into(), "eni-2".into());
    values
}

fn credentials_document(id: &str, expiration: &str) -> String {
    format!(
        r#"{{"Code":"Success","LastUpdated":"2026-01-02T00:00:00Z","Type":"AWS-HMAC",
        "AccessKeyId":"{id}","SecretAccessKey":"secret","Token":"token","Expiration":"{expiration}"}}"#
    )
}

/// Answers as version 2 of the service does: tokens are called t1, t2, …, and only the newest works.
fn service(
    mut values: impl FnMut(&str) -> Option<Answer> + Send + 'static,
) -> impl FnMut(&Seen) -> Answer {
    let mut tokens = 0;
    move |seen: &Seen| {
        if seen.path == "/latest/api/token" {
            assert_eq!(
                (seen.method.as_str(), &seen.headers[TTL]),
                ("PUT", &"21600".parse().unwrap())
            );
            tokens += 1;
            let headers = vec![(TTL, "21600".to_owned())];
            return Answer { headers, ..Answer::new(200, format!("t{tokens}")) };
        }
        let token = seen.headers.get(TOKEN).map(|token| token.to_str().unwrap().to_owned());
        if token != Some(format!("t{tokens}")) {
            return Answer::new(401, "");
        }
        let path = seen.path.strip_prefix("/latest/meta-data/").unwrap();
        values(path).unwrap_or_else(|| Answer::new(404, "<html>not found</html>"))
    }
}

async fn start(values: BTreeMap<String, String>) -> (Server, ImdsClient) {
    let values = move |path: &str| values.get(path).map(|value| Answer::new(200, value));
    with(service(values)).await
}

async fn with(script: impl FnMut(&Seen) -> Answer + Send + 'static) -> (Server, ImdsClient) {
    let server = Server::start(script).await;
    let client = ImdsClient::new(server.base.clone()).unwrap();
    let base = Duration::from_millis(1);
    (server, client.with_retry(Retry { attempts: 3, base, ..Retry::default() }))
}

#[tokio::test]
async fn one_token_serves_many_requests() {
    let (server, imds) = start(metadata()).await;
    let identity = InstanceIdentity {
        instance_id: "i-1".to_owned(),
        instance_type: "m5.large".to_owned(),
        region: "us-west-2".to_owned(),
        availability_zone: "us-west-2a".to_owned(),
        local_ipv4: [10, 10, 1, 9].into(),
        mac: "02:00:00:00:00:01".to_owned(),
    };
    assert_eq!(imds.identity().await.unwrap(), identity);
    let tokens = server.paths().iter().filter(|path| *path == "/latest/api/token").count();
    assert_eq!((tokens, server.connections()), (1, 1));
}

#[tokio::test]
async fn a_value_that_is_not_there_is_none() {
    let (_server, imds) = start(metadata()).await;
    assert_eq!(imds.get("spot/instance-action").await.unwrap(), None);
    assert_eq!(imds.get("instance-id").await.unwrap().as_deref(), Some("i-1"));
    assert!(matches!(imds.get("a b").await, Err(ImdsError::Path { .. })));
}

#[tokio::test]
async fn a_token_that_the_service_forgot_is_renewed() {
    let mut count = 0;
    let mut inner = service(|_| Some(Answer::new(200, "i-1")));
    let (server, imds) = with(move |seen| {
        count += 1;
        // The third request, the second for a value, finds its token forgotten.
        if count == 3 { Answer::new(401, "") } else { inner(seen) }
    })
    .await;
    for _ in 0..3 {
        assert_eq!(imds.get("instance-id").await.unwrap().as_deref(), Some("i-1"));
    }
    let tokens: Vec<_> =
        server.seen().iter().map(|seen| seen.headers.get(TOKEN).cloned()).collect();
    let tokens: Vec<_> = tokens.iter().map(|t| t.as_ref().map(|t| t.to_str().unwrap())).collect();
    assert_eq!(tokens, [None, Some("t1"), Some("t1"), None, Some("t2"), Some("t2")]);
}

#[tokio::test]
async fn a_service_that_takes_no_token_is_not_asked_for_ever() {
    let (server, imds) = with(|seen| match seen.path.as_str() {
        "/latest/api/token" => Answer::new(200, "t"),
        _ => Answer::new(401, ""),
    })
    .await;
    assert!(matches!(imds.get("mac").await, Err(ImdsError::Status { status: 401, .. })));
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_short_lived_token_is_replaced_in_time() {
    let mut tokens = 0;
    let (_server, imds) = with(move |seen| match seen.path.as_str() {
        "/latest/api/token" => {
            tokens += 1;
            let headers = vec![(TTL, "4".to_owned())];
            Answer { headers, ..Answer::new(200, format!("t{tokens}")) }
        }
        _ => Answer::new(200, seen.headers[TOKEN].to_str().unwrap()),
    })
    .await;
    assert_eq!(imds.get("x").await.unwrap().as_deref(), Some("t1"));
    assert_eq!(imds.get("x").await.unwrap().as_deref(), Some("t1"));
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(imds.get("x").await.unwrap().as_deref(), Some("t2"));
}

#[tokio::test]
async fn an_overloaded_service_is_asked_again_and_a_closed_one_is_not() {
    let mut count = 0;
    let mut inner = service(|_| Some(Answer::new(200, "i-1")));
    let (_server, imds) = with(move |seen| {
        count += 1;
        if count < 3 { Answer::new(503, "") } else { inner(seen) }
    })
    .await;
    assert_eq!(imds.get("instance-id").await.unwrap().as_deref(), Some("i-1"));

    let (server, imds) = with(|_| Answer::new(403, "")).await;
    let error = imds.get("instance-id").await.unwrap_err();
    assert!(error.to_string().ends_with("instance metadata is switched off for this instance"));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn interfaces_are_those_the_service_knows_whole() {
    let (_server, imds) = start(metadata()).await;
    let interfaces = imds.interfaces().await.unwrap();
    let ids: Vec<&str> = interfaces.iter().map(|eni| eni.interface_id.as_str()).collect();
    assert_eq!(ids, ["eni-0", "eni-1"]);
    let expected = ImdsInterface {
        mac: "02:00:00:00:00:01".to_owned(),
        interface_id: "eni-0".to_owned(),
        device_number: 0,
        network_card: 0,
        subnet_id: "subnet-1".to_owned(),
        vpc_id: "vpc-1".to_owned(),
        local_ipv4s: vec![[10, 10, 1, 9].into(), [10, 10, 1, 10].into()],
        subnet_ipv4_cidr_block: Some("10.10.1.0/24".parse().unwrap()),
        vpc_ipv4_cidr_blocks: vec![
            "10.10.0.0/16".parse().unwrap(),
            "100.64.0.0/16".parse().unwrap(),
        ],
        security_group_ids: vec!["sg-1".to_owned(), "sg-2".to_owned()],
    };
    assert_eq!(interfaces[0], expected);
    assert_eq!(imds.interface("02:00:00:00:00:09").await.unwrap(), None);
}

#[tokio::test]
async fn values_that_mean_nothing_and_missing_ones_are_named() {
    let mut values = metadata();
    values.insert("local-ipv4".to_owned(), "10.10.1".to_owned());
    let (_server, imds) = start(values.clone()).await;
    assert_eq!(
        imds.identity().await.unwrap_err().to_string(),
        "the instance metadata service says local-ipv4 is \"10.10.1\", which is not an IPv4 address"
    );
    values.remove("placement/region");
    let (_server, imds) = start(values).await;
    let error = imds.identity().await.unwrap_err();
    assert!(matches!(error, ImdsError::Missing { path } if path == "placement/region"));
}

/// Credentials numbered by how often they were fetched, expiring at 01:00; the clock shows the
/// seconds in the counter after 00:00.
async fn expiring(documents: Vec<String>) -> (Server, ImdsClient, Arc<AtomicU64>) {
    let mut documents = documents.into_iter();
    let (server, imds) = with(service(move |path| match path {
        "iam/security-credentials/" => Some(Answer::new(200, "node-role\n")),
        "iam/security-credentials/node-role" => {
            documents.next().map(|document| Answer::new(200, document))
        }
        _ => None,
    }))
    .await;
    let seconds = Arc::new(AtomicU64::new(0));
    let hand = Arc::clone(&seconds);
    let midnight = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_312_000);
    let clock = Clock::new(move || midnight + Duration::from_secs(hand.load(Ordering::Relaxed)));
    (server, imds.with_clock(clock), seconds)
}

#[tokio::test]
async fn role_credentials_are_kept_until_five_minutes_before_they_expire() {
    let first = credentials_document("AKID1", "2026-01-02T01:00:00Z");
    let second = credentials_document("AKID2", "2026-01-02T07:00:00Z");
    let (server, imds, seconds) = expiring(vec![first, second]).await;
    let mut ids = Vec::new();
    for at in [0, 3299, 3300, 3600] {
        seconds.store(at, Ordering::Relaxed);
        let credentials = imds.credentials().await.unwrap();
        assert_eq!(credentials.session_token(), Some("token"));
        ids.push(credentials.access_key_id().to_owned());
    }
    assert_eq!(ids, ["AKID1", "AKID1", "AKID2", "AKID2"]);
    let asked = server.paths().iter().filter(|path| path.ends_with("node-role")).count();
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn credentials_that_still_hold_outlive_a_failing_service() {
    let only = credentials_document("AKID1", "2026-01-02T01:00:00Z");
    let (_server, imds, seconds) = expiring(vec![only]).await;
    imds.credentials().await.unwrap();
    seconds.store(3599, Ordering::Relaxed);
    assert_eq!(imds.credentials().await.unwrap().access_key_id(), "AKID1");
    seconds.store(3600, Ordering::Relaxed);
    assert!(matches!(imds.credentials().await, Err(ImdsError::Missing { .. })));
}

#[tokio::test]
async fn a_bad_document_is_told_without_its_secrets() {
    let failed = r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"no"}"#;
    let odd = credentials_document("AKID1", "tomorrow");
    let stale = credentials_document("AKID1", "2026-01-02T01:00:00Z").replace("Success", "Failed");
    let (_server, imds, _) =
        expiring(vec![failed.to_owned(), odd, stale, "secret".to_owned()]).await;
    for said in ["AssumeRoleUnauthorizedAccess", "Success", "Failed", "(hidden)"]
        .map(|said| format!("{said:?}"))
    {
        let error = imds.credentials().await.unwrap_err().to_string();
        assert!(error.contains(&said) && !error.contains("secret\""), "{error}");
    }
}

#[tokio::test]
async fn the_chain_prefers_the_environment() {
    let role = credentials_document("AKIDROLE", "2026-01-02T01:00:00Z");
    let (server, imds, _) = expiring(vec![role]).await;
    let imds = Arc::new(imds);
    let environment = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("AKIDENV".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("secret".to_owned()),
        _ => None,
    };
    let chain = CredentialChain::from_env(environment, Arc::clone(&imds)).unwrap();
    let credentials = chain.provide_credentials().await.unwrap();
    assert_eq!(credentials.access_key_id(), "AKIDENV");
    assert!(server.seen().is_empty());
    let chain = CredentialChain::from_env(|_| None, imds).unwrap();
    let credentials = chain.provide_credentials().await.unwrap();
    assert_eq!(credentials.access_key_id(), "AKIDROLE");
    let error = chain_without_role().await;
    assert!(matches!(error, CredentialsError::ProviderError(_)), "{error:?}");
}

async fn chain_without_role() -> CredentialsError {
    let (_server, imds) = with(service(|_| None)).await;
    let chain = CredentialChain::from_env(|_| None, Arc::new(imds)).unwrap();
    chain.provide_credentials().await.unwrap_err()
}

#[tokio::test]
async fn the_service_is_sought_where_the_environment_says() {
    let (server, _) = start(metadata()).await;
    let base = server.base.to_string();
    let lookup =
        move |name: &str| (name == "AWS_EC2_METADATA_SERVICE_ENDPOINT").then(|| base.clone());
    let imds = ImdsClient::from_env(lookup).unwrap();
    assert_eq!(imds.get("mac").await.unwrap().as_deref(), Some("02:00:00:00:00:01"));
    assert!(ImdsClient::from_env(|_| None).is_ok());
    assert!(ImdsClient::from_env(|_| Some("169.254.169.254".to_owned())).is_err());
}
