//! The workspace's own client against the lab, retries and all.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ec2::{CallError, Clock, Config, Credentials, Ec2Client};
use ec2_query::{AssignPrivateIpAddresses, DescribeInstances, DescribeNetworkInterfaces};

use super::Scene;
use crate::state::Clock as _;

fn client(scene: &Scene, secret: &str) -> Ec2Client {
    let endpoint = format!("http://{}/", scene.address).parse().unwrap();
    let mut config = Config::new(endpoint, "us-west-2");
    let clock = scene.clock.clone();
    config.clock = Clock::new(move || {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(clock.now().0).unwrap())
    });
    let credentials = Credentials::new(&scene.key.id, secret, None, None, "test");
    Ec2Client::new(config, Arc::new(credentials)).unwrap()
}

#[tokio::test]
async fn calls_and_lists() {
    // The scene has a runtime of its own, which must not end inside this one.
    let scene = tokio::task::spawn_blocking(Scene::new).await.unwrap();
    let client = client(&scene, &scene.key.secret);
    let enis = client
        .list(DescribeNetworkInterfaces {
            max_results: Some(5),
            ..DescribeNetworkInterfaces::default()
        })
        .await
        .unwrap();
    assert_eq!(enis.len(), 3);
    let request = AssignPrivateIpAddresses {
        network_interface_id: scene.primary_eni(&scene.node_1).id.to_string(),
        secondary_private_ip_address_count: Some(9),
        ..AssignPrivateIpAddresses::default()
    };
    let new = client.call(&request).await.unwrap().assigned_private_ip_addresses;
    assert_eq!(new.len(), 9);
    let error = client.call(&request).await.unwrap_err();
    assert_eq!(error.code(), Some("PrivateIpAddressLimitExceeded"));
    assert_eq!(client.call(&DescribeInstances::default()).await.unwrap().reservations.len(), 2);
    tokio::task::spawn_blocking(move || drop(scene)).await.unwrap();
}

#[tokio::test]
async fn a_wrong_secret_is_a_service_error() {
    let scene = tokio::task::spawn_blocking(Scene::new).await.unwrap();
    let error = client(&scene, "wrong").call(&DescribeInstances::default()).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Service { code, .. } if code == "SignatureDoesNotMatch"),
        "{error}"
    );
    tokio::task::spawn_blocking(move || drop(scene)).await.unwrap();
}
