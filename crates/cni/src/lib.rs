//! The CNI plugin, and the protocol by which it asks the node agent.
//!
//! The plugin does no networking: it checks what the runtime gave it ([`call`]), forwards it over
//! the agent's Unix socket ([`protocol`]) and prints the answer. The agent uses the same protocol
//! types, and renders results with [`render_result`]. Only the standard library and JSON, because
//! the plugin starts anew for every pod.
//!
//! The rules are those of the CNI specification 1.1.0.

pub mod call;
pub mod error;
pub mod protocol;
pub mod result;
pub mod validate;

pub use error::{CniError, code};
pub use protocol::{PROTOCOL_VERSION, Reply, Request};
pub use result::{AddResult, Interface, IpConfig, RouteConfig, render_chained, render_result};

/// Versions of the specification that are served, oldest first.
pub const SUPPORTED_VERSIONS: [&str; 3] = ["0.4.0", "1.0.0", "1.1.0"];

/// The version in answers to requests that name none.
pub const LATEST_VERSION: &str = "1.1.0";

/// Where the agent listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/flatnet/agent.sock";
