//! One JSON document per line each way over the agent's socket.
//!
//! Both sides ignore fields they do not know, so that plugin and agent may be of different
//! releases; `version` changes only when that is not enough.

use serde_json::{Value, json};

use crate::error::{CniError, code};
use crate::validate;

/// The version of the documents here.
pub const PROTOCOL_VERSION: u64 = 1;

/// A CNI call as the plugin forwards it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `ADD`, `DEL`, `CHECK`, `STATUS` or `GC`.
    pub command: String,
    /// `CNI_CONTAINERID`; empty for `STATUS` and `GC`.
    pub container_id: String,
    /// `CNI_NETNS`: a path; may be empty for `DEL`.
    pub netns: String,
    /// `CNI_IFNAME`.
    pub ifname: String,
    /// `CNI_ARGS`, unparsed: see [`Request::arg`].
    pub args: String,
    /// `CNI_PATH`.
    pub path: String,
    /// The network configuration, whole.
    pub config: Value,
}

impl Request {
    /// The request as one line, with its newline.
    #[must_use]
    pub fn to_line(&self) -> String {
        let document = json!({
            "version": PROTOCOL_VERSION,
            "op": "cni",
            "command": self.command,
            "containerID": self.container_id,
            "netns": self.netns,
            "ifname": self.ifname,
            "args": self.args,
            "path": self.path,
            "config": self.config,
        });
        format!("{document}\n")
    }

    /// Reads a request of `op` `cni`; the caller has read the line and looked at `op`. Names are
    /// checked as the plugin checks them: what comes over a socket need not come from the plugin.
    ///
    /// # Errors
    /// [`code::DECODING_FAILURE`] naming what is missing, or another `version`;
    /// [`code::INVALID_ENVIRONMENT`] for a container id or interface name that is none.
    pub fn from_json(document: &Value) -> Result<Self, CniError> {
        let failure = |what: String| CniError::new(code::DECODING_FAILURE, what);
        let version = document["version"].as_u64();
        if version != Some(PROTOCOL_VERSION) {
            let named = version.map_or("none".into(), |version| version.to_string());
            return Err(failure(format!(
                "the agent speaks version {PROTOCOL_VERSION} of the plugin's protocol, the plugin {named}"
            ))
            .with_details("install plugin and agent of the same release"));
        }
        let text = |key: &str| {
            document[key]
                .as_str()
                .map(ToOwned::to_owned)
                .ok_or_else(|| failure(format!("the plugin's request has no \"{key}\"")))
        };
        let request = Self {
            command: text("command")?,
            container_id: text("containerID")?,
            netns: text("netns")?,
            ifname: text("ifname")?,
            args: text("args")?,
            path: text("path")?,
            config: document["config"].clone(),
        };
        // The others are about no container.
        if matches!(request.command.as_str(), "ADD" | "CHECK" | "DEL") {
            validate::attachment(&request.container_id, &request.ifname)?;
        }
        Ok(request)
    }

    /// A value of `CNI_ARGS` (`KEY=VALUE;KEY=VALUE`), such as `K8S_POD_NAME`.
    #[must_use]
    pub fn arg(&self, key: &str) -> Option<&str> {
        self.args.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (name == key).then_some(value)
        })
    }

    /// The network's name in the configuration; empty if it has none.
    #[must_use]
    pub fn network(&self) -> &str {
        self.config["name"].as_str().unwrap_or_default()
    }
}

/// The agent's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It worked: the result for ADD, null otherwise.
    Result(Value),
    /// It did not.
    Error(CniError),
}

impl Reply {
    /// The reply as one line, with its newline.
    #[must_use]
    pub fn to_line(&self) -> String {
        let document = match self {
            Self::Result(result) => json!({"version": PROTOCOL_VERSION, "result": result}),
            Self::Error(CniError { code, msg, details }) => json!({
                "version": PROTOCOL_VERSION,
                "error": {"code": code, "msg": msg, "details": details},
            }),
        };
        format!("{document}\n")
    }

    /// Reads a reply. A newer agent's is understood as far as it has what this version knows.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_line(line: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if let Some(error) = document.get("error").filter(|error| !error.is_null()) {
            let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
            let code = error["code"].as_u64().and_then(|code| u32::try_from(code).ok());
            return Ok(Self::Error(CniError {
                code: code.ok_or("its error has no code")?,
                msg: text("msg"),
                details: text("details"),
            }));
        }
        match document.get("result") {
            Some(result) => Ok(Self::Result(result.clone())),
            None => Err("it has neither \"result\" nor \"error\"".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            command: "ADD".into(),
            container_id: "c1".into(),
            netns: "/run/netns/x".into(),
            ifname: "eth0".into(),
            args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web=1".into(),
            path: "/opt/cni/bin".into(),
            config: json!({"cniVersion": "1.0.0", "name": "flatnet"}),
        }
    }

    #[test]
    fn requests_survive_the_line() {
        let line = request().to_line();
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.ends_with('\n'));
        let mut document: Value = serde_json::from_str(&line).unwrap();
        document["later"] = json!("a field of a newer plugin");
        assert_eq!(Request::from_json(&document).unwrap(), request());
    }

    #[test]
    fn requests_of_another_version_or_with_holes_are_refused() {
        let document: Value = serde_json::from_str(&request().to_line()).unwrap();
        for (key, value) in [("version", json!(2)), ("version", json!(null)), ("netns", json!(7))] {
            let mut changed = document.clone();
            changed[key] = value;
            let error = Request::from_json(&changed).unwrap_err();
            assert_eq!(error.code, code::DECODING_FAILURE);
            assert!(error.msg.contains(key), "{error}");
        }
    }

    #[test]
    fn names_are_checked_again() {
        let document: Value = serde_json::from_str(&request().to_line()).unwrap();
        let bad = [
            ("containerID", "", "CNI_CONTAINERID"),
            ("containerID", "../c1", "CNI_CONTAINERID"),
            ("ifname", "", "CNI_IFNAME"),
            ("ifname", "../../all", "CNI_IFNAME"),
            ("ifname", "eth%d", "CNI_IFNAME"),
            ("ifname", "eth0\0", "CNI_IFNAME"),
        ];
        for command in ["ADD", "CHECK", "DEL"] {
            for (key, value, variable) in bad {
                let mut changed = document.clone();
                changed["command"] = json!(command);
                changed[key] = json!(value);
                let error = Request::from_json(&changed).unwrap_err();
                assert_eq!(error.code, code::INVALID_ENVIRONMENT, "{command} {value:?}");
                assert!(error.msg.contains(variable), "{error}");
            }
        }
        for command in ["STATUS", "GC"] {
            let mut changed = document.clone();
            changed["command"] = json!(command);
            changed["containerID"] = json!("");
            changed["ifname"] = json!("");
            Request::from_json(&changed).unwrap();
        }
    }

    #[test]
    fn arguments_by_key() {
        let request = request();
        assert_eq!(request.arg("K8S_POD_NAMESPACE"), Some("default"));
        assert_eq!(request.arg("K8S_POD_NAME"), Some("web=1"));
        assert_eq!(request.arg("K8S_POD"), None);
        assert_eq!(request.network(), "flatnet");
    }

    #[test]
    fn replies_survive_the_line() {
        let error = CniError::new(11, "no address\nleft").with_details("wait");
        for reply in
            [Reply::Result(json!({"ips": []})), Reply::Result(Value::Null), Reply::Error(error)]
        {
            assert_eq!(Reply::from_line(&reply.to_line()).unwrap(), reply);
        }
        for bad in ["", "{}", "[]", "nonsense", r#"{"error":{"msg":"no code"}}"#] {
            assert!(Reply::from_line(bad).is_err(), "{bad}");
        }
    }
}
