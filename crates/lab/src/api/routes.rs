//! The HTTP side: from bytes to a call, and back.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use ec2_query::{EC2_VERSION, action_of, decode_body};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};

use super::actions::{self, Handler};
use super::admission::{self, Refused};
use super::context::Context;
use super::error::ApiError;
use crate::audit;
use crate::requests::{Admission, Verdict};
use crate::sigv4::{self, Scope, SignedRequest};
use crate::state::{Call, Lab, Principal, iso8601};

/// Larger requests are refused unread.
const MAX_BODY: usize = 1 << 20;
const SERVICE: &str = "ec2";
/// The service as the audit trail names it.
const EVENT_SOURCE: &str = "ec2.amazonaws.com";
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
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| too_large().into());
    let mut call = service.begin(&head, request_id.clone());
    let admitted = body.and_then(|body: Bytes| service.admit(&head, &body, &mut call));
    let pause = admitted.as_ref().map_or(Duration::ZERO, |admitted| admitted.pause);
    // A task of its own, since a call that has been admitted is carried out whether or not its
    // caller waits for the answer.
    let answered = tokio::spawn(async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        // Off the async threads: a change returns only when the fabric has followed it.
        tokio::task::spawn_blocking(move || service.answer(admitted, &call)).await
    });
    let (status, xml) = answered.await.flatten().unwrap_or_else(|error| {
        tracing::error!(%error, "EC2 call failed");
        refuse(&ApiError::internal().into(), &request_id)
    });
    respond(status, xml, &request_id)
}

/// What is known of a call by the time it ends.
struct Progress {
    started: Instant,
    at: vpc::Timestamp,
    request_id: String,
    action: &'static str,
    caller: Option<Principal>,
    source: Option<IpAddr>,
    parameters: BTreeMap<String, String>,
}

/// A call that will be answered after `pause`.
struct Admitted {
    handler: Handler,
    parameters: Vec<(String, String)>,
    caller: Principal,
    pause: Duration,
    verdict: Verdict,
}

impl Service {
    fn begin(&self, head: &Parts, request_id: String) -> Progress {
        Progress {
            started: Instant::now(),
            at: self.lab.now(),
            request_id,
            action: UNKNOWN,
            caller: None,
            source: source(head),
            parameters: BTreeMap::new(),
        }
    }

    /// Reads and authenticates a request, and lets it wait its turn.
    fn admit(&self, head: &Parts, body: &[u8], call: &mut Progress) -> Result<Admitted, Refused> {
        if head.uri.path() != "/" {
            return Err(not_here(StatusCode::NOT_FOUND, "EC2 answers at the path /").into());
        }
        if head.method != Method::POST && head.method != Method::GET {
            let message = "EC2 answers POST and GET";
            return Err(not_here(StatusCode::METHOD_NOT_ALLOWED, message).into());
        }
        let query = head.uri.query().unwrap_or_default();
        let mut parameters = decode_body(query.as_bytes()).map_err(ApiError::from)?;
        parameters.extend(decode_body(body).map_err(ApiError::from)?);
        // A presigned request's signature is among them.
        parameters.retain(|(name, _)| !name.starts_with("X-Amz-"));
        // Known before the signature is checked, so that the log tells what was refused.
        call.parameters = audit::parameters(&parameters);
        let action = action_of(&parameters);
        let known = action.as_ref().ok().and_then(|name| actions::find(name));
        if let Some((name, _)) = known {
            call.action = name;
        }
        let signed = SignedRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query,
            headers: &head.headers,
            body,
        };
        let scope = Scope { region: &self.lab.region, service: SERVICE };
        let caller = sigv4::verify(&signed, &self.lab.credentials, scope, call.at);
        let caller = caller.map_err(ApiError::from)?;
        call.caller = Some(caller.clone());
        let action = action.map_err(ApiError::from)?;
        check_version(&parameters)?;
        let (name, handler) = known.ok_or_else(|| {
            ApiError::bad_request(
                "InvalidAction",
                format!("The action {action} is not valid for this web service."),
            )
        })?;
        match admission::admit(&self.lab, &caller, name, &parameters, call.at) {
            Admission::Throttled => Err(admission::throttled()),
            Admission::Admitted { pause, verdict } => {
                Ok(Admitted { handler, parameters, caller, pause, verdict })
            }
        }
    }

    /// Carries out what was admitted, and logs the call.
    fn answer(&self, admitted: Result<Admitted, Refused>, call: &Progress) -> (StatusCode, String) {
        let answered = admitted.and_then(|admitted| self.carry_out(&admitted, call));
        self.log(call, answered.as_ref().err());
        match answered {
            Ok(xml) => (StatusCode::OK, xml),
            Err(refused) => refuse(&refused, &call.request_id),
        }
    }

    fn carry_out(&self, admitted: &Admitted, call: &Progress) -> Result<String, Refused> {
        let Admitted { handler, parameters, caller, verdict, .. } = admitted;
        admission::check(verdict, caller, call.action)?;
        admission::check_known(&self.lab, parameters, call.at)?;
        let context = Context { lab: &self.lab, caller, now: self.lab.now(), dry_run: false };
        Ok(handler(&context, parameters, &call.request_id)?)
    }

    fn log(&self, progress: &Progress, refused: Option<&Refused>) {
        let caller = progress.caller.as_ref();
        let call = Call {
            at: progress.at,
            request_id: progress.request_id.clone(),
            action: progress.action.to_owned(),
            caller: caller.map_or_else(|| UNKNOWN.to_owned(), |caller| caller.arn.clone()),
            source: progress.source,
            error: refused.map(|refused| refused.code.clone()),
            duration: progress.started.elapsed(),
        };
        tracing::debug!(
            action = call.action,
            caller = call.caller,
            outcome = call.outcome(),
            "EC2 call"
        );
        self.lab.audit.record(&audit::Event {
            event_time: iso8601(call.at),
            event_source: EVENT_SOURCE.to_owned(),
            event_name: call.action.clone(),
            aws_region: self.lab.region.clone(),
            source_ip_address: call
                .source
                .map_or_else(|| UNKNOWN.to_owned(), |source| source.to_string()),
            user_identity: audit::UserIdentity {
                arn: call.caller.clone(),
                account_id: caller.map(|caller| caller.account.to_string()),
            },
            request_parameters: progress.parameters.clone(),
            error_code: refused.map(|r| audit::error_code(r.status.as_u16(), &r.code)),
            error_message: refused.map(|refused| refused.message.clone()),
            request_id: call.request_id.clone(),
        });
        self.lab.calls.record(call);
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

fn refuse(refused: &Refused, request_id: &str) -> (StatusCode, String) {
    (refused.status, refused.to_xml(request_id))
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
