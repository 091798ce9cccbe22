//! What `flatnet lab …` commands and a running lab say to each other: one JSON object per line,
//! over a Unix socket that only the lab's owner can open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::drops::Drops;
use crate::journal::Event;
use crate::status::Status;

/// A command's request: the one line it sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
pub enum Request {
    /// Follow the start-up from its beginning: [`Reply::Event`]s up to `done` or `failed`.
    Watch,
    /// The state now: one [`Reply::Status`].
    Status,
    /// The variables that point an AWS client at the lab: one [`Reply::Environment`].
    Environment,
    /// How many EC2 calls were made, by action and caller: one [`Reply::Calls`].
    Calls,
    /// What the fabric dropped, by reason and ENI: one [`Reply::Drops`].
    Drops,
    /// Check that packets flow as they should: [`Reply::Event`]s up to `done` or `failed`.
    Check,
    /// End every pod and wait until their addresses are free again: events as for `check`.
    DeletePods,
    /// The namespaces of a node, pod or part of the VPC: one [`Reply::Place`], with the namespaces
    /// attached to the line as file descriptors in the order of [`PLACE_DESCRIPTORS`].
    Enter {
        /// `node-1`, `default/web-1`, `web-1`, `control-plane`, `router` or `lab`.
        target: String,
    },
    /// End the lab: events as for `check`, then the socket closes.
    Down,
}

/// The namespaces that come with [`Reply::Place`].
pub const PLACE_DESCRIPTORS: [&str; 5] = ["user", "pid", "mnt", "net", "uts"];

/// One line of a lab's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "camelCase")]
pub enum Reply {
    /// Progress.
    Event(Event),
    /// See [`Request::Status`].
    Status(Box<Status>),
    /// See [`Request::Environment`].
    Environment {
        /// Names and values.
        variables: BTreeMap<String, String>,
    },
    /// See [`Request::Calls`].
    Calls {
        /// Sorted by action, caller and outcome.
        calls: Vec<CallCount>,
    },
    /// See [`Request::Drops`].
    Drops {
        /// What the fabric dropped.
        drops: Drops,
    },
    /// See [`Request::Enter`].
    Place {
        /// What was found, e.g. `pod default/web-1 on node-1`.
        description: String,
    },
    /// The request cannot be answered.
    Error {
        /// Why, and what to do.
        error: String,
    },
}

/// How often a caller made an EC2 call with one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallCount {
    /// e.g. `AssignPrivateIpAddresses`.
    pub action: String,
    /// The caller's ARN.
    pub caller: String,
    /// `OK` or EC2's error code.
    pub outcome: String,
    /// How often.
    pub calls: u64,
}
