//! One call of the plugin, from the runtime's environment and configuration to what is printed.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{CniError, code};
use crate::protocol::{Reply, Request};
use crate::result::check_version;
use crate::validate::{self, is_identifier};
use crate::{DEFAULT_SOCKET, LATEST_VERSION, SUPPORTED_VERSIONS};

/// What the process does at its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For the runtime: at most one JSON document.
    pub stdout: String,
    /// For people.
    pub stderr: String,
    /// 0, or 1 when `stdout` has an error.
    pub exit: u8,
}

/// How long to wait for the agent.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until it takes the connection. It does at once unless hundreds wait already.
    pub connect: Duration,
    /// Until it answers. Longer than any wait for an address inside the agent.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), answer: Duration::from_secs(60) }
    }
}

/// Serves one call.
pub fn run(env: impl Fn(&str) -> Option<String>, stdin: impl Read, patience: Patience) -> Outcome {
    let env = |name: &str| env(name).filter(|value| !value.is_empty());
    let Some(command) = env("CNI_COMMAND") else {
        return Outcome { stdout: String::new(), stderr: usage(), exit: 0 };
    };
    let mut version = LATEST_VERSION.to_owned();
    match serve(&command, env, stdin, patience, &mut version) {
        Ok(result) => {
            let stdout = if result.is_null() { String::new() } else { format!("{result}\n") };
            Outcome { stdout, stderr: String::new(), exit: 0 }
        }
        Err(error) => Outcome {
            stdout: format!("{}\n", error.to_json(&version)),
            stderr: String::new(),
            exit: 1,
        },
    }
}

/// The result to print. `version` becomes the configuration's as soon as it is known.
fn serve(
    command: &str,
    env: impl Fn(&str) -> Option<String>,
    stdin: impl Read,
    patience: Patience,
    version: &mut String,
) -> Result<Value, CniError> {
    if command == "VERSION" {
        return Ok(versions(stdin));
    }
    check_environment(command, &env)?;
    let config = read_config(stdin)?;
    // A configuration without a version is one of 0.1.0.
    let named = config.get("cniVersion").map_or(Some("0.1.0"), Value::as_str);
    let named = named.ok_or_else(|| {
        CniError::new(
            code::DECODING_FAILURE,
            "\"cniVersion\" of the network configuration is no text",
        )
    })?;
    check_version(named)?;
    named.clone_into(version);
    check_config(command, named, &config)?;

    let text = |name: &str| env(name).unwrap_or_default();
    let request = Request {
        command: command.to_owned(),
        container_id: text("CNI_CONTAINERID"),
        netns: text("CNI_NETNS"),
        ifname: text("CNI_IFNAME"),
        args: text("CNI_ARGS"),
        path: text("CNI_PATH"),
        config,
    };
    let socket = env("FLATNET_SOCKET")
        .or_else(|| request.config["agentSocket"].as_str().map(ToOwned::to_owned))
        .unwrap_or_else(|| DEFAULT_SOCKET.to_owned());
    match ask(Path::new(&socket), &request, patience)? {
        Reply::Error(error) => Err(error),
        Reply::Result(result) if command != "ADD" => {
            drop(result);
            Ok(Value::Null)
        }
        Reply::Result(result) if result.is_object() => Ok(result),
        Reply::Result(_) => {
            Err(CniError::new(code::IO_FAILURE, "the node agent answered ADD without a result"))
        }
    }
}

fn usage() -> String {
    format!(
        "flatnet-cni {}: the Flatnet CNI plugin, run by a container runtime (CNI versions {}).\n\
         It reads CNI_COMMAND and its other CNI_* variables, and a network configuration on stdin.\n",
        env!("CARGO_PKG_VERSION"),
        SUPPORTED_VERSIONS.join(", ")
    )
}

/// The answer to VERSION, in the version asked in if the input names one.
fn versions(mut stdin: impl Read) -> Value {
    let mut input = String::new();
    // Negotiation has to work whatever the input is, so what cannot be read counts as empty.
    let _ = stdin.read_to_string(&mut input);
    let named: Value = serde_json::from_str(&input).unwrap_or_default();
    json!({
        "cniVersion": named["cniVersion"].as_str().unwrap_or(LATEST_VERSION),
        "supportedVersions": SUPPORTED_VERSIONS,
    })
}

fn check_environment(command: &str, env: &impl Fn(&str) -> Option<String>) -> Result<(), CniError> {
    let invalid = |msg: String| Err(CniError::new(code::INVALID_ENVIRONMENT, msg));
    let required: &[&str] = match command {
        "ADD" | "CHECK" => &["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
        "DEL" => &["CNI_CONTAINERID", "CNI_IFNAME"],
        "STATUS" | "GC" => &[],
        _ => return invalid(format!("CNI_COMMAND \"{command}\" is not supported")),
    };
    let missing: Vec<_> = required.iter().copied().filter(|name| env(name).is_none()).collect();
    if !missing.is_empty() {
        return invalid(format!("{command} needs {}, not set", missing.join(", ")));
    }
    if required.is_empty() {
        return Ok(());
    }
    let text = |name: &str| env(name).unwrap_or_default();
    validate::attachment(&text("CNI_CONTAINERID"), &text("CNI_IFNAME"))
}

fn read_config(mut stdin: impl Read) -> Result<Value, CniError> {
    let mut input = Vec::new();
    stdin.read_to_end(&mut input).map_err(|error| {
        CniError::new(code::IO_FAILURE, format!("cannot read the network configuration: {error}"))
    })?;
    match serde_json::from_slice(&input) {
        Ok(config @ Value::Object(_)) => Ok(config),
        Ok(_) => Err(CniError::new(
            code::DECODING_FAILURE,
            "the network configuration on stdin is no JSON object",
        )),
        Err(error) => Err(CniError::new(
            code::DECODING_FAILURE,
            format!("the network configuration on stdin is no JSON: {error}"),
        )),
    }
}

fn check_config(command: &str, version: &str, config: &Value) -> Result<(), CniError> {
    let invalid = |msg: String| Err(CniError::new(code::INVALID_CONFIG, msg));
    match config["name"].as_str() {
        None => return invalid("the network configuration has no \"name\"".into()),
        Some(name) if !is_identifier(name) => {
            return invalid(format!(
                "the network name \"{name}\" is invalid: letters, digits, '_', '.' and '-', \
                 beginning with a letter or digit"
            ));
        }
        Some(_) => {}
    }
    if command == "CHECK" && !config["prevResult"].is_object() {
        return invalid("CHECK needs \"prevResult\" in the network configuration".into());
    }
    if matches!(command, "STATUS" | "GC") && version != "1.1.0" {
        return invalid(format!(
            "{command} exists from CNI 1.1.0 on, the configuration is {version}"
        ));
    }
    Ok(())
}

/// Sends the request and waits for the reply.
fn ask(socket: &Path, request: &Request, patience: Patience) -> Result<Reply, CniError> {
    let stream =
        connect(socket, patience.connect).map_err(|error| unreachable(socket, request, &error))?;
    let exchange = || -> io::Result<String> {
        stream.set_write_timeout(Some(patience.connect))?;
        stream.set_read_timeout(Some(patience.answer))?;
        (&stream).write_all(request.to_line().as_bytes())?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"));
        }
        Ok(line)
    };
    let line = exchange().map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => CniError::new(
            unavailable(request),
            format!("the node agent did not answer within {} s", patience.answer.as_secs()),
        )
        .with_details(what_to_do(request)),
        _ => CniError::new(unavailable(request), format!("the node agent gave no answer: {error}"))
            .with_details(what_to_do(request)),
    })?;
    Reply::from_line(&line).map_err(|why| {
        CniError::new(code::IO_FAILURE, format!("the node agent's answer is not understood: {why}"))
            .with_details("install plugin and agent of the same release")
    })
}

/// Connects on a thread of its own: the standard library knows no limit on the time it takes.
fn connect(socket: &Path, limit: Duration) -> io::Result<UnixStream> {
    let (sender, receiver) = mpsc::channel();
    let path = PathBuf::from(socket);
    thread::spawn(move || sender.send(UnixStream::connect(path)));
    receiver.recv_timeout(limit).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn unreachable(socket: &Path, request: &Request, error: &io::Error) -> CniError {
    CniError::new(
        unavailable(request),
        format!("the node agent is not reachable at {}: {error}", socket.display()),
    )
    .with_details(what_to_do(request))
}

fn unavailable(request: &Request) -> u32 {
    if request.command == "STATUS" { code::NOT_AVAILABLE } else { code::TRY_AGAIN_LATER }
}

/// Without the agent nothing can be undone either, so a DEL fails too and the runtime tries it
/// again: a DEL that pretended to work would leave the address taken.
fn what_to_do(request: &Request) -> String {
    let then = match request.command.as_str() {
        "ADD" => "the runtime tries again; the pod starts when the agent is back",
        "DEL" => "the runtime tries again; the address is freed when the agent is back",
        _ => "the call works when the agent is back",
    };
    format!("check that flatnet-agent runs on this node and look at its log; {then}")
}
