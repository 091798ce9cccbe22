//! A node: the instance's namespaces, booted as EC2 and an EKS machine image would, and its agent.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use datapath::{
    Address, Kernel as _, Netlink, Netns, Op, Route, Scope, wait_running, write_sysctl,
};
use ipnet::Ipv4Net;
use rustix::mount::mount_bind;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use vpc::InstanceId;

use crate::place::Place;
use crate::process::LAB_DIRECTORY;

/// Who made the routes an instance boots with: its DHCP client (`RTPROT_DHCP`, rtnetlink(7)).
const PROTOCOL_DHCP: u8 = 16;
/// How long an agent that ended by itself stays down before it is started again, as a DaemonSet's
/// first restart would.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// How long the primary ENI's link may take to carry packets.
const LINK_STARTS: Duration = Duration::from_secs(1);
/// After so many restarts, an agent that is still not ready never will be.
const HOPELESS_RESTARTS: u32 = 4;

/// A running node.
#[derive(Debug)]
pub struct Node {
    /// Its name in the topology.
    pub name: String,
    /// The instance it is.
    pub instance: InstanceId,
    /// Its primary ENI's primary address.
    pub address: Ipv4Addr,
    /// Its namespaces.
    pub place: Place,
    directory: PathBuf,
    agent: Arc<Agent>,
}

/// Why a node did not boot.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A namespace, mount or kernel object was refused.
    #[error("could not boot node {node} while {doing}")]
    Boot {
        /// The node.
        node: String,
        /// The step.
        doing: &'static str,
        /// The refusal.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its agent did not become ready.
    #[error(
        "node {node} was not ready after {seconds} s: its agent wrote no CNI configuration.\nThe end of the agent's log:\n{log}"
    )]
    NotReady {
        /// The node.
        node: String,
        /// How long the lab waited.
        seconds: u64,
        /// The last lines of the agent's log.
        log: String,
    },
}

/// What a node boots with.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    /// Its name in the topology.
    pub name: String,
    /// The instance.
    pub instance: InstanceId,
    /// The instance's network namespace, with the primary ENI as `eth0`.
    pub netns: Netns,
    /// The primary ENI's primary address and the mask of its subnet.
    pub address: Ipv4Net,
    /// The subnet's router.
    pub gateway: Ipv4Addr,
    /// The agent's program.
    pub agent: PathBuf,
    /// The agent's environment.
    pub environment: BTreeMap<String, String>,
}

impl Node {
    /// Boots the instance.
    ///
    /// # Errors
    /// [`NodeError::Boot`].
    pub fn boot(spec: &NodeSpec) -> Result<Self, NodeError> {
        let failed = |doing: &'static str, source: Box<dyn std::error::Error + Send + Sync>| {
            NodeError::Boot { node: spec.name.clone(), doing, source }
        };
        configure_network(spec).map_err(|source| failed("configuring eth0", source))?;
        let directory = Path::new(LAB_DIRECTORY).join("nodes").join(&spec.name);
        let place = own_file_system(&spec.netns, &directory)
            .map_err(|source| failed("mounting its file system", source.into()))?;
        Ok(Self {
            name: spec.name.clone(),
            instance: spec.instance.clone(),
            address: spec.address.addr(),
            place,
            directory,
            agent: Arc::default(),
        })
    }

    /// Starts the agent, which takes its time: see [`Node::wait_ready`].
    ///
    /// # Errors
    /// [`NodeError::Boot`].
    pub fn start_agent(&self, spec: &NodeSpec) -> Result<(), NodeError> {
        self.agent.start(spec, self.place.clone(), &self.directory).map_err(|source| {
            let (node, doing) = (self.name.clone(), "starting its agent");
            NodeError::Boot { node, doing, source: source.into() }
        })
    }

    /// Waits until the agent has written its CNI configuration: the node is Ready.
    ///
    /// # Errors
    /// [`NodeError::NotReady`] with the end of the agent's log.
    pub async fn wait_ready(&self, limit: Duration) -> Result<(), NodeError> {
        let started = Instant::now();
        while !self.is_ready() {
            if started.elapsed() > limit || self.agent_restarts() >= HOPELESS_RESTARTS {
                return Err(NodeError::NotReady {
                    node: self.name.clone(),
                    seconds: started.elapsed().as_secs(),
                    log: self.log_end(12),
                });
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Whether the agent's CNI configuration is there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let entries = fs::read_dir(self.directory.join("cni/net.d"));
        entries.is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.path().extension().is_some_and(|e| e == "conflist"))
        })
    }

    /// The last `lines` of the agent's log.
    #[must_use]
    pub fn log_end(&self, lines: usize) -> String {
        let log = fs::read_to_string(self.directory.join("run/agent.log")).unwrap_or_default();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// The agent's pid, while it runs.
    #[must_use]
    pub fn agent_pid(&self) -> Option<u32> {
        self.agent.lock().process.as_ref().map(|process| process.pid)
    }

    /// How often the agent ended by itself and was started again.
    #[must_use]
    pub fn agent_restarts(&self) -> u32 {
        self.agent.lock().restarts
    }

    /// Ends the agent as a node's shutdown would (SIGTERM), and waits for it.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub async fn stop_agent(&self, limit: Duration) -> io::Result<()> {
        self.agent.stop();
        let started = Instant::now();
        while self.agent_pid().is_some() {
            if started.elapsed() > limit {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("the agent of {} did not end within {limit:?} of SIGTERM", self.name),
                ));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

/// What DHCP and the image's start-up do on EC2.
fn configure_network(spec: &NodeSpec) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    spec.netns.run(|| {
        // Set on every Kubernetes node, by its image or by the kubelet's requirements.
        write_sysctl("net/ipv4/ip_forward", "1")?;
        // Each link's own setting decides; the lab's host may have set another default.
        write_sysctl("net/ipv4/conf/all/rp_filter", "0")
    })??;
    let eth0 = || "eth0".to_owned();
    let address = Address {
        link: eth0(),
        addr: spec.address,
        scope: Scope::Universe,
        no_prefix_route: false,
    };
    let default = Route {
        via: Some(spec.gateway),
        link: Some(eth0()),
        protocol: PROTOCOL_DHCP,
        src: Some(spec.address.addr()),
        ..Route::default()
    };
    let mut netlink = Netlink::open_in(&spec.netns)?;
    netlink.apply(&[
        Op::up("lo"),
        Op::AddAddress(address),
        Op::up("eth0"),
        Op::ReplaceRoute(default),
    ])?;
    if !wait_running(&mut netlink, "eth0", LINK_STARTS)? {
        return Err("eth0 did not start".into());
    }
    Ok(())
}

/// The lab's file system with this node's own `/run/flatnet` and `/etc/cni`.
fn own_file_system(netns: &Netns, directory: &Path) -> io::Result<Place> {
    let (run, cni) = (directory.join("run"), directory.join("cni"));
    fs::create_dir_all(&run)?;
    fs::create_dir_all(cni.join("net.d"))?;
    Place::with_own_mounts(netns.clone(), || {
        mount_bind(&run, "/run/flatnet")?;
        mount_bind(&cni, "/etc/cni")?;
        Ok(())
    })
}

/// The agent's process, started again whenever it ends by itself.
#[derive(Debug, Default)]
struct Agent {
    state: Mutex<AgentState>,
}

#[derive(Debug, Default)]
struct AgentState {
    process: Option<AgentProcess>,
    restarts: u32,
    stopping: bool,
}

/// A process by number and by descriptor: the number may be another process's once this one has
/// been waited for, the descriptor never is (pidfd_open(2)).
#[derive(Debug)]
struct AgentProcess {
    pid: u32,
    handle: OwnedFd,
}

impl Agent {
    fn start(self: &Arc<Self>, spec: &NodeSpec, place: Place, directory: &Path) -> io::Result<()> {
        let log =
            File::options().create(true).append(true).open(directory.join("run/agent.log"))?;
        let mut command = Command::new(&spec.agent);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(&spec.environment)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let (supervised, name) = (Arc::clone(self), spec.name.clone());
        std::thread::Builder::new()
            .name(format!("agent-{name}"))
            .stack_size(256 << 10)
            .spawn(move || supervised.supervise(&name, &place, command))?;
        Ok(())
    }

    /// Runs on a thread that lives in the node's namespaces, so that the agent starts there.
    fn supervise(&self, node: &str, place: &Place, mut command: Command) {
        if let Err(error) = place.enter() {
            tracing::error!(node, %error, "could not enter the node's namespaces");
            return;
        }
        loop {
            let Some(child) = self.spawn(&mut command) else { return };
            let ended = child.map_err(|error| error.to_string()).and_then(|mut child| {
                child.wait().map(|status| status.to_string()).map_err(|error| error.to_string())
            });
            {
                let mut state = self.lock();
                state.process = None;
                if state.stopping {
                    return;
                }
                state.restarts += 1;
            }
            tracing::warn!(node, ?ended, "the agent ended by itself; starting it again");
            std::thread::sleep(RESTART_DELAY);
        }
    }

    /// Starts the agent, unless it is to stop.
    fn spawn(&self, command: &mut Command) -> Option<io::Result<Child>> {
        let mut state = self.lock();
        if state.stopping {
            return None;
        }
        let child = command.spawn();
        state.process = child.as_ref().ok().and_then(|child| {
            let pid = Pid::from_raw(child.id().cast_signed())?;
            let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
            Some(AgentProcess { pid: child.id(), handle })
        });
        Some(child)
    }

    fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        let signalled =
            state.process.as_ref().map(|process| pidfd_send_signal(&process.handle, Signal::TERM));
        if let Some(Err(error)) = signalled {
            tracing::warn!(%error, "could not signal the agent");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, AgentState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
