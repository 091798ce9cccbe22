//! A node on twins, which can be crashed and started again.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use flatnet_cni::{CniError, Request};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cloud::{Identity, twin};
use crate::config::Config;
use crate::pool_loop::run_pool;
use crate::{Node, wiring};

pub(super) type TestNode = Node<twin::Twin, wiring::twin::Twin>;

pub(super) struct Harness {
    pub(super) cloud: twin::Twin,
    pub(super) kernel: wiring::twin::Twin,
    pub(super) directory: tempfile::TempDir,
    vars: Vec<(String, String)>,
    pub(super) node: Arc<TestNode>,
    end: watch::Sender<bool>,
    pool: JoinHandle<()>,
}

pub(super) async fn start(cloud: twin::Twin) -> Harness {
    start_with(cloud, &[]).await
}

pub(super) async fn start_with(cloud: twin::Twin, vars: &[(&str, &str)]) -> Harness {
    let directory = tempfile::tempdir().unwrap();
    let kernel = wiring::twin::Twin::default();
    let mut vars: Vec<(String, String)> =
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let state = directory.path().to_str().unwrap().to_owned();
    vars.push(("FLATNET_STATE_DIR".into(), state));
    let (node, end, pool) = run(&cloud, &kernel, &vars).await;
    Harness { cloud, kernel, directory, vars, node, end, pool }
}

async fn run(
    cloud: &twin::Twin,
    kernel: &wiring::twin::Twin,
    vars: &[(String, String)],
) -> (Arc<TestNode>, watch::Sender<bool>, JoinHandle<()>) {
    let config = Config::from_env(vars.iter().cloned()).unwrap();
    let identity = Identity {
        instance_id: twin::INSTANCE.into(),
        instance_type: "m5.large".into(),
        region: "us-west-2".into(),
        availability_zone: "us-west-2a".into(),
        address: Ipv4Addr::new(10, 0, 0, 4),
    };
    let node = Node::start(config, identity, cloud.clone(), Arc::new(kernel.clone())).await;
    let node = node.unwrap();
    let (end, ending) = watch::channel(false);
    let pool = tokio::spawn(run_pool(Arc::clone(&node), ending));
    (node, end, pool)
}

impl Harness {
    /// Starts and waits until the pool is filled.
    pub(super) async fn filled(self) -> Self {
        self.node.filled().await;
        self
    }

    /// Ends the process at once, wherever it is. EC2, the kernel and the disk stay.
    pub(super) fn crash(&mut self) {
        self.pool.abort();
    }

    /// Starts the next process.
    pub(super) async fn restart(&mut self) {
        (self.node, self.end, self.pool) = run(&self.cloud, &self.kernel, &self.vars).await;
    }

    /// Lets time pass.
    pub(super) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    pub(super) async fn add(&self, n: u32) -> Result<Ipv4Addr, CniError> {
        add(&self.node, n).await
    }

    pub(super) async fn del(&self, n: u32) -> Result<(), CniError> {
        self.node.cni(&request("DEL", n)).await.map(drop)
    }

    /// Starts pods one after the other; all must get an address.
    pub(super) async fn add_all(&self, pods: std::ops::Range<u32>) -> Vec<Ipv4Addr> {
        let mut addresses = Vec::new();
        for n in pods {
            addresses.push(self.add(n).await.unwrap());
        }
        addresses
    }
}

pub(super) async fn add(node: &TestNode, n: u32) -> Result<Ipv4Addr, CniError> {
    let result = node.cni(&request("ADD", n)).await?;
    Ok(address_of(&result))
}

pub(super) fn address_of(result: &Value) -> Ipv4Addr {
    let address = result["ips"][0]["address"].as_str().unwrap();
    address.strip_suffix("/32").unwrap().parse().unwrap()
}

pub(super) fn request(command: &str, n: u32) -> Request {
    Request {
        command: command.into(),
        container_id: format!("c{n}"),
        netns: format!("/run/netns/{n}"),
        ifname: "eth0".into(),
        args: format!("K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-{n}"),
        path: "/opt/cni/bin".into(),
        config: json!({"cniVersion": "1.0.0", "name": "flatnet", "type": "flatnet-cni"}),
    }
}
