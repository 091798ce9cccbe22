//! One listener for all of the lab's AWS APIs.
//!
//! A request says which service it is for in its signature's scope; EKS also by its path. What
//! says neither is EC2's, whose answer tells the client what is missing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::sigv4::SignedRequest;
use crate::state::Lab;
use crate::{api, eks, sts};

/// Larger requests of STS and EKS are refused unread.
const MAX_BODY: usize = 1 << 16;

/// Answers EC2, STS and EKS. Serve it with [`SocketAddr`] connection info, so that the call log
/// has where calls came from.
pub fn router(lab: Arc<Lab>) -> Router {
    let ec2 = api::router(Arc::clone(&lab));
    let services = Arc::new(Services { lab, ec2, calls: AtomicU64::new(0) });
    Router::new().fallback(serve).with_state(services)
}

struct Services {
    lab: Arc<Lab>,
    ec2: Router,
    calls: AtomicU64,
}

async fn serve(State(services): State<Arc<Services>>, request: Request) -> Response {
    let scope = scope_service(&request);
    if scope.as_deref() != Some("sts")
        && scope.as_deref() != Some("eks")
        && !eks::is_path(request.uri().path())
    {
        return match services.ec2.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
    }
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return respond(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "too large".to_owned(), "-");
    };
    let answered = tokio::task::spawn_blocking(move || {
        services.answer(scope.as_deref() == Some("sts"), &head, &body)
    });
    answered.await.unwrap_or_else(|error| {
        tracing::error!(%error, "an AWS call failed");
        respond(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "internal error".to_owned(), "-")
    })
}

impl Services {
    fn answer(&self, is_sts: bool, head: &Parts, body: &[u8]) -> Response {
        let request_id = self.request_id();
        let source =
            head.extensions.get::<ConnectInfo<SocketAddr>>().map(|i| i.0.ip().to_canonical());
        let signed = SignedRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body,
        };
        if is_sts {
            let (status, xml) = sts::answer(&self.lab, &signed, &request_id, source);
            return respond(status, "text/xml", xml, &request_id);
        }
        match eks::answer(&self.lab, &signed, &request_id, source) {
            Ok(value) => json(StatusCode::OK, &value, &request_id),
            Err(error) => {
                let mut response = json(error.status, &error.body, &request_id);
                let code = HeaderValue::from_static(error.code);
                response.headers_mut().insert("x-amzn-errortype", code);
                response
            }
        }
    }

    fn request_id(&self) -> String {
        let number = self.calls.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let bits = self.lab.secret.derive("other-request-id", &[&number]);
        let hex: String = bits.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

/// The service that the request says it is signed for, in either form.
fn scope_service(request: &Request) -> Option<String> {
    let of = |credential: &str| credential.split('/').nth(3).map(str::to_owned);
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        let (_, rest) = value.to_str().ok()?.split_once("Credential=")?;
        return of(rest.split(',').next()?);
    }
    let query = ec2_query::decode_body(request.uri().query()?.as_bytes()).ok()?;
    query.iter().find(|(name, _)| name == "X-Amz-Credential").and_then(|(_, value)| of(value))
}

fn json(status: StatusCode, value: &Value, request_id: &str) -> Response {
    respond(status, "application/json", value.to_string(), request_id)
}

fn respond(status: StatusCode, kind: &'static str, body: String, request_id: &str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
