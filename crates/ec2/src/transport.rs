//! One HTTP exchange: HTTP/1.1 with connections kept for the next one, TLS where the URL says so.

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{error::Error, time::Duration};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// How many unused connections are kept: calls mostly follow one another.
const MAX_IDLE: usize = 2;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection: the request cannot have arrived.
    #[error("cannot connect")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// The connection failed: the request may or may not have arrived.
    #[error("the connection failed before the answer was complete")]
    Exchange(#[source] Box<dyn Error + Send + Sync>),
    /// No complete answer in time: the request may or may not have arrived.
    #[error("no complete answer within {after:?}")]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The answer is longer than any should be.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Whether a URL can be called at all.
pub(crate) fn is_callable(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
}

/// A pool of connections.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Transport {
    /// A pool for the server at `endpoint`. Servers prove themselves by the certificates that
    /// browsers trust.
    pub(crate) fn new(endpoint: &Uri) -> Result<Self, rustls::Error> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_max_idle_per_host(MAX_IDLE)
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new());
        if endpoint.scheme_str() == Some("http") {
            return Ok(Self::Plain(builder.build(connector)));
        }
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_only()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self::Tls(builder.build(connector)))
    }

    /// Sends `request` and waits for the whole answer: at most `timeout`, at most `limit` bytes.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let exchange = async {
            let response = match self {
                Self::Plain(client) => client.request(request).await,
                Self::Tls(client) => client.request(request).await,
            };
            let (head, body) = response.map_err(classify)?.into_parts();
            let body = Limited::new(body, limit).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    TransportError::TooLong { limit }
                } else {
                    TransportError::Exchange(error)
                }
            })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(result) => result,
            Err(_elapsed) => Err(TransportError::Timeout { after: timeout }),
        }
    }
}

fn classify(error: legacy::Error) -> TransportError {
    if error.is_connect() {
        TransportError::Connect(Box::new(error))
    } else {
        TransportError::Exchange(Box::new(error))
    }
}
