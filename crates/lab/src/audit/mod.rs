//! The audit trail: every API call as one line of JSON, in the terms of AWS CloudTrail.
//!
//! Entry points: [`AuditTrail::record`], [`AuditTrail::events`], [`since`]. Format: CloudTrail User
//! Guide, "CloudTrail record contents"; times carry milliseconds, and answers are left out.

mod since;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use vpc::Timestamp;

use crate::state::iso8601;
pub use since::{SinceError, since};

/// The file's name in the lab's directory.
pub const FILE: &str = "calls.jsonl";
/// Where a full file goes, replacing the one before.
const OLDER: &str = "calls.1.jsonl";
/// A file is full at this size: some 15,000 calls.
const FULL: u64 = 8 << 20;
/// Parameters and characters of each that are kept.
const MAX_PARAMETERS: usize = 50;
const MAX_VALUE: usize = 256;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When it arrived, e.g. `2026-11-23T11:40:00.000Z`.
    pub event_time: String,
    /// The service, e.g. `ec2.amazonaws.com`.
    pub event_source: String,
    /// The action; `-` when the request named none that the lab has.
    pub event_name: String,
    /// The Region.
    pub aws_region: String,
    /// Where it came from; `-` when that is not known.
    #[serde(rename = "sourceIPAddress")]
    pub source_ip_address: String,
    /// Who called.
    pub user_identity: UserIdentity,
    /// The parameters as sent, without signature; the first letters of names in lower case.
    pub request_parameters: BTreeMap<String, String>,
    /// EC2's error code behind `Client.` or `Server.`; none for success.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_code: Option<String>,
    /// The error's message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_message: Option<String>,
    /// As in the answer.
    #[serde(rename = "requestID")]
    pub request_id: String,
}

/// Who called, as far as the signature tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserIdentity {
    /// The caller's ARN; `-` when not known.
    pub arn: String,
    /// The caller's account.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account_id: Option<String>,
}

/// Where events go. The default keeps none.
#[derive(Debug, Default)]
pub struct AuditTrail {
    files: Option<Mutex<Files>>,
}

#[derive(Debug)]
struct Files {
    directory: PathBuf,
    current: File,
    size: u64,
    full: u64,
}

impl AuditTrail {
    /// Keeps events in files of `directory`, which is made if need be: at most 16 MiB of them.
    ///
    /// # Errors
    /// When the directory or the file cannot be made.
    pub fn in_directory(directory: &Path) -> io::Result<Self> {
        Self::bounded(directory, FULL)
    }

    fn bounded(directory: &Path, full: u64) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let current = open(directory)?;
        let size = current.metadata()?.len();
        let files = Files { directory: directory.to_owned(), current, size, full };
        Ok(Self { files: Some(Mutex::new(files)) })
    }

    /// Adds an event. A trail that cannot be written is never a reason to fail a call; the log
    /// says so.
    pub fn record(&self, event: &Event) {
        let Some(files) = &self.files else { return };
        let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = files.append(event) {
            tracing::warn!(%error, request = event.request_id, "call not in the audit trail");
        }
    }

    /// The events at or after `since` that are still kept, oldest first.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn events(&self, since: Timestamp) -> io::Result<Vec<Event>> {
        let Some(files) = &self.files else { return Ok(Vec::new()) };
        let files = files.lock().unwrap_or_else(PoisonError::into_inner);
        // Times of this form are in the order of their text.
        let since = iso8601(since);
        let mut events = Vec::new();
        for name in [OLDER, FILE] {
            let file = match File::open(files.directory.join(name)) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for line in BufReader::new(file).split(b'\n') {
                // The last line may be half a line, if the lab was killed over it.
                let event = serde_json::from_slice::<Event>(&line?).ok();
                events.extend(event.filter(|event| event.event_time >= since));
            }
        }
        Ok(events)
    }
}

impl Files {
    fn append(&mut self, event: &Event) -> io::Result<()> {
        if self.size >= self.full {
            fs::rename(self.directory.join(FILE), self.directory.join(OLDER))?;
            self.current = open(&self.directory)?;
            self.size = 0;
        }
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.current.write_all(&line)?;
        self.size += u64::try_from(line.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

fn open(directory: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(directory.join(FILE))
}

/// The parameters worth keeping: not the action, which the event names, and nothing of the
/// signature.
#[must_use]
pub fn parameters(sent: &[(String, String)]) -> BTreeMap<String, String> {
    let of_call = |name: &str| name != "Action" && name != "Version" && !name.starts_with("X-Amz-");
    let kept = sent.iter().filter(|(name, _)| of_call(name)).take(MAX_PARAMETERS);
    kept.map(|(name, value)| {
        let mut letters = name.chars().take(MAX_VALUE);
        let first = letters.next().map(|first| first.to_ascii_lowercase());
        (first.into_iter().chain(letters).collect(), value.chars().take(MAX_VALUE).collect())
    })
    .collect()
}

/// An error code as CloudTrail shows it: whose fault it was stands before it. EC2 counts a throttle
/// as the client's although its status is 503.
#[must_use]
pub fn error_code(status: u16, code: &str) -> String {
    let server = status >= 500 && code != "RequestLimitExceeded";
    format!("{}.{code}", if server { "Server" } else { "Client" })
}
