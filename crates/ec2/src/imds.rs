//! The instance metadata service, version 2 (EC2 user guide, "Instance metadata").

mod credentials;
mod interfaces;

pub use interfaces::ImdsInterface;

use crate::{
    Clock, ConfigError, Credentials, Retry, TransportError,
    transport::{Transport, is_callable},
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use std::{
    net::Ipv4Addr,
    str::FromStr,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// How long a session token is asked to last: the longest that the service gives, six hours.
const TOKEN_TTL: Duration = Duration::from_secs(21_600);

/// How long before its end a token is no longer used, unless it is a short-lived one.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// How long one request may take: the service is on the same machine.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Longest value that is read. User data has at most 16 KiB, other values far less.
const MAX_VALUE_BYTES: usize = 64 << 10;

/// A client of the metadata service.
#[derive(Debug)]
pub struct ImdsClient {
    base: Uri,
    transport: Transport,
    retry: Retry,
    clock: Clock,
    token: Mutex<Option<Token>>,
    credentials: Mutex<Option<Credentials>>,
}

#[derive(Clone, Debug)]
struct Token {
    value: http::HeaderValue,
    expires: Instant,
}

/// Who this instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceIdentity {
    /// Id, such as `i-0123456789abcdef0`.
    pub instance_id: String,
    /// Instance type, such as `m5.large`.
    pub instance_type: String,
    /// Region, such as `us-west-2`.
    pub region: String,
    /// Availability Zone, such as `us-west-2a`.
    pub availability_zone: String,
    /// Primary private IPv4 address of the primary ENI.
    pub local_ipv4: Ipv4Addr,
    /// MAC address of the primary ENI.
    pub mac: String,
}

/// Why the metadata service did not tell.
#[derive(Debug, thiserror::Error)]
pub enum ImdsError {
    /// No answer.
    #[error("the instance metadata service at {base} does not answer {path}")]
    Transport {
        /// Where it was sought.
        base: String,
        /// What was asked for.
        path: String,
        /// What happened.
        #[source]
        source: TransportError,
    },
    /// An answer that is neither a value nor "there is none".
    #[error("the instance metadata service answers {path} with HTTP {status}{}", hint(*.status))]
    Status {
        /// What was asked for.
        path: String,
        /// HTTP status.
        status: u16,
    },
    /// What every instance has is not there.
    #[error("the instance metadata service has no {path}")]
    Missing {
        /// What was asked for.
        path: String,
    },
    /// A value that means nothing.
    #[error("the instance metadata service says {path} is {value:?}, which is not {expected}")]
    Value {
        /// What was asked for.
        path: String,
        /// The value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A path that cannot be asked for.
    #[error("{path:?} is no path of the instance metadata service")]
    Path {
        /// The path.
        path: String,
    },
}

fn hint(status: u16) -> &'static str {
    if status == 403 { ": instance metadata is switched off for this instance" } else { "" }
}

impl ImdsClient {
    /// A client of the service at `base`, such as `http://169.254.169.254`.
    ///
    /// # Errors
    /// If `base` is no `http` or `https` URL.
    pub fn new(base: Uri) -> Result<Self, ConfigError> {
        if !is_callable(&base) {
            return Err(ConfigError::Endpoint { endpoint: base.to_string() });
        }
        let transport = Transport::new(&base)?;
        let retry = Retry { attempts: 4, base: Duration::from_millis(100), ..Retry::default() };
        let (token, credentials) = (Mutex::new(None), Mutex::new(None));
        Ok(Self { base, transport, retry, clock: Clock::system(), token, credentials })
    }

    /// The same client with other retries.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The same client with another clock, by which credentials expire.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The value at `path` below `latest/meta-data/`, such as `instance-id`; none if the service has
    /// no such value.
    ///
    /// # Errors
    /// If the service does not answer, or refuses.
    pub async fn get(&self, path: &str) -> Result<Option<String>, ImdsError> {
        let mut renewed = false;
        loop {
            let token = self.token().await?;
            let full = format!("/latest/meta-data/{path}");
            let header = ("x-aws-ec2-metadata-token", &token.value);
            let response = self.exchange(&Method::GET, &full, header).await?;
            match response.status() {
                StatusCode::OK => return text(path, &response).map(Some),
                StatusCode::NOT_FOUND => return Ok(None),
                // The service forgets its tokens when the instance stops and starts.
                StatusCode::UNAUTHORIZED if !renewed => {
                    renewed = true;
                    self.forget(&token).await;
                }
                status => {
                    return Err(ImdsError::Status {
                        path: path.to_owned(),
                        status: status.as_u16(),
                    });
                }
            }
        }
    }

    /// Who this instance is.
    ///
    /// # Errors
    /// If the service does not answer, or lacks one of the values.
    pub async fn identity(&self) -> Result<InstanceIdentity, ImdsError> {
        Ok(InstanceIdentity {
            instance_id: self.require("instance-id").await?,
            instance_type: self.require("instance-type").await?,
            region: self.require("placement/region").await?,
            availability_zone: self.require("placement/availability-zone").await?,
            local_ipv4: parse("local-ipv4", &self.require("local-ipv4").await?, "an IPv4 address")?,
            mac: self.require("mac").await?,
        })
    }

    async fn require(&self, path: &str) -> Result<String, ImdsError> {
        let value = self.get(path).await?;
        value.ok_or_else(|| ImdsError::Missing { path: path.to_owned() })
    }

    /// A token that is good for a while. Whoever comes while one is fetched waits for that one.
    async fn token(&self) -> Result<Token, ImdsError> {
        let mut slot = self.token.lock().await;
        if let Some(token) = slot.as_ref().filter(|token| Instant::now() < token.expires) {
            return Ok(token.clone());
        }
        const PATH: &str = "/latest/api/token";
        const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
        let asked = Instant::now();
        let response = self
            .exchange(&Method::PUT, PATH, (TTL, &http::HeaderValue::from(TOKEN_TTL.as_secs())))
            .await?;
        if response.status() != StatusCode::OK {
            let status = response.status().as_u16();
            return Err(ImdsError::Status { path: PATH.to_owned(), status });
        }
        let value = text(PATH, &response)?;
        let Ok(value) = http::HeaderValue::from_str(value.trim()) else {
            return Err(ImdsError::Value { path: PATH.to_owned(), value, expected: "a token" });
        };
        let granted = response.headers().get(TTL).and_then(|ttl| ttl.to_str().ok()?.parse().ok());
        let ttl = granted.map_or(TOKEN_TTL, Duration::from_secs).min(TOKEN_TTL);
        let token = Token { value, expires: asked + ttl.saturating_sub(TOKEN_MARGIN.min(ttl / 2)) };
        *slot = Some(token.clone());
        Ok(token)
    }

    /// Drops `token`, unless another has replaced it already.
    async fn forget(&self, token: &Token) {
        let mut slot = self.token.lock().await;
        if slot.as_ref().is_some_and(|current| current.value == token.value) {
            *slot = None;
        }
    }

    /// One request, repeated while the service does not answer or is overloaded: all of them are
    /// safe to repeat.
    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        (name, value): (&str, &http::HeaderValue),
    ) -> Result<Response<Bytes>, ImdsError> {
        let url = format!("{}{path}", self.base.to_string().trim_end_matches('/'));
        let mut failures = 0;
        loop {
            let request = Request::builder()
                .method(method)
                .uri(&url)
                .header(name, value)
                .body(Full::new(Bytes::new()))
                .map_err(|_| ImdsError::Path { path: path.to_owned() })?;
            let result = self.transport.send(request, TIMEOUT, MAX_VALUE_BYTES).await;
            let passing = match &result {
                Ok(response) => {
                    response.status().is_server_error()
                        || response.status() == StatusCode::TOO_MANY_REQUESTS
                }
                Err(error) => !matches!(error, TransportError::TooLong { .. }),
            };
            failures += 1;
            match self.retry.pause(failures).filter(|_| passing) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    return result.map_err(|source| ImdsError::Transport {
                        base: self.base.to_string(),
                        path: path.to_owned(),
                        source,
                    });
                }
            }
        }
    }
}

/// The body of an answer as text.
fn text(path: &str, response: &Response<Bytes>) -> Result<String, ImdsError> {
    String::from_utf8(response.body().to_vec()).map_err(|error| ImdsError::Value {
        path: path.to_owned(),
        value: String::from_utf8_lossy(error.as_bytes()).into_owned(),
        expected: "text",
    })
}

fn parse<T: FromStr>(path: &str, value: &str, expected: &'static str) -> Result<T, ImdsError> {
    value.trim().parse().map_err(|_| ImdsError::Value {
        path: path.to_owned(),
        value: value.to_owned(),
        expected,
    })
}
