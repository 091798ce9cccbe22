//! The agent's life: take stock, serve, be ready, end.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ec2::{CredentialChain, Ec2Client, ImdsClient};
use flatnet_agent::cloud::Identity;
use flatnet_agent::cloud::ec2::Ec2Cloud;
use flatnet_agent::config::Config;
use flatnet_agent::conflist::Conflist;
use flatnet_agent::pool_loop::run_pool;
use flatnet_agent::server::{Socket, serve};
use flatnet_agent::wiring::KernelWiring;
use flatnet_agent::{Node, StartError};
use rustix::fs::{FlockOperation, flock};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

type Failed = Box<dyn Error + Send + Sync>;

/// Threads for the kernel and the disk beside the one of the runtime: as many pods can be wired
/// at once. Their stacks are small since what they run is.
const BLOCKING_THREADS: usize = 6;
const STACK: usize = 512 * 1024;

/// Only root asks the agent: root of this user namespace.
const ROOT: u32 = 0;

/// How long to wait between attempts to reach the metadata service or EC2 at start.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How often a node that is not ready says so.
const REMINDER: Duration = Duration::from_secs(30);

/// Runs the agent until it is told to end.
pub fn run(config: Config) -> Result<(), Failed> {
    for (name, value) in &config.unserved {
        tracing::warn!(value, "{name} is set, and has no effect: Flatnet does not have it");
    }
    let lock = only_one(&config.state_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(Duration::from_secs(30))
        .thread_stack_size(STACK)
        .build()?;
    let result = runtime.block_on(live(config));
    // A thread that is stuck in the kernel must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    drop(lock);
    result
}

async fn live(config: Config) -> Result<(), Failed> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let told = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::pin!(told);

    let node = tokio::select! {
        node = take_stock(config.clone()) => node?,
        () = &mut told => return Ok(()),
    };
    let socket = Socket::bind(&config.socket).map_err(|source| At {
        what: "cannot open the socket",
        path: config.socket.clone(),
        source,
    })?;
    let (end, ending) = watch::channel(false);
    let server = tokio::spawn(serve(Arc::clone(&node), socket, ROOT, ending.clone()));
    let pool = tokio::spawn(run_pool(Arc::clone(&node), ending));
    tracing::info!(socket = %config.socket.display(), "serving");

    let result = tokio::select! {
        conflist = ready(&node, &config) => match conflist {
            Ok(conflist) => {
                told.await;
                tracing::info!("told to end");
                conflist.remove().map_err(|source| {
                    let path = config.cni_conf_dir.clone();
                    At { what: "cannot take the CNI configuration away", path, source }.into()
                })
            }
            Err(error) => Err(error),
        },
        () = &mut told => Ok(()),
    };
    end.send_replace(true);
    server.await?;
    pool.await?;
    result
}

/// Who the node is and what it has, from the metadata service and EC2, for as long as that takes.
async fn take_stock(config: Config) -> Result<Arc<Node<Ec2Cloud, KernelWiring>>, Failed> {
    let env = |name: &str| std::env::var(name).ok();
    let imds = Arc::new(ImdsClient::from_env(env)?);
    let identity = {
        let imds = &imds;
        again("the instance metadata service", async || imds.identity().await, |_, _| true).await?
    };
    let credentials = Arc::new(CredentialChain::from_env(env, imds)?);
    let ec2 = ec2::Config::from_env(&identity.region, env)?;
    let cloud = Ec2Cloud::new(Ec2Client::new(ec2, credentials)?);
    let wiring = Arc::new(KernelWiring::open()?);
    let identity = Identity {
        instance_id: identity.instance_id,
        instance_type: identity.instance_type,
        region: identity.region,
        availability_zone: identity.availability_zone,
        address: identity.local_ipv4,
    };
    let start = async || {
        let (cloud, wiring) = (cloud.clone(), Arc::clone(&wiring));
        Node::start(config.clone(), identity.clone(), cloud, wiring).await
    };
    Ok(again("EC2", start, StartError::passes).await?)
}

/// Tries until it works, or fails in a way that will not pass.
async fn again<T, E: Error, F: Future<Output = Result<T, E>>>(
    whom: &str,
    attempt: impl Fn() -> F,
    passes: impl Fn(&E, u32) -> bool,
) -> Result<T, E> {
    let mut pause = FIRST_PAUSE;
    let mut attempts: u32 = 0;
    loop {
        attempts = attempts.saturating_add(1);
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if !passes(&error, attempts) => return Err(error),
            Err(error) => {
                let error = flatnet_agent::chain(&error);
                tracing::warn!(
                    error,
                    ?pause,
                    "cannot take stock of the node yet: asking {whom} again"
                );
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Writes the CNI configuration once pods can be started.
async fn ready(node: &Node<Ec2Cloud, KernelWiring>, config: &Config) -> Result<Conflist, Failed> {
    while tokio::time::timeout(REMINDER, node.filled()).await.is_err() {
        tracing::warn!(
            "the node is not ready: it has no address for pods yet; see the failures above"
        );
    }
    let conflist = Conflist::write(&config.cni_conf_dir, &config.socket).map_err(|source| {
        let path = config.cni_conf_dir.clone();
        At { what: "cannot write the CNI configuration", path, source }
    })?;
    tracing::info!(conflist = %conflist.path().display(), "ready for pods");
    Ok(conflist)
}

/// Holds a lock until the process ends: two agents would give the same addresses.
fn only_one(state_dir: &Path) -> Result<File, Failed> {
    let path = state_dir.join("agent.lock");
    let failed = |what| {
        let path = path.clone();
        move |source| At { what, path, source }
    };
    fs::create_dir_all(state_dir).map_err(failed("cannot make the directory of"))?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed("cannot open"))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(io::Error::from)
        .map_err(failed("another agent seems to run: cannot lock"))?;
    Ok(file)
}

/// An error that concerns a file.
#[derive(Debug, thiserror::Error)]
#[error("{what} {}", path.display())]
struct At {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}
