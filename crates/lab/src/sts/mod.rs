//! STS: who am I, and be somebody else.
//!
//! Entry points: [`answer`] for a request over HTTP, [`caller`] for who signed one. The protocol
//! is AWS's Query protocol with STS's namespace and version (AWS STS API reference).

mod actions;
mod answers;

use std::net::IpAddr;
use std::time::Instant;

use ec2_query::{action_of, decode_body};
use http::StatusCode;

use crate::sigv4::{self, Lifetime, Rejection, Scope, SignedRequest};
use crate::state::{Call, Lab, Principal};
pub(crate) use actions::user_id;
use answers::StsError;

/// The version of the API.
pub const VERSION: &str = "2011-06-15";
/// How long a presigned GetCallerIdentity is taken, whatever its `X-Amz-Expires` says: 15 minutes,
/// on which the tokens of `aws eks get-token` rely, which ask for 60 s and are used for 14 minutes.
pub const PRESIGNED: Lifetime = Lifetime::Fixed { milliseconds: 15 * 60 * 1000 };
const SERVICE: &str = "sts";
/// Stands in the call log for what is not known.
const UNKNOWN: &str = "-";

/// Who signed the request.
///
/// # Errors
/// When nobody the lab knows did.
pub fn caller(lab: &Lab, request: &SignedRequest<'_>) -> Result<Principal, Rejection> {
    let scope = Scope { region: &lab.region, service: SERVICE };
    sigv4::verify_for(request, &lab.credentials, scope, PRESIGNED, lab.now())
}

/// Carries out a request and logs it; gives the status and the XML to answer with.
pub fn answer(
    lab: &Lab,
    request: &SignedRequest<'_>,
    request_id: &str,
    source: Option<IpAddr>,
) -> (StatusCode, String) {
    let (started, at) = (Instant::now(), lab.now());
    let mut progress = (UNKNOWN.to_owned(), UNKNOWN.to_owned());
    let answered = carry_out(lab, request, request_id, &mut progress);
    let error = answered.as_ref().err().map(|error| error.code.to_owned());
    let (action, caller) = progress;
    let request_id = request_id.to_owned();
    let reply = match answered {
        Ok(xml) => (StatusCode::OK, xml),
        Err(error) => (error.status, error.to_xml(&request_id)),
    };
    let duration = started.elapsed();
    lab.calls.record(Call { at, request_id, action, caller, source, error, duration });
    reply
}

fn carry_out(
    lab: &Lab,
    request: &SignedRequest<'_>,
    request_id: &str,
    (action_seen, caller_seen): &mut (String, String),
) -> Result<String, StsError> {
    let mut parameters = decode_body(request.query.as_bytes()).map_err(StsError::malformed)?;
    parameters.extend(decode_body(request.body).map_err(StsError::malformed)?);
    parameters.retain(|(name, _)| !name.starts_with("X-Amz-"));
    let action = action_of(&parameters).map(actions::find);
    if let Ok(Some((name, _))) = &action {
        *action_seen = (*name).to_owned();
    }
    let caller = caller(lab, request)?;
    caller_seen.clone_from(&caller.arn);
    let version = parameters.iter().find(|(name, _)| name == "Version");
    if version.is_none_or(|(_, value)| value != VERSION) {
        return Err(StsError::invalid_action(action_of(&parameters).unwrap_or_default()));
    }
    match action.map_err(StsError::malformed)? {
        Some((_, handler)) => handler(lab, &caller, &parameters, request_id),
        None => Err(StsError::invalid_action(action_of(&parameters).unwrap_or_default())),
    }
}
