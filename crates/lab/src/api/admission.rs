//! What a call meets before it is carried out: throttles, missing permissions, faults, and copies
//! of EC2's state that do not know a new ENI yet.

use ec2_query::ErrorResponse;
use http::StatusCode;
use vpc::requests::ApiCall;
use vpc::{EniId, Timestamp};

use super::error::ApiError;
use super::ids;
use crate::requests::{Admission, Verdict};
use crate::state::{Lab, Principal};

/// An error answer whose code may come from a fault, and so be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn to_xml(&self, request_id: &str) -> String {
        let (code, message) = (self.code.clone(), self.message.clone());
        ErrorResponse { code, message, request_id: request_id.to_owned() }.to_xml()
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self { status: error.status, code: error.code.to_owned(), message: error.message }
    }
}

/// Whether and after how long a call is answered.
pub(super) fn admit(
    lab: &Lab,
    caller: &Principal,
    action: &str,
    parameters: &[(String, String)],
    now: Timestamp,
) -> Admission {
    let call = ApiCall {
        account: &caller.account,
        region: &lab.region,
        action,
        broad: is_broad(parameters),
        instances: instances(parameters),
    };
    lab.requests.admit(&call, now)
}

pub(super) fn throttled() -> Refused {
    Refused {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "RequestLimitExceeded".into(),
        message: "Request limit exceeded.".into(),
    }
}

/// Refuses what is not to be carried out.
pub(super) fn check(verdict: &Verdict, caller: &Principal, action: &str) -> Result<(), Refused> {
    match verdict {
        Verdict::CarryOut => Ok(()),
        Verdict::Denied => Err(Refused {
            status: StatusCode::FORBIDDEN,
            code: "UnauthorizedOperation".into(),
            message: format!(
                "You are not authorized to perform this operation. User: {} is not authorized to \
                 perform: ec2:{action} with an explicit deny in an identity-based policy",
                caller.arn
            ),
        }),
        Verdict::Fails { code, message } => {
            Err(Refused { status: status_of(code), code: code.clone(), message: message.clone() })
        }
    }
}

/// The HTTP status that EC2 sends with an error code (EC2 API Reference, "Error codes": server
/// errors and the common client errors).
fn status_of(code: &str) -> StatusCode {
    match code {
        "InternalError" | "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
        "RequestLimitExceeded"
        | "Unavailable"
        | "ServiceUnavailable"
        | "InsufficientInstanceCapacity"
        | "InsufficientAddressCapacity" => StatusCode::SERVICE_UNAVAILABLE,
        "UnauthorizedOperation" | "OptInRequired" => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Refuses a call that names an ENI so new that its copy of EC2's state does not have it.
pub(super) fn check_known(
    lab: &Lab,
    parameters: &[(String, String)],
    arrived: Timestamp,
) -> Result<(), ApiError> {
    // A filter that names one selects nothing, which is the listing's business.
    let named = parameters.iter().filter(|(name, _)| !name.starts_with("Filter."));
    for id in named.filter_map(|(_, value)| value.parse::<EniId>().ok()) {
        let hidden =
            lab.read(|world| world.eni(&id).is_ok_and(|eni| lab.requests.hides(eni, arrived)));
        if hidden {
            return Err(ids::not_found::<EniId>(id.as_str()));
        }
    }
    Ok(())
}

/// Whether a Describe asks for everything at once: without filter and pagination (EC2 Developer
/// Guide, "Request throttling"). Naming ids is neither.
fn is_broad(parameters: &[(String, String)]) -> bool {
    let narrows =
        |name: &str| name.starts_with("Filter.") || name == "MaxResults" || name == "NextToken";
    !parameters.iter().any(|(name, _)| narrows(name))
}

/// How many instances a call starts or ends.
fn instances(parameters: &[(String, String)]) -> u32 {
    let named = parameters.iter().filter(|(name, _)| name.starts_with("InstanceId.")).count();
    let asked = parameters.iter().find(|(name, _)| name == "MaxCount");
    let asked = asked.and_then(|(_, count)| count.parse::<u32>().ok()).unwrap_or(0);
    asked.max(u32::try_from(named).unwrap_or(u32::MAX))
}
