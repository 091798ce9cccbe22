//! Signature Version 4, the server's side: who signed this request?
//!
//! Rules: AWS, "Create a signed AWS API request". Both forms are taken: the `Authorization` header,
//! which SDKs send, and the query string of a presigned URL.

mod canonical;
mod header;
mod presigned;
mod rejection;
#[cfg(test)]
mod tests;

pub use rejection::Rejection;

use hmac::Mac;
use http::HeaderMap;
use sha2::{Digest, Sha256};
use vpc::Timestamp;

use crate::state::{AccessKey, Credentials, Principal, keyed};
use header::{Authorization, SigningTime};

/// Requests may be this old, or this far in the future: five minutes.
const SKEW_MS: i64 = 5 * 60 * 1000;

/// A request as it came over the wire.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// e.g. `POST`.
    pub method: &'a str,
    /// The path as sent, not decoded.
    pub path: &'a str,
    /// The query string as sent, without the `?`.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// What a signature must be made for.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// e.g. `us-west-2`.
    pub region: &'a str,
    /// e.g. `ec2`.
    pub service: &'a str,
}

/// How long a presigned URL may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as its `X-Amz-Expires` says.
    AsAsked,
    /// This long, whatever it says.
    Fixed {
        /// From its `X-Amz-Date`.
        milliseconds: i64,
    },
}

/// A signature as it came, in the one or the other form.
#[derive(Debug)]
struct Evidence {
    authorization: Authorization,
    signed_at: SigningTime,
    /// The session token that came with it.
    token: Option<Vec<u8>>,
    /// How old it may be.
    lifetime_ms: i64,
}

/// Finds out who signed `request`.
///
/// # Errors
/// A [`Rejection`], which names the code, message and status EC2 answers with.
pub fn verify(
    request: &SignedRequest<'_>,
    keys: &Credentials,
    scope: Scope<'_>,
    now: Timestamp,
) -> Result<Principal, Rejection> {
    verify_for(request, keys, scope, Lifetime::AsAsked, now)
}

/// As [`verify`], for a service with a rule of its own for presigned URLs.
///
/// # Errors
/// As [`verify`].
pub fn verify_for(
    request: &SignedRequest<'_>,
    keys: &Credentials,
    scope: Scope<'_>,
    lifetime: Lifetime,
    now: Timestamp,
) -> Result<Principal, Rejection> {
    let in_query = if request.headers.contains_key(http::header::AUTHORIZATION) {
        None
    } else {
        presigned::evidence(request.query, lifetime)?
    };
    match in_query {
        Some(evidence) => {
            let query = presigned::signed_query(request.query);
            check(&SignedRequest { query: &query, ..*request }, &evidence, keys, scope, now)
        }
        None => {
            let evidence = Evidence {
                authorization: Authorization::parse(request.headers)?,
                signed_at: header::signing_time(request.headers)?,
                token: request
                    .headers
                    .get("x-amz-security-token")
                    .map(|token| token.as_bytes().to_vec()),
                lifetime_ms: SKEW_MS,
            };
            check(request, &evidence, keys, scope, now)
        }
    }
}

fn check(
    request: &SignedRequest<'_>,
    Evidence { authorization, signed_at, token, lifetime_ms }: &Evidence,
    keys: &Credentials,
    scope: Scope<'_>,
    now: Timestamp,
) -> Result<Principal, Rejection> {
    authorization.require_signed(request.headers)?;
    let credential = &authorization.credential;
    let key = match (keys.find(&credential.key_id), keys.any()) {
        (Some(key), _) => key,
        (None, Some(anybody)) => return Ok(anybody.clone()),
        (None, None) => return Err(Rejection::UnknownKey),
    };
    check_session_token(token.as_deref(), &key)?;
    let age = now.0 - signed_at.millisecond;
    if age > *lifetime_ms || age < -SKEW_MS {
        return Err(Rejection::Expired);
    }
    credential.require_scope(scope, &signed_at.text)?;

    let canonical = canonical::request(request, &authorization.signed_headers);
    let expected = sign(&key.secret, &signed_at.text, &credential.scope(), &canonical);
    // `verify_slice` compares in constant time: the answer's timing tells nothing of the signature.
    expected.verify_slice(&authorization.signature).map_err(|_| Rejection::SignatureMismatch)?;

    if key.expires.is_some_and(|end| now >= end) {
        return Err(Rejection::SessionEnded);
    }
    Ok(key.principal)
}

/// A temporary key must come with its own session token, any other with none.
fn check_session_token(sent: Option<&[u8]>, key: &AccessKey) -> Result<(), Rejection> {
    match (sent, key.session_token.as_deref()) {
        (None, None) => Ok(()),
        (Some(sent), Some(token)) if Sha256::digest(sent) == Sha256::digest(token) => Ok(()),
        (None, Some(_)) => Err(Rejection::UnknownKey),
        (Some(_), _) => Err(Rejection::WrongSessionToken),
    }
}

/// The HMAC whose hex form is the signature.
fn sign(secret: &str, time: &str, scope: &str, canonical: &str) -> hmac::Hmac<Sha256> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = chained(&key, part.as_bytes());
    }
    let digest = canonical::hex(&Sha256::digest(canonical));
    let mut mac = keyed(&key);
    mac.update(format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}").as_bytes());
    mac
}

fn chained(key: &[u8], part: &[u8]) -> Vec<u8> {
    let mut mac = keyed(key);
    mac.update(part);
    mac.finalize().into_bytes().to_vec()
}

/// The `Authorization` header that a client holding `key` sends with `request`, which already has
/// its `x-amz-date`; all its headers are signed.
#[cfg(test)]
pub(crate) fn authorization(
    request: &SignedRequest<'_>,
    key: &AccessKey,
    region: &str,
    service: &str,
) -> String {
    let mut signed: Vec<String> = request.headers.keys().map(ToString::to_string).collect();
    signed.sort();
    let time = request.headers["x-amz-date"].to_str().unwrap();
    let scope = format!("{}/{region}/{service}/aws4_request", &time[..8]);
    let code = sign(&key.secret, time, &scope, &canonical::request(request, &signed));
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={}",
        key.id,
        signed.join(";"),
        canonical::hex(&code.finalize().into_bytes())
    )
}

/// The query string of a URL presigned for `seconds` with `key`, from the parameters it carries;
/// the request's headers are signed.
#[cfg(test)]
pub(crate) fn presign(
    request: &SignedRequest<'_>,
    key: &AccessKey,
    (region, service): (&str, &str),
    time: &str,
    seconds: i64,
) -> String {
    let mut signed: Vec<String> = request.headers.keys().map(ToString::to_string).collect();
    signed.sort();
    let scope = format!("{}/{region}/{service}/aws4_request", &time[..8]);
    let mut pairs = ec2_query::decode_body(request.query.as_bytes()).unwrap();
    let mut add = |name: &str, value: String| pairs.push((name.to_owned(), value));
    add("X-Amz-Algorithm", "AWS4-HMAC-SHA256".into());
    add("X-Amz-Credential", format!("{}/{scope}", key.id));
    add("X-Amz-Date", time.into());
    add("X-Amz-Expires", seconds.to_string());
    add("X-Amz-SignedHeaders", signed.join(";"));
    if let Some(token) = &key.session_token {
        add("X-Amz-Security-Token", token.clone());
    }
    let query = ec2_query::encode_body(&pairs);
    let text = canonical::request(&SignedRequest { query: &query, ..*request }, &signed);
    let code = sign(&key.secret, time, &scope, &text).finalize().into_bytes();
    format!("{query}&X-Amz-Signature={}", canonical::hex(&code))
}
