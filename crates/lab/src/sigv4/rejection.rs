//! Why a signature is not accepted, and how EC2 says so.

/// A request that could not be authenticated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no `Authorization` header.
    #[error("the request is not signed")]
    NotSigned,
    /// The signature's headers are missing, malformed or do not cover enough.
    #[error("the signature is incomplete: {problem}")]
    Incomplete {
        /// What is wrong with them.
        problem: String,
    },
    /// No such access key, or a temporary one without its session token.
    #[error("the access key is not known")]
    UnknownKey,
    /// The session token is not this key's.
    #[error("the session token does not belong to the access key")]
    WrongSessionToken,
    /// Signed for another Region, service or day.
    #[error("the signature is for another scope: {problem}")]
    WrongScope {
        /// What differs.
        problem: String,
    },
    /// Signed with another secret, or changed after signing.
    #[error("the signature does not match the request")]
    SignatureMismatch,
    /// Signed too long ago or in the future.
    #[error("the signature has expired, or is of the future")]
    Expired,
    /// Signed with temporary credentials that have ended.
    #[error("the temporary credentials have expired")]
    SessionEnded,
}

impl Rejection {
    /// HTTP status, EC2 error code and message. One table, so that it is easy to correct.
    pub fn answer(&self) -> (u16, &'static str, String) {
        match self {
            Self::NotSigned => (
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token".into(),
            ),
            Self::Incomplete { problem } => (400, "IncompleteSignature", problem.clone()),
            Self::UnknownKey => (
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials".into(),
            ),
            Self::WrongSessionToken => (
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid".into(),
            ),
            Self::WrongScope { problem } => (403, "SignatureDoesNotMatch", problem.clone()),
            Self::SignatureMismatch => (
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. \
                 Consult the service documentation for details."
                    .into(),
            ),
            Self::Expired | Self::SessionEnded => {
                (400, "RequestExpired", "Request has expired.".into())
            }
        }
    }
}
