//! The HTTP side: from bytes to a call, and back.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use ec2_query::{EC2_VERSION, ErrorResponse, action_of, decode_body};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};

use super::actions;
use super::context::Context;
use super::error::ApiError;
use crate::sigv4::{self, Scope, SignedRequest};
use crate::state::{Call, Lab};

/// Larger requests are refused unread.
const MAX_BODY: usize = 1 << 20;
const SERVICE: &str = "ec2";
/// Stands in the call log for what is not known.
const UNKNOWN: &str = "-";

/// Answers EC2's Query protocol at `/`, by POST and by GET.
///
/// Served with [`SocketAddr`] connection info, the call log also has where calls came from.
pub fn router(lab: Arc<Lab>) -> Router {
    Router::new().fallback(serve).with_state(Arc::new(Service { lab, calls: AtomicU64::new(0) }))
}

#[derive(Debug)]
struct Service {
    lab: Arc<Lab>,
    calls: AtomicU64,
}

async fn serve(State(service): State<Arc<Service>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let request_id = service.request_id();
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| too_large());
    // Off the async threads: a change returns only when the fabric has followed it.
    let answered = tokio::task::spawn_blocking({
        let request_id = request_id.clone();
        move || service.answer(&head, body, request_id)
    });
    let (status, xml) = answered.await.unwrap_or_else(|error| {
        tracing::error!(%error, "EC2 call failed");
        refuse(&ApiError::internal(), &request_id)
    });
    respond(status, xml, &request_id)
}

/// What is known of a call by the time it ends.
struct Progress {
    action: &'static str,
    caller: String,
}

impl Service {
    /// Carries out a request and logs it.
    fn answer(
        &self,
        head: &Parts,
        body: Result<Bytes, ApiError>,
        request_id: String,
    ) -> (StatusCode, String) {
        let started = Instant::now();
        let at = self.lab.now();
        let mut progress = Progress { action: UNKNOWN, caller: UNKNOWN.to_owned() };
        let answered = body.and_then(|body| {
            let context = (head, &body[..], request_id.as_str());
            self.carry_out(context, at, &mut progress)
        });
        let error = answered.as_ref().err().map(|error| error.code.to_owned());
        let (status, xml) = match answered {
            Ok(xml) => (StatusCode::OK, xml),
            Err(error) => refuse(&error, &request_id),
        };
        let call = Call {
            at,
            request_id,
            action: progress.action.to_owned(),
            caller: progress.caller,
            source: source(head),
            error,
            duration: started.elapsed(),
        };
        tracing::debug!(
            action = call.action,
            caller = call.caller,
            outcome = call.outcome(),
            "EC2 call"
        );
        self.lab.calls.record(call);
        (status, xml)
    }

    fn carry_out(
        &self,
        (head, body, request_id): (&Parts, &[u8], &str),
        now: vpc::Timestamp,
        progress: &mut Progress,
    ) -> Result<String, ApiError> {
        if head.uri.path() != "/" {
            return Err(not_here(StatusCode::NOT_FOUND, "EC2 answers at the path /"));
        }
        if head.method != Method::POST && head.method != Method::GET {
            return Err(not_here(StatusCode::METHOD_NOT_ALLOWED, "EC2 answers POST and GET"));
        }
        let query = head.uri.query().unwrap_or_default();
        let mut parameters = decode_body(query.as_bytes())?;
        parameters.extend(decode_body(body)?);
        // A presigned request's signature is among them.
        parameters.retain(|(name, _)| !name.starts_with("X-Amz-"));
        // Known before the signature is checked, so that the log tells what was refused.
        let action = action_of(&parameters);
        let known = action.as_ref().ok().and_then(|name| actions::find(name));
        if let Some((name, _)) = known {
            progress.action = name;
        }
        let signed = SignedRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query,
            headers: &head.headers,
            body,
        };
        let scope = Scope { region: &self.lab.region, service: SERVICE };
        let caller = sigv4::verify(&signed, &self.lab.credentials, scope, now)?;
        progress.caller.clone_from(&caller.arn);
        let action = action?;
        check_version(&parameters)?;
        let (_, handler) = known.ok_or_else(|| {
            ApiError::bad_request(
                "InvalidAction",
                format!("The action {action} is not valid for this web service."),
            )
        })?;
        let context = Context { lab: &self.lab, caller: &caller, now, dry_run: false };
        handler(&context, &parameters, request_id)
    }

    /// An identifier that looks random and is unique in this lab: a version 4 UUID.
    fn request_id(&self) -> String {
        let number = self.calls.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut bits = self.lab.secret.derive("request-id", &[&number]);
        bits[6] = bits[6] & 0x0f | 0x40;
        bits[8] = bits[8] & 0x3f | 0x80;
        let hex: Vec<String> = bits[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let groups = [&hex[..4], &hex[4..6], &hex[6..8], &hex[8..10], &hex[10..]];
        groups.map(|group| group.concat()).join("-")
    }
}

fn check_version(parameters: &[(String, String)]) -> Result<(), ApiError> {
    let version = parameters.iter().find(|(name, _)| name == "Version");
    match version.map(|(_, value)| value.as_str()) {
        Some(EC2_VERSION) => Ok(()),
        Some(other) => Err(ApiError::bad_request(
            "NoSuchVersion",
            format!("The requested version ({other}) of service AmazonEC2 does not exist"),
        )),
        None => Err(ApiError::missing("Version")),
    }
}

fn too_large() -> ApiError {
    let limit = format!("The request must be complete and no longer than {MAX_BODY} bytes");
    ApiError {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "RequestEntityTooLarge",
        message: limit,
    }
}

fn not_here(status: StatusCode, message: &str) -> ApiError {
    ApiError { status, code: "InvalidRequest", message: message.to_owned() }
}

fn source(head: &Parts) -> Option<IpAddr> {
    head.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

fn refuse(error: &ApiError, request_id: &str) -> (StatusCode, String) {
    let body = ErrorResponse {
        code: error.code.to_owned(),
        message: error.message.clone(),
        request_id: request_id.to_owned(),
    };
    (error.status, body.to_xml())
}

fn respond(status: StatusCode, xml: String, request_id: &str) -> Response {
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml;charset=UTF-8"));
    headers.insert(header::SERVER, HeaderValue::from_static("AmazonEC2"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
