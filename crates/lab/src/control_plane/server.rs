//! The HTTPS server itself.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::{Access, AccessLog, ServerIdentity};
use crate::state::Clock;

/// A client that has not finished its TLS handshake or request header by then is dropped.
const PATIENCE: Duration = Duration::from_secs(10);
/// The Kubernetes release whose answers are given.
const VERSION: (&str, &str, &str) = ("1", "35", "v1.35.0+flatnet");

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
    log: Arc<AccessLog>,
    clock: Arc<dyn Clock>,
) -> Result<Infallible, ServeError> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let acceptor = TlsAcceptor::from(identity.config);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let local = stream.local_addr().unwrap_or(peer);
                let seen = Connection { peer, local, log: log.clone(), clock: clock.clone() };
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
    log: Arc<AccessLog>,
    clock: Arc<dyn Clock>,
}

async fn handle(stream: tokio::net::TcpStream, acceptor: TlsAcceptor, seen: Connection) {
    let peer = seen.peer;
    let stream = match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => return tracing::debug!(%peer, "TLS handshake took too long"),
    };
    let service = service_fn(|request| {
        let response = answer(&request, &seen);
        async move { Ok::<_, Infallible>(response) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

fn answer(request: &Request<Incoming>, seen: &Connection) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let response = respond(request.method(), path);
    seen.log.record(Access {
        at: seen.clock.now(),
        peer: seen.peer,
        local: seen.local,
        method: request.method().to_string(),
        path: path.to_owned(),
        status: response.status().as_u16(),
    });
    response
}

/// The paths every client may read without authentication (RBAC's `system:public-info-viewer`).
fn respond(method: &Method, path: &str) -> Response<Full<Bytes>> {
    let known = matches!(path, "/version" | "/healthz" | "/livez" | "/readyz");
    match path {
        _ if known && method != Method::GET && method != Method::HEAD => failure(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        ),
        "/version" => reply(StatusCode::OK, "application/json", version()),
        _ if known => reply(StatusCode::OK, "text/plain; charset=utf-8", "ok".into()),
        _ => failure(
            StatusCode::NOT_FOUND,
            "NotFound",
            "the server could not find the requested resource",
        ),
    }
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
