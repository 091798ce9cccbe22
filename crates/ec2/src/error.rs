//! Why a call failed.

use crate::TransportError;
use aws_credential_types::provider::error::CredentialsError;
use ec2_query::{ErrorResponse, FormError, XmlError};
use std::error::Error;

/// Codes with which AWS services say "not now": the request was not carried out.
const THROTTLES: &[&str] = &[
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "SlowDown",
];

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// EC2 refused.
    #[error("EC2 refused {action}: {code}: {message} (HTTP {status}, request {request_id})")]
    Service {
        /// The action.
        action: &'static str,
        /// EC2's code, such as `InsufficientFreeAddressesInSubnet`.
        code: String,
        /// EC2's words.
        message: String,
        /// HTTP status.
        status: u16,
        /// Id by which AWS support finds the request.
        request_id: String,
    },
    /// The answer did not come, or not whole.
    #[error("{action} was not answered by {endpoint}")]
    Transport {
        /// The action.
        action: &'static str,
        /// Where it was sent.
        endpoint: String,
        /// What happened.
        #[source]
        source: TransportError,
    },
    /// No answer in time; the request may have been carried out.
    #[error("{action} was not answered by {endpoint} within {after:?}")]
    Timeout {
        /// The action.
        action: &'static str,
        /// Where it was sent.
        endpoint: String,
        /// How long one try was waited for.
        after: std::time::Duration,
    },
    /// Nothing to sign the request with.
    #[error("no credentials to sign {action} with")]
    Credentials {
        /// The action.
        action: &'static str,
        /// What the source of credentials says.
        #[source]
        source: CredentialsError,
    },
    /// The answer is none of EC2's.
    #[error("cannot read the answer to {action} (HTTP {status})")]
    Decode {
        /// The action.
        action: &'static str,
        /// HTTP status.
        status: u16,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The pages of the answer go round in a circle.
    #[error("EC2 answered {action} with the same page token twice")]
    Pages {
        /// The action.
        action: &'static str,
    },
    /// The request cannot be written or signed: a fault of the program or of its configuration.
    #[error("cannot make the request {action}")]
    Request {
        /// The action.
        action: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl CallError {
    /// EC2's code, if it was EC2 that refused.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        if let Self::Service { code, .. } = self { Some(code) } else { None }
    }

    /// Whether EC2 refused because of too many requests: nothing was done, later it may be.
    #[must_use]
    pub fn is_throttle(&self) -> bool {
        self.code().is_some_and(|code| THROTTLES.contains(&code))
    }

    /// Whether it is certain that the request has changed nothing.
    #[must_use]
    pub fn is_without_effect(&self) -> bool {
        match self {
            Self::Service { status, .. } => *status < 500 || self.is_throttle(),
            Self::Transport { source, .. } => matches!(source, TransportError::Connect(_)),
            Self::Credentials { .. } | Self::Request { .. } => true,
            Self::Timeout { .. } | Self::Decode { .. } | Self::Pages { .. } => false,
        }
    }

    /// Whether another try may succeed where this one failed.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Service { status, .. } => *status >= 500 || self.is_throttle(),
            Self::Decode { status, .. } => *status >= 500,
            Self::Transport { source, .. } => !matches!(source, TransportError::TooLong { .. }),
            Self::Timeout { .. } => true,
            Self::Credentials { .. } | Self::Pages { .. } | Self::Request { .. } => false,
        }
    }

    pub(crate) fn service(action: &'static str, status: u16, error: ErrorResponse) -> Self {
        let ErrorResponse { code, message, request_id } = error;
        Self::Service { action, code, message, status, request_id }
    }

    pub(crate) fn decode(action: &'static str, status: u16, error: XmlError) -> Self {
        Self::Decode { action, status, source: Box::new(error) }
    }

    pub(crate) fn form(action: &'static str, error: FormError) -> Self {
        Self::Request { action, source: Box::new(error) }
    }

    pub(crate) fn transport(
        action: &'static str,
        endpoint: &http::Uri,
        error: TransportError,
    ) -> Self {
        let endpoint = endpoint.to_string();
        match error {
            TransportError::Timeout { after } => Self::Timeout { action, endpoint, after },
            source => Self::Transport { action, endpoint, source },
        }
    }
}
