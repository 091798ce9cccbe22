//! From text to values, collecting what is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use datapath::VethPrefix;

use super::{ConfigError, SETTINGS, Source, Value, unserved};

/// Reads settings one by one; a value that cannot be used is noted and replaced by its default.
pub(super) struct Reader {
    vars: BTreeMap<String, String>,
    values: Vec<Value>,
    problems: Vec<String>,
}

impl Reader {
    pub(super) fn new(vars: BTreeMap<String, String>) -> Self {
        let mut problems = Vec::new();
        for name in vars.keys().filter(|name| name.starts_with("FLATNET_")) {
            if !SETTINGS.iter().any(|setting| setting.name == name) {
                let known: Vec<_> = SETTINGS
                    .iter()
                    .map(|setting| setting.name)
                    .filter(|name| name.starts_with("FLATNET_"))
                    .collect();
                problems.push(format!("{name} is not a setting; there are {}", known.join(", ")));
            }
        }
        Self { vars, values: Vec::new(), problems }
    }

    /// What is set of the AWS VPC CNI's settings that are not served.
    pub(super) fn unserved(&self) -> Vec<(&'static str, String)> {
        let set = |name: &'static str| {
            let value = self.vars.get(name).map(|value| value.trim().to_owned());
            Some((name, value.filter(|value| !value.is_empty())?))
        };
        unserved::NAMES.into_iter().filter_map(set).collect()
    }

    pub(super) fn finish(self) -> Result<Vec<Value>, ConfigError> {
        if self.problems.is_empty() {
            Ok(self.values)
        } else {
            Err(ConfigError { problems: self.problems })
        }
    }

    pub(super) fn number(&mut self, name: &'static str, least: u32, most: u32) -> u32 {
        self.read(name, &format!("a whole number from {least} to {most}"), |text| {
            text.parse().ok().filter(|number| (least..=most).contains(number))
        })
        .unwrap_or(least)
    }

    pub(super) fn seconds(&mut self, name: &'static str, most: u64) -> Duration {
        let seconds = self.read(name, &format!("whole seconds from 0 to {most}"), |text| {
            text.parse().ok().filter(|seconds| *seconds <= most)
        });
        Duration::from_secs(seconds.unwrap_or(0))
    }

    pub(super) fn max_eni(&mut self, name: &'static str) -> Option<u32> {
        self.read(name, "-1, or a whole number from 1", |text| match text {
            "-1" => Some(None),
            _ => text.parse().ok().filter(|enis| *enis > 0).map(Some),
        })
        .flatten()
    }

    /// An MTU; at most, and by default, that of the ENIs if given.
    pub(super) fn mtu(&mut self, name: &'static str, enis: Option<u32>) -> u32 {
        let most = enis.unwrap_or(9001);
        if self.text(name).0.is_empty() {
            self.record(name, most.to_string(), Source::Default);
            return most;
        }
        let expected = match enis {
            Some(_) => format!("bytes from 576 to AWS_VPC_ENI_MTU, which is {most}"),
            None => format!("bytes from 576 to {most}"),
        };
        self.read(name, &expected, |text| {
            text.parse().ok().filter(|mtu| (576..=most).contains(mtu))
        })
        .unwrap_or(most)
    }

    pub(super) fn veth_prefix(&mut self, name: &'static str) -> VethPrefix {
        let expected = "at most 4 letters, digits, '-' or '_', and not eth, vlan or lo";
        self.read(name, expected, |text| text.parse().ok()).unwrap_or_default()
    }

    pub(super) fn path(&mut self, name: &'static str) -> PathBuf {
        self.read(name, "an absolute path", |text| {
            Some(PathBuf::from(text)).filter(|path| path.is_absolute())
        })
        .unwrap_or_default()
    }

    /// Checks a URL that may be absent.
    pub(super) fn url(&mut self, name: &'static str) {
        self.read(name, "a URL that begins with http:// or https://", |text| {
            let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
            let good = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'));
            (good || text.is_empty()).then_some(())
        });
    }

    pub(super) fn log(&mut self, name: &'static str) -> String {
        let expected = "error, warn, info, debug, trace, or a filter such as flatnet_agent=debug";
        self.read(name, expected, |text| {
            tracing_subscriber::EnvFilter::try_new(text).ok().map(|_| text.to_owned())
        })
        .unwrap_or_default()
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let (text, source) = self.text(name);
        let parsed = parse(&text);
        if parsed.is_none() {
            self.problems.push(format!("{name}='{text}' must be {expected}"));
        }
        let shown = if text.is_empty() { "(none)".to_owned() } else { text };
        self.record(name, shown, source);
        parsed
    }

    /// The text of a setting: a variable that is set but empty counts as unset.
    fn text(&self, name: &str) -> (String, Source) {
        match self.vars.get(name).map(|text| text.trim()).filter(|text| !text.is_empty()) {
            Some(text) => (text.to_owned(), Source::Environment),
            None => {
                let setting = SETTINGS.iter().find(|setting| setting.name == name);
                let default = setting.map_or("", |setting| setting.default);
                (default.to_owned(), Source::Default)
            }
        }
    }

    fn record(&mut self, name: &'static str, value: String, source: Source) {
        self.values.push(Value { name, value, source });
    }
}
