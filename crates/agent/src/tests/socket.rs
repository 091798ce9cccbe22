//! The socket, and who talks to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flatnet_cni::{Reply, code};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::harness::{Harness, address_of, request, start};
use crate::cloud::twin::Twin;
use crate::server::{MAX_LINE, Socket, serve};

struct Served {
    node: Harness,
    path: PathBuf,
    end: watch::Sender<bool>,
    server: JoinHandle<()>,
}

async fn serving(allowed: u32) -> Served {
    let node = start(Twin::new("10.0.0.0/24", 3, 4)).await.filled().await;
    let path = node.directory.path().join("sub/agent.sock");
    let socket = Socket::bind(&path).unwrap();
    let (end, ending) = watch::channel(false);
    let server = tokio::spawn(serve(Arc::clone(&node.node), socket, allowed, ending));
    Served { node, path, end, server }
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

async fn say(path: &Path, bytes: &[u8]) -> Reply {
    let mut stream = UnixStream::connect(path).await.unwrap();
    // The agent may answer, and hang up, before it has read everything.
    stream.write_all(bytes).await.ok();
    stream.shutdown().await.ok();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    Reply::from_line(&answer).unwrap()
}

fn refused(reply: Reply) -> (u32, String) {
    match reply {
        Reply::Error(error) => (error.code, error.msg),
        Reply::Result(result) => panic!("accepted: {result}"),
    }
}

#[tokio::test]
async fn the_plugins_protocol_is_spoken() {
    let served = serving(me()).await;
    let add = request("ADD", 1).to_line();
    let Reply::Result(result) = say(&served.path, add.as_bytes()).await else { panic!() };
    let address = address_of(&result);
    assert!(served.node.kernel.state().pods.contains_key(&address));
    let status = json!({"version": 1, "op": "status"}).to_string();
    let Reply::Result(status) = say(&served.path, status.as_bytes()).await else { panic!() };
    assert_eq!(status["pods"][0]["address"], json!(address));
    let del = say(&served.path, request("DEL", 1).to_line().as_bytes()).await;
    assert_eq!(del, Reply::Result(Value::Null));
}

#[tokio::test]
async fn only_its_owner_may_open_the_socket_and_only_the_allowed_user_is_heard() {
    use std::os::unix::fs::PermissionsExt as _;

    let served = serving(me() + 1).await;
    let mode = std::fs::metadata(&served.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (number, message) =
        refused(say(&served.path, request("ADD", 1).to_line().as_bytes()).await);
    assert_eq!(number, code::INVALID_ENVIRONMENT);
    assert!(message.contains(&format!("user {} may not", me())), "{message}");
    assert!(served.node.kernel.state().pods.is_empty());
}

#[tokio::test]
async fn whatever_is_said_is_answered_and_the_agent_lives_on() {
    let served = serving(me()).await;
    let long = vec![b'{'; usize::try_from(MAX_LINE).unwrap() + 10];
    let mut deep = "[".repeat(100_000);
    deep.push('\n');
    let other_version = request("ADD", 1).to_line().replacen("\"version\":1", "\"version\":2", 1);
    let hostile: [(&[u8], &str); 12] = [
        (b"", "not JSON"),
        (b"\n", "not JSON"),
        (b"\0\xff\xfe\n", "not JSON"),
        (b"{\"version\":1,\"op\":\"cni\"", "not JSON"),
        (b"[]\n", "\"op\""),
        (b"null\n", "\"op\""),
        (b"{\"version\":1,\"op\":\"shutdown\"}\n", "\"op\""),
        (b"{\"version\":7,\"op\":\"status\"}\n", "version 1"),
        (b"{\"version\":1,\"op\":\"cni\",\"command\":7}\n", "\"command\""),
        (other_version.as_bytes(), "version"),
        (deep.as_bytes(), "not JSON"),
        (&long, "longer than"),
    ];
    for (bytes, expected) in hostile {
        let (number, message) = refused(say(&served.path, bytes).await);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        assert_eq!(number, code::DECODING_FAILURE, "{shown}");
        assert!(message.contains(expected), "{shown}: {message}");
    }
    let add = say(&served.path, request("ADD", 1).to_line().as_bytes()).await;
    assert!(matches!(add, Reply::Result(_)), "{add:?}");
}

#[tokio::test]
async fn silent_and_vanishing_clients_cost_nobody_anything() {
    let served = serving(me()).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(UnixStream::connect(&served.path).await.unwrap());
        let mut vanishing = UnixStream::connect(&served.path).await.unwrap();
        vanishing.write_all(request("DEL", 9).to_line().as_bytes()).await.unwrap();
    }
    let add = say(&served.path, request("ADD", 1).to_line().as_bytes()).await;
    assert!(matches!(add, Reply::Result(_)), "{add:?}");
    drop(silent);
}

#[tokio::test]
async fn calls_under_way_are_answered_before_the_end() {
    let served = serving(me()).await;
    let path = served.path.clone();
    let line = request("ADD", 1).to_line();
    let call = tokio::spawn(async move { say(&path, line.as_bytes()).await });
    while served.node.kernel.state().pods.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    served.end.send_replace(true);
    served.server.await.unwrap();
    assert!(matches!(call.await.unwrap(), Reply::Result(_)));
    assert!(!served.path.exists(), "the socket goes with the agent");
}

#[tokio::test]
async fn a_socket_left_by_a_former_agent_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.sock");
    std::mem::forget(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let socket = Socket::bind(&path).unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    drop(socket);
    assert!(!path.exists());
}
