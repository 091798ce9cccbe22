//! STATUS and GC.

use flatnet_cni::{Request, code};
use serde_json::{Value, json};

use super::harness::{request, start};
use crate::cloud::twin::Twin;
use crate::node::lock;

fn cloud() -> Twin {
    Twin::new("10.0.0.0/24", 3, 4)
}

/// A call without a container.
fn call(command: &str) -> Request {
    let none = String::new;
    Request { container_id: none(), ifname: none(), netns: none(), ..request(command, 0) }
}

fn gc(valid: impl IntoIterator<Item = u32>) -> Request {
    let valid: Vec<_> = valid
        .into_iter()
        .map(|n| json!({"containerID": format!("c{n}"), "ifname": "eth0"}))
        .collect();
    let mut request = call("GC");
    request.config["cni.dev/valid-attachments"] = json!(valid);
    request
}

#[tokio::test(start_paused = true)]
async fn a_node_with_addresses_or_with_pods_is_ready() {
    let node = start(Twin::new("10.0.0.0/24", 1, 3)).await;
    assert_eq!(node.node.cni(&call("STATUS")).await.unwrap(), Value::Null, "EC2 is being asked");
    node.node.filled().await;
    node.add_all(0..2).await;
    assert_eq!(node.node.cni(&call("STATUS")).await.unwrap(), Value::Null, "it is only full");
    node.add(2).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_have_a_pod_says_why() {
    let cloud = Twin::new("10.0.0.0/28", 3, 4);
    cloud.occupy(10);
    let node = start(cloud).await;
    node.pass(5).await;
    let error = node.node.cni(&call("STATUS")).await.unwrap_err();
    assert_eq!((error.code, error.details.as_str()), (code::NOT_AVAILABLE, "SubnetExhausted"));
    assert!(error.msg.contains("subnet nodes-a (subnet-1) 10.0.0.0/28"), "{error:?}");
    assert_eq!(node.node.books().pool.stats(node.node.now()).waiting, 0, "nobody waits for it");
}

#[tokio::test(start_paused = true)]
async fn gc_frees_what_is_not_valid_and_nothing_else() {
    let node = start(cloud()).await.filled().await;
    let addresses = node.add_all(0..4).await;
    let mut other = request("ADD", 9);
    other.config["name"] = json!("another");
    node.node.cni(&other).await.unwrap();
    let pods = node.kernel.state().pods.clone();
    assert_eq!(node.node.cni(&gc(0..4)).await.unwrap(), Value::Null);
    assert_eq!(node.kernel.state().pods, pods, "all are valid");
    node.node.cni(&gc([1, 3, 77])).await.unwrap();
    let left = node.kernel.state().pods.clone();
    assert!(!left.contains_key(&addresses[0]) && !left.contains_key(&addresses[2]));
    assert_eq!(left.len(), 3, "the other network's stays, too");
    assert_eq!(lock(&node.node.checkpoint).pods().len(), 3);
    let stats = node.node.books().pool.stats(node.node.now());
    assert_eq!((stats.used, stats.cooling), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn gc_goes_on_past_an_error_and_tells_it() {
    let node = start(cloud()).await.filled().await;
    node.add_all(0..3).await;
    node.kernel.fail("del_pod");
    node.kernel.fail("del_pod");
    let error = node.node.cni(&gc([])).await.unwrap_err();
    assert_eq!(error.code, code::TRY_AGAIN_LATER);
    assert!(error.msg.contains("flatnet/c0/eth0") && error.msg.contains("flatnet/c1/eth0"));
    assert_eq!(node.kernel.state().pods.len(), 2);
    node.node.cni(&gc([])).await.unwrap();
    assert!(node.kernel.state().pods.is_empty());
}

#[tokio::test(start_paused = true)]
async fn gc_without_a_list_it_understands_frees_nothing() {
    let node = start(cloud()).await.filled().await;
    node.add_all(0..2).await;
    let mut bad = vec![call("GC")];
    for list in [json!(null), json!({}), json!([{"containerID": "c0"}]), json!(["c0"])] {
        let mut request = call("GC");
        request.config["cni.dev/valid-attachments"] = list;
        bad.push(request);
    }
    for request in bad {
        let error = node.node.cni(&request).await.unwrap_err();
        assert_eq!(error.code, code::INVALID_CONFIG, "{error:?}");
        assert!(error.msg.contains("cni.dev/valid-attachments"), "{error:?}");
    }
    assert_eq!(node.kernel.state().pods.len(), 2);
}
