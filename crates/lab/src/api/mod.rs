//! EC2's Query API over the lab's world.
//!
//! Entry point: [`router`]. A request is authenticated, read, carried out and logged in `routes`;
//! `admission` says what throttles and faults make of it; `actions` lists what there is; `describe` shows the world and `change` changes it; `refusal` is
//! the one table from the VPC rules' refusals to EC2's codes and messages.

mod actions;
mod admission;
mod change;
mod context;
mod describe;
mod error;
mod filter;
mod ids;
mod page;
mod permissions;
mod refusal;
mod routes;
#[cfg(test)]
mod tests;

pub use actions::names as action_names;
pub use routes::router;

use context::Context;
