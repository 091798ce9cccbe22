//! Errors as a runtime reads them.

use std::fmt;

use serde_json::{Value, json};

/// An error of a CNI call (specification, section "Error").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CniError {
    /// One of [`code`], or 100 and above for errors of our own.
    pub code: u32,
    /// What went wrong, in one line: this is what `kubectl describe pod` shows.
    pub msg: String,
    /// More, and what to do; may be empty.
    pub details: String,
}

/// Error codes of the specification.
pub mod code {
    /// The configuration's `cniVersion` is not served.
    pub const INCOMPATIBLE_VERSION: u32 = 1;
    /// A field of the configuration is not served; the message has its key and value.
    pub const UNSUPPORTED_FIELD: u32 = 2;
    /// The container is unknown; the runtime need not call DEL.
    pub const UNKNOWN_CONTAINER: u32 = 3;
    /// An environment variable is missing or wrong; the message names it.
    pub const INVALID_ENVIRONMENT: u32 = 4;
    /// Reading or writing failed.
    pub const IO_FAILURE: u32 = 5;
    /// Something is not JSON.
    pub const DECODING_FAILURE: u32 = 6;
    /// The configuration is wrong.
    pub const INVALID_CONFIG: u32 = 7;
    /// It may work later.
    pub const TRY_AGAIN_LATER: u32 = 11;
    /// STATUS: no ADD can be served.
    pub const NOT_AVAILABLE: u32 = 50;
    /// STATUS: no ADD can be served, and running containers may have lost connectivity.
    pub const NOT_AVAILABLE_LIMITED: u32 = 51;
}

impl CniError {
    /// An error without details.
    #[must_use]
    pub fn new(code: u32, msg: impl Into<String>) -> Self {
        Self { code, msg: msg.into(), details: String::new() }
    }

    /// The same with details.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    /// The JSON document a plugin prints.
    #[must_use]
    pub fn to_json(&self, cni_version: &str) -> Value {
        json!({
            "cniVersion": cni_version,
            "code": self.code,
            "msg": self.msg,
            "details": self.details,
        })
    }
}

impl fmt::Display for CniError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.msg, self.code)
    }
}

impl std::error::Error for CniError {}
