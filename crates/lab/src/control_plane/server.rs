//! The HTTPS server itself.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::{Access, AccessLog, Authenticator, ServerIdentity, User};
use crate::state::iso8601_seconds;

/// A client that has not finished its TLS handshake or request header by then is dropped.
const PATIENCE: Duration = Duration::from_secs(10);
/// The Kubernetes release whose answers are given.
const VERSION: (&str, &str, &str) = ("1", "35", "v1.35.0+flatnet");

/// Larger bodies are refused.
const MAX_BODY: usize = 64 << 10;
const REVIEW_VERSION: &str = "authentication.k8s.io/v1";
const REVIEWS: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// The Kubernetes version, as EKS names it.
#[must_use]
pub fn version_name() -> String {
    format!("{}.{}", VERSION.0, VERSION.1)
}

/// What all listeners of one control plane share.
#[derive(Debug)]
pub struct Endpoint {
    /// Every request it answered.
    pub log: Arc<AccessLog>,
    /// Knows the cluster's users.
    pub authenticator: Authenticator,
    /// Keeps refused requests from filling the log.
    pub complaints: Complaints,
}

/// At most so many log lines a second about refused requests.
const COMPLAINTS_PER_SECOND: u32 = 20;

/// How many requests were complained of in this second.
#[derive(Debug, Default)]
pub struct Complaints(Mutex<(i64, u32)>);

impl Complaints {
    fn allow(&self, now: vpc::Timestamp) -> bool {
        let second = now.0 / 1000;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 != second {
            *state = (second, 0);
        }
        state.1 += 1;
        state.1 <= COMPLAINTS_PER_SECOND
    }
}

/// The first `most` characters of a text.
fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The listener cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the control plane's endpoint on its listener")]
pub struct ServeError(#[from] io::Error);

/// Answers HTTPS requests on `listener` until the future is dropped. The listener is bound already,
/// in whatever network namespace the control plane lives in.
///
/// # Errors
/// [`ServeError`] when the listener cannot be handed to the runtime. Failing connections are
/// logged and do not end it.
pub async fn serve(
    listener: TcpListener,
    identity: ServerIdentity,
    endpoint: Arc<Endpoint>,
) -> Result<Infallible, ServeError> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let acceptor = TlsAcceptor::from(identity.config);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let local = stream.local_addr().unwrap_or(peer);
                let seen = Connection { peer, local, endpoint: endpoint.clone() };
                tokio::spawn(handle(stream, acceptor.clone(), seen));
            }
            Err(error) => {
                // Out of file descriptors, or a connection gone before it was accepted: both pass.
                tracing::warn!(%error, "control plane could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// What is known of a connection.
struct Connection {
    peer: SocketAddr,
    local: SocketAddr,
    endpoint: Arc<Endpoint>,
}

async fn handle(stream: tokio::net::TcpStream, acceptor: TlsAcceptor, seen: Connection) {
    let peer = seen.peer;
    let stream = match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => return tracing::debug!(%peer, "TLS handshake took too long"),
    };
    let seen = &seen;
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(answer(request, seen).await) });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

async fn answer(request: Request<Incoming>, seen: &Connection) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    // Anybody may send anything: what is kept and logged of it is bounded.
    let (method, path) = (cut(head.method.as_str(), 16), cut(head.uri.path(), 256));
    let endpoint = &seen.endpoint;
    let response = if is_public(head.uri.path()) {
        public(&head.method, head.uri.path())
    } else {
        let header = head.headers.get(header::AUTHORIZATION);
        // Off the async threads: the world may be locked for as long as the fabric converges.
        match crate::probe::blocking(|| endpoint.authenticator.authenticate(header)) {
            Ok(user) => private(&head.method, head.uri.path(), body, &user, seen).await,
            Err(refusal) => {
                if endpoint.complaints.allow(endpoint.authenticator.lab.now()) {
                    // As a quoted string, so that no line of it can pass for another.
                    let refusal = cut(&refusal.to_string(), 512);
                    tracing::warn!(peer = %seen.peer, path, ?refusal, "control plane: not authenticated");
                }
                failure(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
            }
        }
    };
    endpoint.log.record(Access {
        at: endpoint.authenticator.lab.now(),
        peer: seen.peer,
        local: seen.local,
        method,
        path,
        status: response.status().as_u16(),
    });
    response
}

/// What a client may ask once it is known.
async fn private(
    method: &Method,
    path: &str,
    body: Incoming,
    user: &User,
    seen: &Connection,
) -> Response<Full<Bytes>> {
    if path != REVIEWS {
        return not_found();
    }
    if method != Method::POST {
        return not_allowed();
    }
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        let message = "the request's body is too large or incomplete";
        return failure(StatusCode::BAD_REQUEST, "BadRequest", message);
    };
    let asked: serde_json::Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    if asked["kind"] != "SelfSubjectReview" || asked["apiVersion"] != REVIEW_VERSION {
        let message = "the body must be a SelfSubjectReview of authentication.k8s.io/v1";
        return failure(StatusCode::BAD_REQUEST, "BadRequest", message);
    }
    let mut groups = user.groups.clone();
    groups.push("system:authenticated");
    let review = json!({
        "kind": "SelfSubjectReview",
        "apiVersion": REVIEW_VERSION,
        "metadata": {
            "creationTimestamp": iso8601_seconds(seen.endpoint.authenticator.lab.now()),
        },
        "status": {"userInfo": {
            "username": user.name,
            "uid": user.uid,
            "groups": groups,
            "extra": {"arn": [user.arn]},
        }},
    });
    reply(StatusCode::CREATED, "application/json", review.to_string())
}

/// The paths every client may read without authentication (RBAC's `system:public-info-viewer`).
fn is_public(path: &str) -> bool {
    matches!(path, "/version" | "/healthz" | "/livez" | "/readyz")
}

fn public(method: &Method, path: &str) -> Response<Full<Bytes>> {
    match path {
        _ if method != Method::GET && method != Method::HEAD => not_allowed(),
        "/version" => reply(StatusCode::OK, "application/json", version()),
        _ => reply(StatusCode::OK, "text/plain; charset=utf-8", "ok".into()),
    }
}

fn not_allowed() -> Response<Full<Bytes>> {
    failure(
        StatusCode::METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    )
}

fn not_found() -> Response<Full<Bytes>> {
    failure(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource")
}

/// `GET /version` as the API server gives it: a `version.Info`.
fn version() -> String {
    let (major, minor, git_version) = VERSION;
    let version = json!({
        "major": major,
        "minor": minor,
        "gitVersion": git_version,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    });
    format!("{version:#}")
}

/// A Kubernetes `Status` object.
fn failure(status: StatusCode, reason: &str, message: &str) -> Response<Full<Bytes>> {
    let body = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": {},
        "code": status.as_u16(),
    });
    reply(status, "application/json", body.to_string())
}

fn reply(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
