//! A VPC on one Linux machine: EC2 and metadata APIs over a fabric that carries packets.
//!
//! Entry points: [`process::run_main`] (starts a lab), [`daemon::run`] (is one),
//! [`topology::Topology`] (what a lab consists of), [`state::Lab`] (what EC2 knows),
//! [`fabric::KernelFabric`] (makes packets follow), [`client`] (talks to a running lab).

pub mod api;
pub mod audit;
pub mod checks;
pub mod client;
pub mod control_plane;
pub mod daemon;
pub mod drops;
pub mod eks;
pub mod endpoint;
pub mod fabric;
pub mod host;
pub mod imds;
pub mod journal;
pub mod place;
pub mod probe;
pub mod process;
pub mod protocol;
mod random;
pub mod requests;
pub mod runtime;
pub mod sigv4;
pub mod state;
pub mod status;
pub mod sts;
pub mod topology;
