//! The node agent: one warm pool, one data path, one socket.
//!
//! [`Node::start`] takes stock of what EC2, the checkpoint and the kernel say about the node, and
//! brings the three together. From then on:
//! - [`serve`](server::serve) answers the CNI plugin on a Unix socket: [`Node::add`],
//!   [`Node::del`], [`Node::check`], [`Node::network_status`], [`Node::collect`]. None of these
//!   calls EC2 or the metadata service.
//! - [`run_pool`](pool_loop::run_pool) keeps the pool filled: it asks the pure `ipam` crate what
//!   to do whenever something happened, and does it.
//!
//! EC2 is behind [`cloud::Cloud`] and the kernel behind [`wiring::Wiring`]; both have twins in
//! memory, with which the tests run the whole agent.

mod actions;
mod attach;
mod books;
pub mod checkpoint;
pub mod clock;
pub mod cloud;
pub mod config;
pub mod conflist;
mod keyed;
mod network;
mod node;
pub mod pool_loop;
mod reap;
mod reconcile;
pub mod server;
mod start;
pub mod status;
#[cfg(test)]
mod tests;
mod usage;
pub mod wiring;

pub use node::Node;
pub use start::StartError;

/// An error and its causes in one line, outermost first.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
