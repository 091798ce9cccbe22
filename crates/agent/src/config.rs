//! What an operator can set, by environment variables, and where each value came from.

mod parse;
#[cfg(test)]
mod tests;
mod unserved;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use datapath::VethPrefix;

/// The effective configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `WARM_ENI_TARGET`.
    pub warm_eni_target: u32,
    /// `IP_COOLDOWN_PERIOD`.
    pub cooldown: Duration,
    /// `MAX_ENI`; `None`: as many as the instance type allows.
    pub max_eni: Option<u32>,
    /// `AWS_VPC_ENI_MTU`.
    pub eni_mtu: u32,
    /// `POD_MTU`.
    pub pod_mtu: u32,
    /// `AWS_VPC_K8S_CNI_VETHPREFIX`.
    pub veth_prefix: VethPrefix,
    /// `FLATNET_SOCKET`.
    pub socket: PathBuf,
    /// `FLATNET_STATE_DIR`.
    pub state_dir: PathBuf,
    /// `FLATNET_CNI_CONF_DIR`.
    pub cni_conf_dir: PathBuf,
    /// `FLATNET_ENI_MIN_AGE`.
    pub eni_min_age: Duration,
    /// `FLATNET_ADD_WAIT`.
    pub add_wait: Duration,
    /// `FLATNET_RECONCILE`; zero: never.
    pub reconcile: Duration,
    /// `FLATNET_LOG`, in the syntax of tracing's filters.
    pub log: String,
    values: Vec<Value>,
    /// Settings of the AWS VPC CNI that are set and have no effect here, with their values.
    pub unserved: Vec<(&'static str, String)>,
}

/// One setting as it is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    name: &'static str,
    value: String,
    source: Source,
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Environment,
    Default,
}

/// One setting as it is documented.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// Its value when unset, or what happens then.
    pub default: &'static str,
    /// What it is, with its unit.
    pub meaning: &'static str,
}

/// Every setting there is.
pub const SETTINGS: [Setting; 16] = [
    Setting {
        name: "WARM_ENI_TARGET",
        default: "1",
        meaning: "ENIs' worth of addresses to keep free; 0 keeps at least one address",
    },
    Setting {
        name: "IP_COOLDOWN_PERIOD",
        default: "30",
        meaning: "seconds an address rests before another pod gets it",
    },
    Setting {
        name: "MAX_ENI",
        default: "-1",
        meaning: "most ENIs to use, the primary one included; -1: the instance type's limit",
    },
    Setting {
        name: "AWS_VPC_ENI_MTU",
        default: "9001",
        meaning: "MTU of the ENIs, 576 to 9001 bytes",
    },
    Setting {
        name: "POD_MTU",
        default: "",
        meaning: "MTU of the pods, 576 to AWS_VPC_ENI_MTU bytes; unset: the same",
    },
    Setting {
        name: "AWS_VPC_K8S_CNI_VETHPREFIX",
        default: "eni",
        meaning: "what the names of the pods' host links begin with, at most 4 characters",
    },
    Setting {
        name: "AWS_ENDPOINT_URL_EC2",
        default: "",
        meaning: "URL of the EC2 API; unset: the Region's public endpoint",
    },
    Setting {
        name: "AWS_ENDPOINT_URL",
        default: "",
        meaning: "the same, where AWS_ENDPOINT_URL_EC2 is not set",
    },
    Setting {
        name: "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        default: "",
        meaning: "URL of the instance metadata service; unset: http://169.254.169.254",
    },
    Setting {
        name: "FLATNET_SOCKET",
        default: "/run/flatnet/agent.sock",
        meaning: "where the CNI plugin finds the agent",
    },
    Setting {
        name: "FLATNET_STATE_DIR",
        default: "/run/flatnet",
        meaning: "directory of the checkpoint; should not outlive a reboot",
    },
    Setting {
        name: "FLATNET_CNI_CONF_DIR",
        default: "/etc/cni/net.d",
        meaning: "directory of the CNI configuration that makes the node ready",
    },
    Setting {
        name: "FLATNET_ENI_MIN_AGE",
        default: "60",
        meaning: "seconds an ENI is kept at least before it may be freed",
    },
    Setting {
        name: "FLATNET_ADD_WAIT",
        default: "10",
        meaning: "seconds a pod waits for an address at most, 0 to 50",
    },
    Setting {
        name: "FLATNET_RECONCILE",
        default: "300",
        meaning: "seconds between comparisons with EC2, one call each; 0: none",
    },
    Setting {
        name: "FLATNET_LOG",
        default: "info",
        meaning: "what is logged: error, warn, info, debug, trace, or a filter by module",
    },
];

/// Settings that cannot be used, all of them.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration cannot be used:\n  {}", problems.join("\n  "))]
pub struct ConfigError {
    /// One line for each, naming the variable, its value and what it may be.
    pub problems: Vec<String>,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Every malformed or contradictory value, and every unknown variable that begins with
    /// `FLATNET_`, at once.
    pub fn from_env(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut reader = parse::Reader::new(vars.into_iter().collect::<BTreeMap<_, _>>());
        let eni_mtu = reader.mtu("AWS_VPC_ENI_MTU", None);
        let config = Self {
            warm_eni_target: reader.number("WARM_ENI_TARGET", 0, 1_000),
            cooldown: reader.seconds("IP_COOLDOWN_PERIOD", 86_400),
            max_eni: reader.max_eni("MAX_ENI"),
            eni_mtu,
            pod_mtu: reader.mtu("POD_MTU", Some(eni_mtu)),
            veth_prefix: reader.veth_prefix("AWS_VPC_K8S_CNI_VETHPREFIX"),
            socket: reader.path("FLATNET_SOCKET"),
            state_dir: reader.path("FLATNET_STATE_DIR"),
            cni_conf_dir: reader.path("FLATNET_CNI_CONF_DIR"),
            eni_min_age: reader.seconds("FLATNET_ENI_MIN_AGE", 86_400),
            add_wait: reader.seconds("FLATNET_ADD_WAIT", 50),
            reconcile: reader.seconds("FLATNET_RECONCILE", 86_400),
            log: reader.log("FLATNET_LOG"),
            values: Vec::new(),
            unserved: reader.unserved(),
        };
        // The clients read these themselves; here they are checked and shown.
        for name in
            ["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL", "AWS_EC2_METADATA_SERVICE_ENDPOINT"]
        {
            reader.url(name);
        }
        let values = reader.finish()?;
        Ok(Self { values, ..config })
    }

    /// The effective values and their sources, one per line.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for Value { name, value, source } in &self.values {
            let source = match source {
                Source::Environment => "environment",
                Source::Default => "default",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<34} {value:<26} {source}");
        }
        for (name, value) in &self.unserved {
            let _ = writeln!(text, "{name:<34} {value:<26} environment, without effect");
        }
        text
    }
}

/// The documentation of every setting, one per line.
#[must_use]
pub fn describe_settings() -> String {
    let mut text = String::new();
    for Setting { name, default, meaning } in &SETTINGS {
        let default = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        let _ = writeln!(text, "  {name:<34} {meaning}{default}");
    }
    text
}
