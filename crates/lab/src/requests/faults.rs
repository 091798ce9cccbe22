//! Faults that people put into a running lab, and take out again.

use vpc::InstanceId;

/// Stands for every action.
pub const ANY_ACTION: &str = "*";

/// A number that names a fault for as long as the lab runs.
pub type FaultId = u64;

/// A fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its number.
    pub id: FaultId,
    /// What it does.
    pub effect: Effect,
}

/// What a fault does. An `action` is one of EC2's, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// No call is admitted.
    Throttle {
        /// Which calls.
        action: String,
    },
    /// Calls are answered with an error and do nothing.
    Fail {
        /// Which calls.
        action: String,
        /// The error's code.
        code: String,
        /// The error's message.
        message: String,
        /// How many more calls.
        times: u32,
    },
    /// Calls take longer.
    Delay {
        /// Which calls.
        action: String,
        /// By how much.
        milliseconds: u32,
    },
    /// Callers lack the permission.
    Deny {
        /// Which calls.
        action: String,
    },
    /// The metadata service goes on showing an instance's ENIs as they were.
    FreezeMetadata {
        /// The instance's.
        instance: InstanceId,
        /// The name people know it by.
        node: String,
    },
}

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct Faults {
    last: FaultId,
    active: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, effect: Effect) -> Fault {
        self.last += 1;
        let fault = Fault { id: self.last, effect };
        self.active.push(fault.clone());
        fault
    }

    pub(super) fn active(&self) -> &[Fault] {
        &self.active
    }

    /// Removes one, or all; those that were there.
    pub(super) fn clear(&mut self, id: Option<FaultId>) -> Vec<Fault> {
        self.active.extract_if(.., |fault| id.is_none_or(|id| fault.id == id)).collect()
    }

    pub(super) fn throttles(&self, called: &str) -> bool {
        self.any(|effect| matches!(effect, Effect::Throttle { action } if concerns(action, called)))
    }

    pub(super) fn denies(&self, called: &str) -> bool {
        self.any(|effect| matches!(effect, Effect::Deny { action } if concerns(action, called)))
    }

    /// In milliseconds, of all faults together.
    pub(super) fn delay(&self, called: &str) -> u64 {
        let delays = self.active.iter().map(|fault| match &fault.effect {
            Effect::Delay { action, milliseconds } if concerns(action, called) => *milliseconds,
            _ => 0,
        });
        delays.map(u64::from).sum()
    }

    /// The code and message that this call is to fail with. Counts it; a fault that has failed
    /// as many calls as it was told to is gone.
    pub(super) fn fail(&mut self, called: &str) -> Option<(String, String)> {
        let (index, error) = self.active.iter_mut().enumerate().find_map(|(index, fault)| {
            match &mut fault.effect {
                Effect::Fail { action, code, message, times } if concerns(action, called) => {
                    *times = times.saturating_sub(1);
                    Some(((index, *times), (code.clone(), message.clone())))
                }
                _ => None,
            }
        })?;
        if let (index, 0) = index {
            self.active.remove(index);
        }
        Some(error)
    }

    fn any(&self, holds: impl Fn(&Effect) -> bool) -> bool {
        self.active.iter().any(|fault| holds(&fault.effect))
    }
}

fn concerns(action: &str, called: &str) -> bool {
    action == ANY_ACTION || action == called
}
