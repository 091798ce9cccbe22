//! EKS: the clusters there are, as REST JSON.
//!
//! Entry point: [`answer`]. `GET /clusters` and `GET /clusters/NAME` (Amazon EKS API reference).

use std::net::IpAddr;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ec2_query::decode_body;
use http::StatusCode;
use serde_json::{Value, json};

use crate::sigv4::{self, Rejection, Scope, SignedRequest};
use crate::state::{Call, Cluster, Lab};

const SERVICE: &str = "eks";
/// The path under which all clusters are.
pub const CLUSTERS: &str = "/clusters";

/// Whether a path is EKS's: `/clusters` or below it.
pub(crate) fn is_path(path: &str) -> bool {
    path.strip_prefix(CLUSTERS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
/// Names a page of ListClusters has at most, and when not said.
const PAGE: usize = 100;

/// What EKS answers instead of a result: status, type, and fields of the body.
#[derive(Debug, Clone, PartialEq)]
pub struct EksError {
    /// HTTP status.
    pub status: StatusCode,
    /// e.g. `ResourceNotFoundException`; also sent as `x-amzn-ErrorType`.
    pub code: &'static str,
    /// The JSON body.
    pub body: Value,
}

/// Carries out a request and logs it.
///
/// # Errors
/// What to answer instead.
pub fn answer(
    lab: &Lab,
    request: &SignedRequest<'_>,
    request_id: &str,
    source: Option<IpAddr>,
) -> Result<Value, EksError> {
    let (started, at) = (Instant::now(), lab.now());
    let name = is_path(request.path).then(|| request.path[CLUSTERS.len()..].trim_matches('/'));
    let action = if name == Some("") { "ListClusters" } else { "DescribeCluster" };
    let scope = Scope { region: &lab.region, service: SERVICE };
    let caller = sigv4::verify(request, &lab.credentials, scope, at);
    let arn = caller.as_ref().map_or("-", |caller| caller.arn.as_str()).to_owned();
    let answered = caller.map_err(rejected).and_then(|caller| match name {
        _ if request.method != "GET" => Err(not_here(StatusCode::METHOD_NOT_ALLOWED)),
        None => Err(not_here(StatusCode::NOT_FOUND)),
        // What another account owns is not there for the caller.
        Some("") if caller.account != lab.account => Ok(json!({"clusters": [], "nextToken": null})),
        Some("") => list(lab, request.query),
        Some(name) => match lab.clusters.find(name) {
            Some(cluster) if caller.account == lab.account => {
                Ok(json!({"cluster": describe(lab, &cluster)}))
            }
            _ => Err(not_found(name)),
        },
    });
    lab.calls.record(Call {
        at,
        request_id: request_id.to_owned(),
        action: action.to_owned(),
        caller: arn,
        source,
        error: answered.as_ref().err().map(|error| error.code.to_owned()),
        duration: started.elapsed(),
    });
    answered
}

fn list(lab: &Lab, query: &str) -> Result<Value, EksError> {
    let parameters = decode_body(query.as_bytes())
        .map_err(|error| invalid(&format!("The query string cannot be read: {error}")))?;
    let find = |name: &str| {
        parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    };
    let limit = match find("maxResults") {
        None => PAGE,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=PAGE).contains(limit))
            .ok_or_else(|| invalid(&format!("maxResults must be from 1 to {PAGE}")))?,
    };
    // The token is the last name that was shown.
    let mut names = lab.clusters.names();
    if let Some(last) = find("nextToken") {
        names.retain(|name| name.as_str() > last);
    }
    let more = names.len() > limit;
    names.truncate(limit);
    let next = names.last().filter(|_| more).cloned();
    Ok(json!({"clusters": names, "nextToken": next}))
}

fn describe(lab: &Lab, cluster: &Cluster) -> Value {
    let (region, account, name) = (&lab.region, &lab.account, &cluster.name);
    let ids =
        |ids: &[vpc::SecurityGroupId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double exactly")]
    let created = cluster.created.0 as f64 / 1000.0;
    json!({
        "name": name,
        "arn": format!("arn:aws:eks:{region}:{account}:cluster/{name}"),
        "createdAt": created,
        "version": cluster.version,
        "endpoint": cluster.endpoint,
        "resourcesVpcConfig": {
            "subnetIds": cluster.subnets.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "securityGroupIds": ids(&cluster.security_groups),
            "clusterSecurityGroupId": cluster.cluster_security_group.to_string(),
            "vpcId": cluster.vpc.to_string(),
            "endpointPublicAccess": false,
            "endpointPrivateAccess": true,
            "publicAccessCidrs": [],
        },
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": cluster.service_cidr,
            "ipFamily": "ipv4",
        },
        "status": "ACTIVE",
        "certificateAuthority": {"data": STANDARD.encode(&cluster.authority)},
        "accessConfig": {"authenticationMode": "API"},
        "tags": {},
    })
}

fn not_found(name: &str) -> EksError {
    let body = json!({
        "message": format!("No cluster found for name: {name}."),
        "clusterName": name,
    });
    EksError { status: StatusCode::NOT_FOUND, code: "ResourceNotFoundException", body }
}

fn invalid(message: &str) -> EksError {
    let body = json!({ "message": message });
    EksError { status: StatusCode::BAD_REQUEST, code: "InvalidParameterException", body }
}

fn not_here(status: StatusCode) -> EksError {
    let body = json!({"message": "The lab's EKS answers GET /clusters and GET /clusters/NAME"});
    EksError { status, code: "UnknownOperationException", body }
}

/// The words of REST JSON services, which differ from EC2's.
#[expect(clippy::needless_pass_by_value, reason = "the form map_err asks for")]
fn rejected(rejection: Rejection) -> EksError {
    let (_, _, message) = rejection.answer();
    let (code, message) = match rejection {
        Rejection::NotSigned => ("MissingAuthenticationTokenException", message),
        Rejection::Incomplete { .. } => ("IncompleteSignatureException", message),
        Rejection::UnknownKey | Rejection::WrongSessionToken => (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.".to_owned(),
        ),
        Rejection::SessionEnded => (
            "ExpiredTokenException",
            "The security token included in the request is expired".to_owned(),
        ),
        Rejection::WrongScope { .. } | Rejection::SignatureMismatch => {
            ("InvalidSignatureException", message)
        }
        Rejection::Expired => {
            ("InvalidSignatureException", "Signature expired or not yet current".to_owned())
        }
    };
    EksError { status: StatusCode::FORBIDDEN, code, body: json!({ "message": message }) }
}
