//! The HTTP side: tokens, methods, status codes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use vpc::{InstanceId, Timestamp, VpcId};

use super::tree::Tree;
use super::{token, tree};
use crate::state::Lab;

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_PATH: &str = "/latest/api/token";
/// Seconds a token may live: one second to six hours.
const TTL_BOUNDS: std::ops::RangeInclusive<i64> = 1..=21_600;
/// Dated versions of the tree, all with the same contents as `latest`. Clients such as cloud-init
/// ask for dated ones.
const VERSIONS: [&str; 6] =
    ["2016-09-02", "2018-09-24", "2019-10-01", "2020-10-27", "2021-03-23", "latest"];

/// Serves metadata to the instances of `vpc`. An instance is known by the address its connection
/// comes from, which the fabric's source check makes trustworthy; hence the router must be served
/// with [`SocketAddr`] connection info.
pub fn router(lab: Arc<Lab>, vpc: VpcId) -> Router {
    Router::new().fallback(serve).with_state(Arc::new(Service { lab, vpc }))
}

#[derive(Debug)]
struct Service {
    lab: Arc<Lab>,
    vpc: VpcId,
}

async fn serve(
    State(service): State<Arc<Service>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    // Off the async threads: the world may be locked for as long as the fabric converges.
    let answered = tokio::task::spawn_blocking(move || {
        service.answer(peer.ip(), &head.method, head.uri.path(), &head.headers)
    });
    answered.await.unwrap_or_else(|error| {
        tracing::error!(%error, "metadata request failed");
        refuse(StatusCode::INTERNAL_SERVER_ERROR)
    })
}

impl Service {
    fn answer(&self, peer: IpAddr, method: &Method, path: &str, headers: &HeaderMap) -> Response {
        let Some(instance) = self.instance_at(peer) else {
            tracing::warn!(%peer, path, "metadata asked for by an address no instance holds");
            return refuse(StatusCode::NOT_FOUND);
        };
        let now = self.lab.now();
        match (method, path) {
            (&Method::PUT, TOKEN_PATH) => self.new_token(&instance, headers, now),
            (_, TOKEN_PATH) => not_allowed("PUT"),
            (&Method::GET | &Method::HEAD, _) => {
                let allowed = headers.get(TOKEN).is_some_and(|token| {
                    token::is_valid(&self.lab.secret, &instance, token.as_bytes(), now)
                });
                if !allowed {
                    return refuse(StatusCode::UNAUTHORIZED);
                }
                self.read(&instance, path, now).map_or_else(|| refuse(StatusCode::NOT_FOUND), text)
            }
            _ => not_allowed("GET, HEAD"),
        }
    }

    fn instance_at(&self, peer: IpAddr) -> Option<InstanceId> {
        let IpAddr::V4(address) = peer.to_canonical() else { return None };
        self.lab.read(|world| world.eni_at(&self.vpc, address)?.instance().cloned())
    }

    fn new_token(&self, instance: &InstanceId, headers: &HeaderMap, now: Timestamp) -> Response {
        // A proxy that forwards requests adds this header; tokens must not leave the instance.
        if headers.contains_key("x-forwarded-for") {
            return refuse(StatusCode::FORBIDDEN);
        }
        let seconds = headers.get(TTL).and_then(|ttl| ttl.to_str().ok()?.parse::<i64>().ok());
        let Some(seconds) = seconds.filter(|seconds| TTL_BOUNDS.contains(seconds)) else {
            return refuse(StatusCode::BAD_REQUEST);
        };
        let expires = Timestamp(now.0 + seconds * 1000);
        let mut response = text(token::issue(&self.lab.secret, instance, expires));
        response.headers_mut().insert(TTL, HeaderValue::from(seconds));
        response
    }

    fn read(&self, instance: &InstanceId, path: &str, now: Timestamp) -> Option<String> {
        let path = path.trim_start_matches('/');
        if path.is_empty() {
            return Some(VERSIONS.join("\n"));
        }
        let (version, rest) = path.split_once('/').unwrap_or((path, ""));
        VERSIONS.contains(&version).then_some(())?;
        self.lab.read(|world| tree::of(&self.lab, world, instance, now)).as_ref()?.get(rest)
    }
}

impl Tree {
    /// The value at `path`, or the listing when it is a directory.
    fn get(&self, path: &str) -> Option<String> {
        self.value(path).or_else(|| self.listing(path))
    }
}

fn text(body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::SERVER, HeaderValue::from_static("EC2ws"));
    response
}

/// An error with the XHTML body that the real service sends.
fn refuse(status: StatusCode) -> Response {
    let title = format!("{} - {}", status.as_u16(), status.canonical_reason().unwrap_or("Error"));
    let mut response = text(format!(
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n\
         <!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n\
         \t\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n \
         <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n </body>\n</html>\n"
    ));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

fn not_allowed(allow: &'static str) -> Response {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
