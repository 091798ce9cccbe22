//! The clients against a server of this process, over real connections.

mod client;
mod imds;
mod server;
