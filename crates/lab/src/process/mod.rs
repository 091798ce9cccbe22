//! The lab's process tree, and the namespaces it lives in.
//!
//! ```text
//! flatnet lab up
//!   └─ main     opens the sockets people use (still on the host's network), then enters
//!      │        new user, mount, network and pid namespaces; waits
//!      └─ holder   pid 1 of the lab: prepares the mounts, reaps, and by its end ends everything
//!         └─ daemon   the VPC: EC2 and metadata APIs, fabric, container runtime
//!            ├─ flatnet-agent   one per node
//!            └─ …               what `flatnet lab exec` runs
//! ```
//!
//! Nothing outlives the lab: `main` and `holder` die with their parent (parent-death signal), the
//! kernel kills every process of a pid namespace whose pid 1 has ended, and namespaces, links,
//! mounts and nft tables go with the last process in them. No clean-up code has to run for that.

mod bootstrap;
mod fdpass;
mod holder;
mod main_process;
mod mounts;
mod user_namespace;

pub use bootstrap::Bootstrap;
pub use fdpass::{receive_with_fds, send_with_fds};
pub use holder::run as run_holder;
pub use main_process::{MainArguments, run as run_main};
pub use mounts::{LAB_DIRECTORY, NETNS_DIRECTORY};
pub use user_namespace::UserNamespaceError;
