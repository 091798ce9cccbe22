//! EC2's Query API over the lab's world.
//!
//! Entry point: [`router`]. A request is authenticated, read, carried out and logged in `routes`;
//! `actions` lists what there is; `describe` shows the world and `change` changes it; `refusal` is
//! the one table from the VPC rules' refusals to EC2's codes and messages.

mod actions;
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

pub use routes::router;

use context::Context;
