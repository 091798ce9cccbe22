//! The EC2 client.

use crate::{
    CallError, Clock, ConfigError, Retry,
    calls::CallCounts,
    sign::signed_request,
    transport::{Transport, is_callable},
};
use aws_credential_types::provider::ProvideCredentials;
use bytes::Bytes;
use ec2_query::{Action, ErrorResponse, Paginated, encode_body, from_xml, to_form};
use http::Uri;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Longest answer that is read: a page of a thousand ENIs has about two million bytes.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Where EC2 is, and how to deal with it.
#[derive(Clone, Debug)]
pub struct Config {
    /// URL of the API, `http` or `https`.
    pub endpoint: Uri,
    /// The Region, which signatures name.
    pub region: String,
    /// When to try again.
    pub retry: Retry,
    /// How long one try may take.
    pub timeout: Duration,
    /// The time that signatures carry.
    pub clock: Clock,
}

impl Config {
    /// The API at `endpoint`, with the usual retries and a timeout of 10 s.
    pub fn new(endpoint: Uri, region: impl Into<String>) -> Self {
        Self {
            endpoint,
            region: region.into(),
            retry: Retry::default(),
            timeout: Duration::from_secs(10),
            clock: Clock::system(),
        }
    }
}

/// A client of EC2. Clones share connections and counts.
#[derive(Clone, Debug)]
pub struct Ec2Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    credentials: Arc<dyn ProvideCredentials>,
    transport: Transport,
    calls: CallCounts,
}

impl Ec2Client {
    /// A client that signs with what `credentials` provides at the time of each request.
    ///
    /// # Errors
    /// If the endpoint is no `http` or `https` URL.
    pub fn new(
        config: Config,
        credentials: Arc<dyn ProvideCredentials>,
    ) -> Result<Self, ConfigError> {
        if !is_callable(&config.endpoint) {
            return Err(ConfigError::Endpoint { endpoint: config.endpoint.to_string() });
        }
        let transport = Transport::new(&config.endpoint)?;
        let calls = CallCounts::default();
        Ok(Self { inner: Arc::new(Inner { config, credentials, transport, calls }) })
    }

    /// Sends `request` and waits for its answer.
    ///
    /// Throttled requests, and those that cannot have arrived, are repeated; other passing failures
    /// only if repeating is safe ([`Action::is_repeatable`]).
    ///
    /// # Errors
    /// The last try's error. Whether EC2 may have acted all the same:
    /// [`CallError::is_without_effect`].
    pub async fn call<A: Action>(&self, request: &A) -> Result<A::Response, CallError> {
        let pairs = to_form(request).map_err(|error| CallError::form(A::NAME, error))?;
        let body = Bytes::from(encode_body(&pairs));
        let mut failures = 0;
        loop {
            let error = match self.attempt::<A>(body.clone()).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            failures += 1;
            let repeat =
                error.is_passing() && (request.is_repeatable() || error.is_without_effect());
            match self.inner.config.retry.pause(failures).filter(|_| repeat) {
                Some(pause) => {
                    tracing::debug!(action = A::NAME, failures, ?pause, %error, "trying again");
                    tokio::time::sleep(pause).await;
                }
                None => return Err(error),
            }
        }
    }

    /// Sends `request` for page after page, and returns the elements of all pages.
    ///
    /// # Errors
    /// As [`call`](Self::call), for any of the pages.
    pub async fn list<A: Paginated>(&self, mut request: A) -> Result<Vec<A::Item>, CallError> {
        let mut items = Vec::new();
        let mut before: Option<String> = None;
        loop {
            let (page, token) = A::into_page(self.call(&request).await?);
            items.extend(page);
            match token {
                None => return Ok(items),
                token if token == before => return Err(CallError::Pages { action: A::NAME }),
                token => {
                    before.clone_from(&token);
                    request.set_next_token(token);
                }
            }
        }
    }

    /// How many requests have been sent so far, by action; every try counts.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.inner.calls.snapshot()
    }

    async fn attempt<A: Action>(&self, body: Bytes) -> Result<A::Response, CallError> {
        let Inner { config, credentials, transport, calls } = &*self.inner;
        let credentials = credentials
            .provide_credentials()
            .await
            .map_err(|source| CallError::Credentials { action: A::NAME, source })?;
        let now = config.clock.now();
        let request = signed_request(&config.endpoint, &config.region, body, credentials, now)
            .map_err(|source| CallError::Request { action: A::NAME, source })?;
        calls.count(A::NAME);
        let response = transport
            .send(request, config.timeout, MAX_ANSWER_BYTES)
            .await
            .map_err(|error| CallError::transport(A::NAME, &config.endpoint, error))?;
        let status = response.status();
        let text = String::from_utf8_lossy(response.body());
        if status.is_success() {
            from_xml::<A>(&text).map_err(|error| CallError::decode(A::NAME, status.as_u16(), error))
        } else {
            Err(match ErrorResponse::from_xml(&text) {
                Ok(error) => CallError::service(A::NAME, status.as_u16(), error),
                Err(error) => CallError::decode(A::NAME, status.as_u16(), error),
            })
        }
    }
}
