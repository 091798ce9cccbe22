//! The socket on which the CNI plugin and people ask the agent: one line of JSON each way.
//!
//! Whoever connects is not trusted to speak the protocol, nor to say anything at all: a line is
//! bounded in length and time, connections in number, and whatever is wrong is answered.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flatnet_cni::{CniError, Reply, Request, code};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::cloud::Cloud;
use crate::node::Node;
use crate::wiring::Wiring;

/// The longest request in bytes, its newline included.
pub const MAX_LINE: u64 = 1024 * 1024;

/// How long a client may take to say its line, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a client may go on speaking after the reply.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Connections served at once; others wait to be accepted.
const MAX_CONNECTIONS: usize = 256;

/// How long the end waits for calls under way.
const GRACE: Duration = Duration::from_secs(2);

/// A bound socket. Dropping it removes the file.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Opens the socket, in place of one that a former agent left. Nobody but its owner can
    /// connect, at any moment.
    ///
    /// # Errors
    /// When the directory or the socket cannot be made.
    pub fn bind(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        // Under another name until its permissions are right; the rename replaces an old socket.
        let new = path.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&new)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
        fs::rename(&new, path)?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Nothing depends on it: the next agent replaces the file.
        let _ = fs::remove_file(&self.path);
    }
}

/// Serves until `end` becomes true, then waits a little for calls under way. Only clients with
/// the user id `allowed` are heard, as seen in this process's user namespace.
pub async fn serve<C: Cloud, W: Wiring>(
    node: Arc<Node<C, W>>,
    socket: Socket,
    allowed: u32,
    mut end: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut calls = JoinSet::new();
    loop {
        while calls.try_join_next().is_some() {}
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, socket.listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            _ = end.wait_for(|end| *end) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let node = Arc::clone(&node);
                calls.spawn(async move {
                    converse(&node, stream, allowed).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: those under way give some back.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(socket);
    let finish = async { while calls.join_next().await.is_some() {} };
    // Whoever is cut off has no reply, and so asks again.
    let _ = tokio::time::timeout(GRACE, finish).await;
}

/// One connection: one request, one reply.
async fn converse<C: Cloud, W: Wiring>(node: &Node<C, W>, mut stream: UnixStream, allowed: u32) {
    let reply = match authorise(&stream, allowed) {
        Ok(()) => match tokio::time::timeout(PATIENCE, read_line(&mut stream)).await {
            Ok(Ok(line)) => answer(node, &line).await,
            Ok(Err(error)) => Reply::Error(error),
            Err(_) => Reply::Error(CniError::new(
                code::IO_FAILURE,
                format!("no whole request within {} s", PATIENCE.as_secs()),
            )),
        },
        Err(error) => {
            tracing::warn!("refused a connection: {}", error.msg);
            Reply::Error(error)
        }
    };
    let line = reply.to_line();
    let send = async {
        stream.write_all(line.as_bytes()).await?;
        stream.shutdown().await?;
        // Hanging up on what a client still says would take the reply away from it.
        let (mut rest, mut nowhere) = ((&mut stream).take(MAX_LINE), tokio::io::sink());
        let read = tokio::io::copy(&mut rest, &mut nowhere);
        let _ = tokio::time::timeout(LAST_WORDS, read).await;
        Ok::<_, io::Error>(())
    };
    match tokio::time::timeout(PATIENCE, send).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "nobody took the reply"),
        Err(_) => tracing::debug!("nobody took the reply in time"),
    }
}

/// Unix credentials are the kernel's word (`SO_PEERCRED`, unix(7)), given as this user namespace
/// sees them: root of another one is not root here.
fn authorise(stream: &UnixStream, allowed: u32) -> Result<(), CniError> {
    let refused = |what: String| {
        CniError::new(code::INVALID_ENVIRONMENT, what)
            .with_details("Run the plugin as the agent's user, which is root on a node.")
    };
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == allowed => Ok(()),
        Ok(peer) => Err(refused(format!("user {} may not ask the node agent", peer.uid()))),
        Err(error) => Err(refused(format!("cannot tell which user asks: {error}"))),
    }
}

async fn read_line(stream: &mut UnixStream) -> Result<Vec<u8>, CniError> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(MAX_LINE + 1));
    match reader.read_until(b'\n', &mut line).await {
        Ok(_) if line.len() as u64 > MAX_LINE => Err(CniError::new(
            code::DECODING_FAILURE,
            format!("the request is longer than {MAX_LINE} bytes"),
        )),
        Ok(_) => Ok(line),
        Err(error) => Err(CniError::new(code::IO_FAILURE, format!("cannot read: {error}"))),
    }
}

async fn answer<C: Cloud, W: Wiring>(node: &Node<C, W>, line: &[u8]) -> Reply {
    let document: Value = match serde_json::from_slice(line) {
        Ok(document) => document,
        Err(error) => {
            let what = format!("the request is not JSON: {error}");
            return Reply::Error(CniError::new(code::DECODING_FAILURE, what));
        }
    };
    let result = match document["op"].as_str() {
        Some("cni") => match Request::from_json(&document) {
            Ok(request) => node.cni(&request).await,
            Err(error) => Err(error),
        },
        Some("status") if document["version"] == flatnet_cni::PROTOCOL_VERSION => {
            serde_json::to_value(node.status())
                .map_err(|error| CniError::new(code::IO_FAILURE, error.to_string()))
        }
        Some("status") => Err(CniError::new(
            code::DECODING_FAILURE,
            format!("the agent speaks version {} of its protocol", flatnet_cni::PROTOCOL_VERSION),
        )),
        _ => Err(CniError::new(
            code::DECODING_FAILURE,
            "the request's \"op\" is neither \"cni\" nor \"status\"",
        )),
    };
    match result {
        Ok(result) => Reply::Result(result),
        Err(error) => Reply::Error(error),
    }
}
