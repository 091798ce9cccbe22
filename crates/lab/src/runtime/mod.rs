//! What runs in the VPC: nodes with their agents, and pods. The lab is the machine that boots
//! the instances and the container runtime that calls the CNI plugin.

mod cni;
mod node;
mod pod;

pub use cni::{CniError, CniFailure, NetworkList};
pub use node::{Node, NodeError, NodeSpec};
pub use pod::{ECHO_PORT, Pod, PodError, PodFailure, PodName, refused_pod};
