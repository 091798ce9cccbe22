//! Faults and the audit trail, as commands ask for them.

use vpc::Timestamp;

use super::running::Running;
use crate::api;
use crate::protocol::{Fault, FaultSpec, Reply};
use crate::requests::{self, ANY_ACTION, Effect};
use crate::topology::suggest;

/// The longest that a fault may delay a call, in milliseconds: longer than any client waits.
const MAX_DELAY: u32 = 600_000;

impl Running {
    /// The calls since then that are still kept.
    pub(super) fn call_events(&self, since: Option<i64>) -> Reply {
        match self.lab.audit.events(Timestamp(since.unwrap_or(0))) {
            Ok(events) => Reply::CallEvents { events },
            Err(error) => {
                Reply::Error { error: format!("the audit trail cannot be read: {error}") }
            }
        }
    }

    /// Puts a fault into force.
    pub(super) fn add_fault(&self, spec: FaultSpec) -> Reply {
        match self.effect(spec) {
            Ok(effect) => {
                let lab = &self.lab;
                let fault = lab.read(|world| lab.requests.add_fault(effect, world, lab.now()));
                Reply::Faults { faults: vec![told(fault)] }
            }
            Err(error) => Reply::Error { error },
        }
    }

    /// The faults in force.
    pub(super) fn faults(&self) -> Reply {
        Reply::Faults { faults: self.lab.requests.faults().into_iter().map(told).collect() }
    }

    /// Ends one fault, or all.
    pub(super) fn clear_faults(&self, id: Option<u64>) -> Reply {
        let cleared = self.lab.requests.clear_faults(id);
        match id {
            Some(id) if cleared.is_empty() => Reply::Error {
                error: format!("no fault has the number {id}; see `flatnet lab fault list`"),
            },
            _ => Reply::Faults { faults: cleared.into_iter().map(told).collect() },
        }
    }

    /// What is asked for, checked.
    fn effect(&self, spec: FaultSpec) -> Result<Effect, String> {
        Ok(match spec {
            FaultSpec::Throttle { action } => Effect::Throttle { action: known(action)? },
            FaultSpec::Deny { action } => Effect::Deny { action: known(action)? },
            FaultSpec::Fail { times: 0, .. } => {
                return Err("a call cannot fail 0 times; allowed: 1 or more".to_owned());
            }
            FaultSpec::Fail { action, code, message, times } => {
                Effect::Fail { action: known(action)?, code, message, times }
            }
            FaultSpec::Delay { milliseconds, .. } if milliseconds > MAX_DELAY => {
                return Err(format!("{milliseconds} ms is too long; allowed: up to {MAX_DELAY}"));
            }
            FaultSpec::Delay { action, milliseconds } => {
                Effect::Delay { action: known(action)?, milliseconds }
            }
            FaultSpec::FreezeImds { node } => match self.node(&node) {
                Some(found) => Effect::FreezeMetadata { instance: found.instance.clone(), node },
                None => {
                    let names: Vec<&str> =
                        self.nodes.iter().map(|node| node.name.as_str()).collect();
                    return Err(format!("no node is called `{node}`; nodes: {}", names.join(", ")));
                }
            },
        })
    }
}

fn known(action: String) -> Result<String, String> {
    if action == ANY_ACTION || api::action_names().any(|name| name == action) {
        return Ok(action);
    }
    let near = suggest::nearest(&action, api::action_names());
    let hint = near.map_or_else(
        || "allowed: '*', or EC2's actions, for example AttachNetworkInterface".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Err(format!("the lab has no action `{action}`; {hint}"))
}

fn told(fault: requests::Fault) -> Fault {
    let spec = match fault.effect {
        Effect::Throttle { action } => FaultSpec::Throttle { action },
        Effect::Fail { action, code, message, times } => {
            FaultSpec::Fail { action, code, message, times }
        }
        Effect::Delay { action, milliseconds } => FaultSpec::Delay { action, milliseconds },
        Effect::Deny { action } => FaultSpec::Deny { action },
        Effect::FreezeMetadata { node, .. } => FaultSpec::FreezeImds { node },
    };
    Fault { id: fault.id, fault: spec }
}
