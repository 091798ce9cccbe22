//! A stand-in for a cluster's API server: HTTPS with its own authority, and a record of who called.
//!
//! Entry points: [`Authority::new`], [`Authority::server`], [`serve`].

mod access_log;
mod authenticator;
mod certificates;
mod server;
#[cfg(test)]
mod tests;

pub use access_log::{Access, AccessLog};
pub use authenticator::{Authenticator, TokenRefusal, User};
pub use certificates::{Authority, CertificateError, ServerIdentity};
pub use server::{Complaints, Endpoint, ServeError, serve, version_name};
