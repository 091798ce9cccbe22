//! The built plugin, called as a runtime calls it, against an agent that answers by script.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use flatnet_cni::call::{Patience, run};
use flatnet_cni::{CniError, PROTOCOL_VERSION, Reply, Request, SUPPORTED_VERSIONS};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An agent that takes one call, answers it, and gives back what it was asked.
struct Agent {
    directory: TempDir,
    thread: JoinHandle<String>,
}

impl Agent {
    fn answering(line: String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("agent.sock")).unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            BufReader::new(&stream).read_line(&mut request).unwrap();
            stream.write_all(line.as_bytes()).unwrap();
            request
        });
        Self { directory, thread }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("agent.sock")
    }

    fn asked(self) -> Value {
        serde_json::from_str(&self.thread.join().unwrap()).unwrap()
    }
}

struct Call {
    env: Vec<(&'static str, String)>,
    stdin: String,
}

struct Output {
    stdout: String,
    stderr: String,
    exit: i32,
}

impl Output {
    /// The one document on stdout.
    fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }

    /// The error's code and message, after checking its form.
    fn error(&self) -> (u64, String) {
        assert_eq!(self.exit, 1, "{} {}", self.stdout, self.stderr);
        let document = self.document();
        assert!(document["cniVersion"].is_string(), "{document}");
        assert!(document["details"].is_string(), "{document}");
        (document["code"].as_u64().unwrap(), document["msg"].as_str().unwrap().to_owned())
    }
}

fn config() -> Value {
    json!({"cniVersion": "1.0.0", "name": "flatnet", "type": "flatnet-cni", "unknown": [1]})
}

impl Call {
    fn new(command: &str) -> Self {
        Self {
            env: vec![
                ("CNI_COMMAND", command.into()),
                ("CNI_CONTAINERID", "0123abcd".into()),
                ("CNI_NETNS", "/run/netns/pod".into()),
                ("CNI_IFNAME", "eth0".into()),
                ("CNI_ARGS", "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web".into()),
                ("CNI_PATH", "/opt/cni/bin".into()),
                // Never the machine's own agent.
                ("FLATNET_SOCKET", "/nonexistent/agent.sock".into()),
            ],
            stdin: config().to_string(),
        }
    }

    fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.retain(|(other, _)| *other != name);
        self.env.push((name, value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.env.retain(|(other, _)| *other != name);
        self
    }

    fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = text.into();
        self
    }

    fn to(self, agent: &Agent) -> Self {
        self.set("FLATNET_SOCKET", agent.socket().to_str().unwrap())
    }

    fn run(self) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_flatnet-cni"))
            .env_clear()
            .envs(self.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The plugin may end without reading its input.
        let _ = child.stdin.take().unwrap().write_all(self.stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Output {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            exit: output.status.code().unwrap(),
        }
    }
}

#[test]
fn version_lists_what_is_served_with_no_other_variable() {
    let call = Call { env: vec![("CNI_COMMAND", "VERSION".into())], stdin: String::new() };
    let output = call.run();
    assert_eq!(output.exit, 0);
    assert_eq!(
        output.document(),
        json!({"cniVersion": "1.1.0", "supportedVersions": ["0.4.0", "1.0.0", "1.1.0"]})
    );
    let output = Call::new("VERSION").stdin(r#"{"cniVersion":"0.4.0"}"#).run();
    assert_eq!(output.document()["cniVersion"], "0.4.0");
}

#[test]
fn without_a_command_it_says_what_it_is() {
    let output = Call { env: vec![], stdin: String::new() }.run();
    assert_eq!((output.exit, output.stdout.as_str()), (0, ""));
    assert!(output.stderr.contains("CNI_COMMAND"), "{}", output.stderr);
}

#[test]
fn an_unknown_command_is_code_4() {
    let (code, msg) = Call::new("add").run().error();
    assert_eq!(code, 4);
    assert!(msg.contains("CNI_COMMAND \"add\""), "{msg}");
}

#[test]
fn each_missing_variable_is_code_4_and_named() {
    let required = [
        ("ADD", vec!["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
        ("CHECK", vec!["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
        ("DEL", vec!["CNI_CONTAINERID", "CNI_IFNAME"]),
    ];
    for (command, names) in required {
        for name in &names {
            for call in [Call::new(command).without(name), Call::new(command).set(name, "")] {
                let (code, msg) = call.run().error();
                assert_eq!(code, 4, "{command} without {name}");
                assert!(msg.contains(name), "{msg}");
                assert_eq!(msg.matches("CNI_").count(), 1, "only what is missing: {msg}");
            }
        }
        let bare = Call::new(command).without("CNI_NETNS").without("CNI_IFNAME");
        let (code, msg) = bare.without("CNI_CONTAINERID").run().error();
        assert_eq!(code, 4);
        assert!(names.iter().all(|name| msg.contains(name)), "all at once: {msg}");
    }
}

#[test]
fn bad_names_are_code_4() {
    for id in ["-c", "a/b", "a b", "../x"] {
        let (code, msg) = Call::new("ADD").set("CNI_CONTAINERID", id).run().error();
        assert_eq!(code, 4);
        assert!(msg.contains("CNI_CONTAINERID") && msg.contains(id), "{msg}");
    }
    for name in ["sixteen-bytes-xx", "a/b", "a:b", "a b", "eth%d", "..", "."] {
        let (code, msg) = Call::new("ADD").set("CNI_IFNAME", name).run().error();
        assert_eq!(code, 4);
        assert!(msg.contains("CNI_IFNAME") && msg.contains(name), "{msg}");
    }
}

#[test]
fn garbage_on_stdin_is_code_6() {
    for garbage in ["", "{", "not json", "[]", "\"text\"", r#"{"cniVersion":1}"#] {
        let (code, msg) = Call::new("ADD").stdin(garbage).run().error();
        assert_eq!(code, 6, "{garbage}: {msg}");
        assert!(msg.contains("network configuration"), "{msg}");
    }
}

#[test]
fn an_unknown_version_is_code_1_and_says_which_work() {
    for version in [json!("0.3.1"), json!("2.0.0"), json!("")] {
        let mut config = config();
        config["cniVersion"] = version;
        let output = Call::new("ADD").stdin(config.to_string()).run();
        assert_eq!(output.error().0, 1);
        assert!(output.stdout.contains("0.4.0, 1.0.0, 1.1.0"), "{}", output.stdout);
    }
    let (code, msg) = Call::new("ADD").stdin(r#"{"name":"flatnet"}"#).run().error();
    assert_eq!(code, 1, "none is 0.1.0");
    assert!(msg.contains("0.1.0"), "{msg}");
}

#[test]
fn a_missing_or_invalid_name_is_code_7() {
    for name in [json!(null), json!(""), json!("a/b"), json!("-a"), json!(7)] {
        let mut config = config();
        config["name"] = name.clone();
        let (code, msg) = Call::new("ADD").stdin(config.to_string()).run().error();
        assert_eq!(code, 7, "{name}");
        assert!(msg.contains("name"), "{msg}");
    }
}

#[test]
fn check_without_the_result_of_the_add_is_code_7() {
    let (code, msg) = Call::new("CHECK").run().error();
    assert_eq!(code, 7);
    assert!(msg.contains("prevResult"), "{msg}");
}

#[test]
fn errors_carry_the_version_of_the_configuration() {
    for version in SUPPORTED_VERSIONS {
        let mut config = config();
        config["cniVersion"] = json!(version);
        let output = Call::new("ADD").stdin(config.to_string()).run();
        assert_eq!(output.document()["cniVersion"], version);
    }
}

#[test]
fn without_an_agent_every_call_is_code_11_and_says_what_to_do() {
    let mut checked = config();
    checked["prevResult"] = json!({"cniVersion": "1.0.0"});
    for command in ["ADD", "DEL", "CHECK"] {
        let output = Call::new(command).stdin(checked.to_string()).run();
        let (code, msg) = output.error();
        assert_eq!(code, 11, "{command}");
        assert!(msg.contains("/nonexistent/agent.sock"), "{msg}");
        let details = output.document()["details"].as_str().unwrap().to_owned();
        assert!(details.contains("check that flatnet-agent runs"), "{details}");
    }
}

#[test]
fn status_is_of_1_1_0_and_code_50_without_an_agent() {
    let (code, _) = Call::new("STATUS").run().error();
    assert_eq!(code, 7, "not in 1.0.0");
    let mut config = config();
    config["cniVersion"] = json!("1.1.0");
    let (code, _) = Call::new("STATUS").stdin(config.to_string()).run().error();
    assert_eq!(code, 50);
    let agent = Agent::answering(Reply::Result(Value::Null).to_line());
    let output = Call::new("STATUS").stdin(config.to_string()).to(&agent).run();
    assert_eq!((output.exit, output.stdout.as_str()), (0, ""));
    assert_eq!(agent.asked()["command"], "STATUS");
}

#[test]
fn add_forwards_everything_and_prints_the_result_once() {
    let result = json!({"cniVersion": "1.0.0", "ips": [{"address": "10.10.1.7/32"}]});
    let agent = Agent::answering(Reply::Result(result.clone()).to_line());
    let output = Call::new("ADD").to(&agent).run();
    assert_eq!((output.exit, output.stderr.as_str()), (0, ""));
    assert_eq!(output.document(), result, "one document: {}", output.stdout);

    let asked = agent.asked();
    assert_eq!(asked["version"], PROTOCOL_VERSION);
    assert_eq!(asked["op"], "cni");
    let expected = Request {
        command: "ADD".into(),
        container_id: "0123abcd".into(),
        netns: "/run/netns/pod".into(),
        ifname: "eth0".into(),
        args: "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web".into(),
        path: "/opt/cni/bin".into(),
        config: config(),
    };
    assert_eq!(Request::from_json(&asked).unwrap(), expected);
}

#[test]
fn del_and_check_print_nothing() {
    let mut checked = config();
    checked["prevResult"] = json!({});
    let del = Call::new("DEL").without("CNI_NETNS");
    for (call, netns) in
        [(del, ""), (Call::new("CHECK").stdin(checked.to_string()), "/run/netns/pod")]
    {
        let agent = Agent::answering("{\"version\":1,\"result\":null}\n".into());
        let output = call.to(&agent).run();
        assert_eq!((output.exit, output.stdout.as_str()), (0, ""), "{}", output.stderr);
        assert_eq!(agent.asked()["netns"], netns);
    }
}

#[test]
fn the_agents_error_is_printed_as_it_is() {
    let error =
        CniError::new(11, "subnet tight-b has no free address").with_details("add a subnet");
    let agent = Agent::answering(Reply::Error(error).to_line());
    let output = Call::new("ADD").to(&agent).run();
    assert_eq!(output.exit, 1);
    assert_eq!(
        output.document(),
        json!({
            "cniVersion": "1.0.0",
            "code": 11,
            "msg": "subnet tight-b has no free address",
            "details": "add a subnet",
        })
    );
}

#[test]
fn the_socket_may_come_from_the_configuration() {
    let agent = Agent::answering("{\"version\":1,\"result\":null}\n".into());
    let mut config = config();
    config["agentSocket"] = json!(agent.socket());
    let call = Call::new("DEL").without("FLATNET_SOCKET").stdin(config.to_string());
    assert_eq!(call.run().exit, 0);
    assert_eq!(agent.asked()["command"], "DEL");
}

#[test]
fn an_agent_of_a_later_release_is_understood() {
    let line = r#"{"version":2,"new":true,"result":{"cniVersion":"1.0.0","new":1}}"#;
    let agent = Agent::answering(format!("{line}\n"));
    assert_eq!(Call::new("ADD").to(&agent).run().document()["cniVersion"], "1.0.0");
}

#[test]
fn an_agent_that_dies_or_talks_nonsense_is_told_apart() {
    for (answer, expected) in
        [("", 11), ("nonsense\n", 5), ("{\"version\":1}\n", 5), ("{\"result\":null}\n", 5)]
    {
        let agent = Agent::answering(answer.into());
        let (code, msg) = Call::new("ADD").to(&agent).run().error();
        assert_eq!(code, expected, "{answer}: {msg}");
        assert!(msg.contains("node agent"), "{msg}");
    }
}

#[test]
fn an_agent_that_never_answers_is_given_up_on() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let call = Call::new("ADD").set("FLATNET_SOCKET", socket.to_str().unwrap());
    let env = |name: &str| call.env.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
    let patience = Patience { connect: Duration::from_secs(5), answer: Duration::from_millis(50) };
    let outcome = run(env, call.stdin.as_bytes(), patience);
    assert_eq!(outcome.exit, 1);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(document["code"], 11);
    assert!(document["msg"].as_str().unwrap().contains("did not answer"), "{document}");
}
