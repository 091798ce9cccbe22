//! The whole agent against twins of EC2 and the kernel.

mod calls;
mod crash;
mod growth;
mod harness;
mod network;
mod reconcile;
mod restart;
mod socket;
