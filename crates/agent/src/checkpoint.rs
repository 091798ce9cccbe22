//! What must survive the agent: which attachment has which address.
//!
//! A log of lines of JSON. An ADD appends one line, and a DEL one, each made durable
//! (fdatasync(2)) before the reply that depends on it. At start, and when the log has grown much
//! longer than what it says, it is written anew and replaces the old one atomically.
//!
//! A line that was being written when the machine stopped is incomplete and so was never replied
//! to: it is ignored. Later lines win over earlier ones.

mod log;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use ipam::{AttachmentKey, Time};

use log::Log;
pub use record::PodRecord;
use record::Record;

/// The file's name in the state directory.
const FILE: &str = "checkpoint";

/// Appended lines after which the log is written anew, if that makes it at least that much
/// shorter.
const SLACK: usize = 4_096;

/// The checkpoint could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the checkpoint {}", path.display())]
pub struct CheckpointError {
    /// What failed.
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// The attachments and resting addresses on disk, and in memory as on disk.
#[derive(Debug)]
pub struct Checkpoint {
    log: Log,
    state: State,
    /// What was wrong with the file at start, for the log.
    pub notes: Vec<String>,
}

/// What the lines add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    pods: BTreeMap<AttachmentKey, PodRecord>,
    /// Released addresses that no attachment has got since, and when they were released.
    released: BTreeMap<Ipv4Addr, u64>,
}

impl Checkpoint {
    /// Reads what a former agent left in `directory`, and writes it anew without what is past:
    /// addresses released before `forget_before`.
    ///
    /// A file that is not one of this version's is set aside; its name is in
    /// [`Checkpoint::notes`].
    ///
    /// # Errors
    /// When the directory or the file cannot be read or written.
    pub fn open(directory: &Path, forget_before: Time) -> Result<Self, CheckpointError> {
        let path = directory.join(FILE);
        let mut notes = Vec::new();
        let lines = log::read(&path, &mut notes)?;
        let mut state = State::default();
        for line in &lines {
            state.apply(line);
        }
        state.released.retain(|_, at| *at >= forget_before.0);
        let log = Log::create(path, &state.records())?;
        Ok(Self { log, state, notes })
    }

    /// The attachments.
    #[must_use]
    pub fn pods(&self) -> &BTreeMap<AttachmentKey, PodRecord> {
        &self.state.pods
    }

    /// Addresses that may still rest, and when they were released.
    pub fn released(&self) -> impl Iterator<Item = (Ipv4Addr, Time)> {
        self.state.released.iter().map(|(address, at)| (*address, Time(*at)))
    }

    /// Makes an attachment durable. An address that another one had is its own from now on.
    ///
    /// # Errors
    /// When it could not be written; the attachment is not in the checkpoint then.
    pub fn assign(&mut self, pod: PodRecord) -> Result<(), CheckpointError> {
        self.append(&Record::Assign(pod))
    }

    /// Makes the end of an attachment durable. `rest_since` is when its address began to rest;
    /// `None` if the address never carried traffic.
    ///
    /// # Errors
    /// When it could not be written; the attachment is still in the checkpoint then.
    pub fn release(
        &mut self,
        key: &AttachmentKey,
        rest_since: Option<Time>,
    ) -> Result<(), CheckpointError> {
        let Some(pod) = self.state.pods.get(key) else { return Ok(()) };
        let at = rest_since.map(|time| time.0);
        self.append(&Record::Release { key: key.into(), address: pod.address, at })
    }

    fn append(&mut self, record: &Record) -> Result<(), CheckpointError> {
        let live = self.state.pods.len() + self.state.released.len();
        if self.log.needs_rewrite() || self.log.lines() > live + SLACK {
            self.log.rewrite(&self.state.records())?;
        }
        self.log.append(record)?;
        self.state.apply(record);
        Ok(())
    }

    /// From now on the log is a file of the caller's, to see what a failing one does.
    #[cfg(test)]
    pub(crate) fn log_to(&mut self, path: PathBuf, file: std::fs::File) {
        self.log = Log::on_file(path, file);
    }

    /// A checkpoint on a file of the caller's, to see what a failing one does.
    #[cfg(test)]
    pub(crate) fn on_file(path: PathBuf, file: std::fs::File) -> Self {
        Self { log: Log::on_file(path, file), state: State::default(), notes: Vec::new() }
    }
}

impl State {
    fn apply(&mut self, record: &Record) {
        match record {
            Record::Assign(pod) => {
                self.pods.retain(|_, other| other.address != pod.address);
                self.released.remove(&pod.address);
                self.pods.insert(pod.key(), pod.clone());
            }
            Record::Release { key, address, at } => {
                let ended = self.pods.remove(&key.into());
                if let (Some(at), true) = (at, ended.is_none_or(|pod| pod.address == *address)) {
                    self.released.insert(*address, *at);
                }
            }
            Record::Rest { address, at } => {
                self.released.insert(*address, *at);
            }
        }
    }

    fn records(&self) -> Vec<Record> {
        let rests =
            self.released.iter().map(|(address, at)| Record::Rest { address: *address, at: *at });
        self.pods.values().cloned().map(Record::Assign).chain(rests).collect()
    }
}
