//! An EC2 error answer.

use http::StatusCode;

use crate::sigv4::Rejection;

/// What EC2 answers instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    /// HTTP status.
    pub(super) status: StatusCode,
    /// e.g. `InvalidParameterValue`.
    pub(super) code: &'static str,
    /// EC2's wording.
    pub(super) message: String,
}

impl ApiError {
    /// HTTP 400, as nearly all of EC2's errors.
    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    pub(super) fn invalid_value(message: impl Into<String>) -> Self {
        Self::bad_request("InvalidParameterValue", message)
    }

    pub(super) fn combination(message: impl Into<String>) -> Self {
        Self::bad_request("InvalidParameterCombination", message)
    }

    /// `parameter` by the name EC2 gives it in messages, e.g. `networkInterfaceId`.
    pub(super) fn missing(parameter: &str) -> Self {
        Self::bad_request(
            "MissingParameter",
            format!("The request must contain the parameter {parameter}"),
        )
    }

    /// Something EC2 has and the lab does not: said plainly instead of ignored.
    pub(super) fn unsupported(what: &str) -> Self {
        Self::bad_request("UnsupportedOperation", format!("{what} is not supported by the lab."))
    }

    /// A dry run that found nothing wrong.
    pub(super) fn dry_run() -> Self {
        Self {
            status: StatusCode::PRECONDITION_FAILED,
            code: "DryRunOperation",
            message: "Request would have succeeded, but DryRun flag is set.".into(),
        }
    }

    /// The lab's fault, not the caller's; the log says more.
    pub(super) fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalError",
            message: "An internal error has occurred".into(),
        }
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let (status, code, message) = rejection.answer();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
        Self { status, code, message }
    }
}
