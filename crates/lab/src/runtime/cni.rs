//! The runtime's side of the CNI specification 1.1.0: finds the network's configuration, executes
//! its plugins, and reads what they print. Shares no code with Flatnet's plugin.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::place::Place;

/// A network configuration list (`*.conflist`) as found on a node.
#[derive(Debug, Clone)]
pub struct NetworkList {
    name: String,
    cni_version: String,
    disable_check: bool,
    plugins: Vec<Map<String, Value>>,
}

/// One attachment: a container's interface in a network.
#[derive(Debug, Clone)]
pub struct Attachment<'a> {
    /// The sandbox's id.
    pub container_id: &'a str,
    /// Where its network namespace is pinned.
    pub netns: &'a str,
    /// The interface's name inside.
    pub interface: &'a str,
    /// `CNI_ARGS`, e.g. the pod's name.
    pub arguments: &'a str,
}

/// A plugin's refusal, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{plugin} {verb} failed with CNI error code {code}: {message}")]
pub struct CniFailure {
    /// The plugin's type.
    pub plugin: String,
    /// What was asked of it.
    pub verb: &'static str,
    /// The error code it gave (CNI specification, "Error").
    pub code: u64,
    /// Its `msg`.
    pub message: String,
    /// Its `details`.
    pub details: String,
}

/// Why a network operation did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CniError {
    /// A plugin refused.
    #[error(transparent)]
    Plugin(#[from] CniFailure),
    /// There is no usable configuration on the node.
    #[error("no usable CNI configuration in {directory}: {problem}")]
    Configuration {
        /// Where it was looked for.
        directory: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A plugin could not be executed.
    #[error("could not execute the CNI plugin {plugin}")]
    Execute {
        /// The plugin's type.
        plugin: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Where runtimes look for network configurations (containerd's and CRI-O's default).
const CONFIGURATION_DIRECTORY: &str = "/etc/cni/net.d";

impl NetworkList {
    /// The first configuration list, by file name, in the node's `/etc/cni/net.d`.
    ///
    /// # Errors
    /// [`CniError::Configuration`].
    pub fn load(node: &Place) -> Result<Self, CniError> {
        let unusable = |problem: String| CniError::Configuration {
            directory: CONFIGURATION_DIRECTORY,
            problem,
        };
        let read = || -> io::Result<Option<(PathBuf, String)>> {
            let entries = fs::read_dir(CONFIGURATION_DIRECTORY)?.collect::<io::Result<Vec<_>>>()?;
            let lists = entries.into_iter().map(|entry| entry.path());
            let first =
                lists.filter(|path| path.extension().is_some_and(|e| e == "conflist")).min();
            first.map(|path| fs::read_to_string(&path).map(|text| (path, text))).transpose()
        };
        let found = node.run(read).and_then(|result| result);
        let (path, text) = found
            .map_err(|error| unusable(error.to_string()))?
            .ok_or_else(|| unusable("no *.conflist; the node is not ready".to_owned()))?;
        Self::parse(&text).map_err(|problem| unusable(format!("{}: {problem}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let list: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let string = |key: &str| {
            let value = list[key].as_str().map(str::to_owned);
            value.ok_or_else(|| format!("`{key}` is missing or not a string"))
        };
        let plugins = list["plugins"].as_array().ok_or("`plugins` is missing or not a list")?;
        let plugins = plugins.iter().map(|plugin| {
            let object = plugin
                .as_object()
                .filter(|object| object.get("type").is_some_and(Value::is_string));
            object.cloned().ok_or_else(|| "a plugin without a `type`".to_owned())
        });
        Ok(Self {
            name: string("name")?,
            cni_version: string("cniVersion")?,
            disable_check: list["disableCheck"].as_bool().unwrap_or(false),
            plugins: plugins.collect::<Result<_, _>>()?,
        })
    }

    /// ADD: runs every plugin in order, each given the result of the one before. After a failure
    /// everything is undone with DEL, as the specification asks of runtimes.
    ///
    /// # Errors
    /// The first plugin's failure.
    pub fn add(
        &self,
        node: &Place,
        path: &Path,
        attachment: &Attachment<'_>,
    ) -> Result<Value, CniError> {
        let mut result = Value::Null;
        for plugin in &self.plugins {
            match self.execute("ADD", plugin, &result, node, path, attachment) {
                Ok(Some(next)) => result = next,
                Ok(None) => {
                    return Err(CniError::Execute {
                        plugin: type_of(plugin),
                        source: io::Error::other("ADD succeeded but printed no result"),
                    });
                }
                Err(error) => {
                    if let Err(undo) = self.delete(node, path, attachment, &result) {
                        tracing::warn!(%undo, "DEL after a failed ADD failed as well");
                    }
                    return Err(error);
                }
            }
        }
        Ok(result)
    }

    /// CHECK: every plugin in order, each given the final result.
    ///
    /// # Errors
    /// The first plugin's failure.
    pub fn check(
        &self,
        node: &Place,
        path: &Path,
        attachment: &Attachment<'_>,
        result: &Value,
    ) -> Result<(), CniError> {
        if self.disable_check {
            return Err(CniError::Configuration {
                directory: CONFIGURATION_DIRECTORY,
                problem: "it has disableCheck, so nothing can be checked".to_owned(),
            });
        }
        for plugin in &self.plugins {
            self.execute("CHECK", plugin, result, node, path, attachment)?;
        }
        Ok(())
    }

    /// DEL: every plugin in reverse order, each given the final result.
    ///
    /// # Errors
    /// The first failure; the other plugins are run all the same.
    pub fn delete(
        &self,
        node: &Place,
        path: &Path,
        attachment: &Attachment<'_>,
        result: &Value,
    ) -> Result<(), CniError> {
        let mut outcome = Ok(());
        for plugin in self.plugins.iter().rev() {
            let deleted = self.execute("DEL", plugin, result, node, path, attachment);
            outcome = outcome.and(deleted.map(drop));
        }
        outcome
    }

    fn execute(
        &self,
        verb: &'static str,
        plugin: &Map<String, Value>,
        previous: &Value,
        node: &Place,
        path: &Path,
        attachment: &Attachment<'_>,
    ) -> Result<Option<Value>, CniError> {
        let type_name = type_of(plugin);
        let input = self.input(plugin, previous).to_string();
        let path_text = path.to_string_lossy();
        let environment = [
            ("CNI_COMMAND", verb),
            ("CNI_CONTAINERID", attachment.container_id),
            ("CNI_NETNS", attachment.netns),
            ("CNI_IFNAME", attachment.interface),
            ("CNI_ARGS", attachment.arguments),
            ("CNI_PATH", &*path_text),
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ];
        let program = OsString::from(path.join(&type_name));
        let output = node
            .output(&program, &environment, input.as_bytes())
            .map_err(|source| CniError::Execute { plugin: type_name.clone(), source })?;
        let printed = serde_json::from_slice::<Value>(&output.stdout).ok();
        if output.status.success() {
            return Ok(printed);
        }
        let printed = printed.unwrap_or_default();
        let text = |key: &str| printed[key].as_str().map(str::to_owned);
        Err(CniError::Plugin(CniFailure {
            plugin: type_name,
            verb,
            code: printed["code"].as_u64().unwrap_or(0),
            message: text("msg").unwrap_or_else(|| {
                let complaint = String::from_utf8_lossy(&output.stderr);
                format!("{}, and printed no CNI error; {}", output.status, complaint.trim())
            }),
            details: text("details").unwrap_or_default(),
        }))
    }

    /// The configuration a plugin reads: its own part of the list and what the runtime adds
    /// (CNI specification, "Deriving request configuration from network configuration").
    fn input(&self, plugin: &Map<String, Value>, previous: &Value) -> Value {
        let mut input = plugin.clone();
        input.remove("capabilities");
        input.insert("cniVersion".to_owned(), json!(self.cni_version));
        input.insert("name".to_owned(), json!(self.name));
        if !previous.is_null() {
            input.insert("prevResult".to_owned(), previous.clone());
        }
        Value::Object(input)
    }
}

fn type_of(plugin: &Map<String, Value>) -> String {
    plugin.get("type").and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_reads_its_part_of_the_list_and_the_runtimes_additions() {
        let list = NetworkList::parse(
            r#"{"cniVersion":"1.1.0","name":"pods","plugins":[
                {"type":"flatnet-cni","mtu":9001,"capabilities":{"portMappings":true}}]}"#,
        )
        .unwrap();
        let input = list.input(&list.plugins[0], &json!({"ips": []}));
        assert_eq!(
            input,
            json!({"cniVersion":"1.1.0","name":"pods","type":"flatnet-cni","mtu":9001,
                   "prevResult":{"ips":[]}})
        );
        assert!(list.input(&list.plugins[0], &Value::Null).get("prevResult").is_none());
    }

    #[test]
    fn an_unusable_list_says_what_is_wrong() {
        for (text, problem) in [
            ("{", "EOF"),
            (r#"{"name":"x","cniVersion":"1.0.0"}"#, "`plugins` is missing"),
            (r#"{"cniVersion":"1.0.0","plugins":[]}"#, "`name` is missing"),
            (r#"{"name":"x","cniVersion":"1.0.0","plugins":[{}]}"#, "without a `type`"),
        ] {
            let error = NetworkList::parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
