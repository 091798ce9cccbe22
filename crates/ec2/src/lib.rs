//! Clients of EC2 and of the instance metadata service (IMDS), small enough for a node's agent.
//!
//! [`Ec2Client::call`] signs a request of [`ec2_query`], sends it, repeats it where that is safe,
//! and decodes the answer. [`ImdsClient`] speaks version 2 of the metadata service, and is also
//! where credentials come from when the environment has none ([`CredentialChain`]).
//!
//! Time and chance are parameters ([`Clock`], [`Retry::jitter`]), so that tests can decide them.

mod calls;
mod client;
mod clock;
mod credentials;
mod environment;
mod error;
mod imds;
mod retry;
mod sign;
mod transport;

pub use client::{Config, Ec2Client};
pub use clock::Clock;
pub use credentials::CredentialChain;
pub use environment::ConfigError;
pub use error::CallError;
pub use imds::{ImdsClient, ImdsError, ImdsInterface, InstanceIdentity};
pub use retry::{Jitter, Retry};
pub use transport::TransportError;

/// What signs requests: re-exported so that callers name the same version.
pub use aws_credential_types::{Credentials, provider::ProvideCredentials};

#[cfg(test)]
mod tests;
