//! A node's address pool: who gets which address, and what to ask of EC2 next, and why. Pure.
//!
//! The entry point is [`Pool`]. A caller (the node agent in real time, a simulator in virtual time)
//! - tells it what the node has: [`Pool::add_eni`], [`Pool::restore`];
//! - asks for addresses: [`Pool::assign`], which answers an [`Assignment`] or a typed [`Refusal`],
//!   and gives them back: [`Pool::release`];
//! - asks what to do: [`Pool::plan`] answers [`Action`]s, each with its [`Reason`], and remembers
//!   them as in flight until [`Pool::observe`] is told how each one ended;
//! - tells it now and then what EC2 lists: [`Pool::reconcile`], [`Pool::eni_gone`];
//! - asks when to come back if nothing happens: [`Pool::next_wake`].
//!
//! Secondary-IP mode with the meaning operators know from the AWS VPC CNI's `WARM_ENI_TARGET`: the
//! pool grows while fewer than `WARM_ENI_TARGET × T` addresses are available, where `T` is the
//! secondary addresses one ENI can hold, and frees an ENI when as many stay available without it.
//! Unlike there, an address in cool-down is not available, and pods are packed (fullest ENI first,
//! lowest address first) so that ENIs drain.
//!
//! No I/O, no clock, no randomness but a seed: time comes in as [`Time`], and the same calls in the
//! same order give the same answers.

mod action;
mod backoff;
mod growth;
mod model;
mod observe;
mod pool;
mod reconcile;
mod refusal;
mod subnet;
#[cfg(test)]
mod tests;

pub use action::{Action, ActionId, Event, Failure, Reason, Task};
pub use model::{
    Assignment, AttachmentKey, Eni, EniId, LimitSource, Limits, Settings, SubnetId, Time,
};
pub use pool::{EniView, Pool, RestoreError, Stats};
pub use reconcile::Reconciled;
pub use refusal::{Refusal, Wait};
pub use subnet::{SubnetReport, SubnetUse, SubnetUses};
