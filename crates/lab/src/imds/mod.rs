//! The instance metadata service, version 2 only: what an instance may know of itself.
//!
//! Entry point: [`router`]. Rules: EC2 User Guide, "Instance metadata and user data".

mod document;
mod routes;
#[cfg(test)]
mod tests;
mod token;
mod tree;

pub use routes::router;
