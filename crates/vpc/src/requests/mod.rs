//! How fast EC2 takes calls, and how soon it shows what they did. Pure: the time and the source of
//! randomness are parameters, so the same code runs in real and in virtual time.
//!
//! [`Throttle`] admits calls by the token buckets that EC2 publishes ([`limits`] is their table),
//! [`Timing`] says how long calls take and how late changes show ([`Profile`] has three sets of
//! values), [`MetadataHistory`] is what the metadata service of one instance knows at a moment.

mod bucket;
pub mod limits;
mod metadata;
mod profile;
#[cfg(test)]
mod tests;
mod throttle;
mod timing;

pub use bucket::{Limit, TokenBucket};
pub use metadata::{MetadataHistory, MetadataView};
pub use profile::Profile;
pub use throttle::{ApiCall, Throttle, Throttled};
pub use timing::{Span, Timing};
