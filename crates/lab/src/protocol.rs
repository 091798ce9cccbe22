//! What `flatnet lab …` commands and a running lab say to each other: one JSON object per line,
//! over a Unix socket that only the lab's owner can open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit;
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
    Calls {
        /// Only those at or after this time, in milliseconds since the Unix epoch.
        #[serde(default)]
        since: Option<i64>,
    },
    /// The EC2 calls themselves, as far as they are kept: one [`Reply::CallEvents`].
    CallEvents {
        /// As for `calls`.
        #[serde(default)]
        since: Option<i64>,
    },
    /// Put a fault into force: one [`Reply::Faults`] with it.
    AddFault {
        /// What it does.
        fault: FaultSpec,
    },
    /// The faults in force: one [`Reply::Faults`].
    Faults,
    /// End a fault, or all: one [`Reply::Faults`] with those that ended.
    ClearFaults {
        /// Which one.
        #[serde(default)]
        id: Option<u64>,
    },
    /// What the fabric dropped, by reason and ENI: one [`Reply::Drops`].
    Drops,
    /// Check that packets flow as they should: [`Reply::Event`]s up to `done` or `failed`.
    Check,
    /// End every pod and every node, checking that their addresses come back: events as for
    /// `check`. The rest of the lab goes on.
    TakeApart,
    /// The namespaces of a node, pod or part of the VPC: one [`Reply::Place`], with the namespaces
    /// attached to the line as file descriptors in the order of [`PLACE_DESCRIPTORS`].
    Enter {
        /// `node-1`, `default/web-1`, `web-1`, `control-plane`, `router` or `lab`.
        target: String,
    },
    /// End the lab at once: `done`, then the socket closes.
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
    /// See [`Request::CallEvents`].
    CallEvents {
        /// Oldest first.
        events: Vec<audit::Event>,
    },
    /// See [`Request::Faults`].
    Faults {
        /// Oldest first.
        faults: Vec<Fault>,
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

/// A fault in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Names it as long as the lab runs.
    pub id: u64,
    /// What it does.
    #[serde(flatten)]
    pub fault: FaultSpec,
}

/// What a fault does. An `action` is one of EC2's that the lab has, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum FaultSpec {
    /// Calls are refused with `RequestLimitExceeded`.
    Throttle {
        /// Which.
        action: String,
    },
    /// Calls fail and do nothing.
    Fail {
        /// Which.
        action: String,
        /// The error's code.
        code: String,
        /// The error's message.
        message: String,
        /// How many of them.
        times: u32,
    },
    /// Calls take longer.
    Delay {
        /// Which.
        action: String,
        /// By how much.
        milliseconds: u32,
    },
    /// Calls are refused with `UnauthorizedOperation`.
    Deny {
        /// Which.
        action: String,
    },
    /// The metadata service goes on showing a node's ENIs as they are.
    FreezeImds {
        /// The node's name.
        node: String,
    },
}
