//! The key that every token and credential of a lab is derived from.

use std::io;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::random;

/// 256 random bits. Its `Debug` shows none of them.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A secret from the kernel's random generator.
    ///
    /// # Errors
    /// When the kernel has no randomness to give.
    pub fn generate() -> io::Result<Self> {
        random::bytes().map(Self)
    }

    /// A secret with known bits, for reproducible runs.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 256 bits that only the holder of the secret can compute from `purpose` and `parts`.
    pub fn derive(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(purpose, parts).finalize().into_bytes().into()
    }

    /// Whether `code` is what [`Secret::derive`] gives; takes the same time for every wrong code.
    pub fn matches(&self, purpose: &str, parts: &[&[u8]], code: &[u8]) -> bool {
        self.mac(purpose, parts).verify_slice(code).is_ok()
    }

    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = keyed(&self.0);
        // Lengths first, so that no two lists of parts run together into the same bytes.
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// HMAC-SHA256 under `key`.
pub(crate) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104 section 2)")]
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}
