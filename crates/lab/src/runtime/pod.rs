//! A pod: a network namespace that the CNI plugin connects, with an echo server in it.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

use datapath::{Kernel as _, Netlink, Netns, Op};
use serde_json::Value;

use super::cni::{Attachment, CniError, CniFailure, NetworkList};
use super::node::Node;
use crate::fabric::netns_path;
use crate::place::Place;
use crate::probe;
use crate::random;
use crate::status::RefusedPod;

/// Where every pod and node echoes (RFC 862).
pub const ECHO_PORT: u16 = 7;
/// The interface's name in every pod, as container runtimes choose it.
const INTERFACE: &str = "eth0";

/// A pod's namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodName {
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// Its name there.
    pub name: String,
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A running pod.
#[derive(Debug)]
pub struct Pod {
    /// Its name.
    pub name: PodName,
    /// The node it runs on.
    pub node: String,
    /// Its sandbox's id.
    pub container_id: String,
    /// Its address, as the CNI result says.
    pub address: Ipv4Addr,
    /// Its namespace.
    pub place: Place,
    /// The CNI result of its ADD.
    pub result: Value,
    echo: probe::EchoServer,
}

/// A pod that could not be started, and why.
#[derive(Debug, thiserror::Error)]
#[error("pod {pod} on {node} did not start")]
pub struct PodFailure {
    /// The pod.
    pub pod: PodName,
    /// The node it was to run on.
    pub node: String,
    /// What refused it.
    #[source]
    pub cause: PodError,
}

/// What stops a pod from starting or ending.
#[derive(Debug, thiserror::Error)]
pub enum PodError {
    /// The network plugin's answer.
    #[error(transparent)]
    Network(#[from] CniError),
    /// The sandbox.
    #[error("the sandbox could not be set up while {doing}")]
    Sandbox {
        /// The step.
        doing: &'static str,
        /// The refusal.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Pod {
    /// Starts a pod: sandbox, echo server, CNI ADD. Blocks; must run within a Tokio runtime.
    ///
    /// # Errors
    /// [`PodFailure`]; nothing of the pod is left then.
    pub fn start(node: &Node, name: &PodName, plugins: &Path) -> Result<Self, Box<PodFailure>> {
        let failure =
            |cause| Box::new(PodFailure { pod: name.clone(), node: node.name.clone(), cause });
        let container_id = random::hex::<32>()
            .map_err(|source| failure(sandbox_error("choosing an id")(source)))?;
        let path = netns_path(&format!("cni-{}", &container_id[..12]));
        let started = Self::start_in(node, name, &container_id, &path, plugins);
        started.map_err(|cause| {
            if let Err(error) = Netns::unpin(&path) {
                tracing::warn!(%error, path = %path.display(), "a sandbox was left behind");
            }
            failure(cause)
        })
    }

    fn start_in(
        node: &Node,
        name: &PodName,
        container_id: &str,
        path: &Path,
        plugins: &Path,
    ) -> Result<Self, PodError> {
        let netns = Netns::create().map_err(sandbox_error("making its namespace"))?;
        netns.pin(path).map_err(sandbox_error("pinning its namespace"))?;
        Netlink::open_in(&netns)
            .map_err(sandbox_error("opening its namespace"))?
            .apply(&[Op::up("lo")])
            .map_err(sandbox_error("setting lo up"))?;
        let place = Place::network_only(netns);
        let at = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, ECHO_PORT);
        let echo = probe::EchoServer::start(&place, at, &name.to_string())
            .map_err(sandbox_error("starting its echo server"))?;
        let network = NetworkList::load(&node.place)?;
        let (netns_text, arguments) = (path.to_string_lossy(), cni_arguments(name, container_id));
        let attachment = Attachment {
            container_id,
            netns: &netns_text,
            interface: INTERFACE,
            arguments: &arguments,
        };
        let result = network.add(&node.place, plugins, &attachment)?;
        let Some(address) = address_of(&result) else {
            let undone = network.delete(&node.place, plugins, &attachment, &result);
            tracing::warn!(?undone, %result, "the CNI result has no IPv4 address");
            return Err(sandbox_error("reading the CNI result")(io::Error::other(
                "it has no IPv4 address",
            )));
        };
        Ok(Self {
            name: name.clone(),
            node: node.name.clone(),
            container_id: container_id.to_owned(),
            address,
            place,
            result,
            echo,
        })
    }

    /// CNI CHECK. Blocks.
    ///
    /// # Errors
    /// What the plugin found wrong.
    pub fn check(&self, node: &Node, plugins: &Path) -> Result<(), CniError> {
        self.with_attachment(|attachment| {
            NetworkList::load(&node.place)?.check(&node.place, plugins, attachment, &self.result)
        })
    }

    /// Ends the pod: CNI DEL, then its sandbox. Blocks. The sandbox goes also when DEL fails.
    ///
    /// # Errors
    /// What the plugin or the kernel refused.
    pub fn stop(self, node: &Node, plugins: &Path) -> Result<(), PodError> {
        let deleted = self.with_attachment(|attachment| {
            NetworkList::load(&node.place)?.delete(&node.place, plugins, attachment, &self.result)
        });
        let path = self.netns_path();
        drop(self.echo);
        let unpinned = Netns::unpin(&path);
        deleted?;
        unpinned.map_err(sandbox_error("removing its namespace"))
    }

    /// Its echo server.
    #[must_use]
    pub const fn echo(&self) -> &probe::EchoServer {
        &self.echo
    }

    fn netns_path(&self) -> std::path::PathBuf {
        netns_path(&format!("cni-{}", &self.container_id[..12]))
    }

    fn with_attachment<T>(&self, work: impl FnOnce(&Attachment<'_>) -> T) -> T {
        let path = self.netns_path();
        work(&Attachment {
            container_id: &self.container_id,
            netns: &path.to_string_lossy(),
            interface: INTERFACE,
            arguments: &cni_arguments(&self.name, &self.container_id),
        })
    }
}

/// What the kubelet's runtimes pass to CNI plugins about a pod.
fn cni_arguments(name: &PodName, container_id: &str) -> String {
    format!(
        "IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={};K8S_POD_INFRA_CONTAINER_ID={container_id}",
        name.namespace, name.name
    )
}

fn address_of(result: &Value) -> Option<Ipv4Addr> {
    let addresses = result["ips"].as_array()?.iter().filter_map(|ip| ip["address"].as_str());
    addresses.filter_map(|text| text.split('/').next()?.parse().ok()).next()
}

fn sandbox_error<E>(doing: &'static str) -> impl FnOnce(E) -> PodError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |source| PodError::Sandbox { doing, source: source.into() }
}

/// A failure as `flatnet lab status` shows it.
#[must_use]
pub fn refused_pod(failure: &PodFailure) -> RefusedPod {
    let (code, message, details) = match &failure.cause {
        PodError::Network(CniError::Plugin(CniFailure { code, message, details, .. })) => {
            (Some(*code), message.clone(), details.clone())
        }
        other => (None, crate::state::chain(other), String::new()),
    };
    RefusedPod {
        namespace: failure.pod.namespace.clone(),
        name: failure.pod.name.clone(),
        node: failure.node.clone(),
        code,
        message,
        details,
    }
}
