//! Signature Version 4, the server's side: who signed this request?
//!
//! Rules: AWS, "Create a signed AWS API request". Only the `Authorization` header form is taken,
//! which is what every SDK sends for EC2.

mod canonical;
mod header;
mod rejection;
#[cfg(test)]
mod tests;

pub use rejection::Rejection;

use hmac::Mac;
use http::HeaderMap;
use sha2::{Digest, Sha256};
use vpc::Timestamp;

use crate::state::{AccessKey, Credentials, Principal, keyed};
use header::Authorization;

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
    let authorization = Authorization::parse(request.headers)?;
    let signed_at = header::signing_time(request.headers)?;
    authorization.require_signed(request.headers)?;

    let credential = &authorization.credential;
    let key = keys.find(&credential.key_id).ok_or(Rejection::UnknownKey)?;
    check_session_token(request.headers, &key)?;
    if (now.0 - signed_at.millisecond).abs() > SKEW_MS {
        return Err(Rejection::Expired);
    }
    credential.require_scope(scope, &signed_at.text)?;

    let canonical = canonical::request(request, &authorization.signed_headers);
    let expected = sign(&key.secret, &signed_at.text, &credential.scope(), &canonical);
    // `verify_slice` compares in constant time: the answer's timing tells nothing of the signature.
    expected.verify_slice(&authorization.signature).map_err(|_| Rejection::SignatureMismatch)?;

    if key.expires.is_some_and(|end| now >= end) {
        return Err(Rejection::Expired);
    }
    Ok(key.principal)
}

/// A temporary key must come with its own session token, any other with none.
fn check_session_token(headers: &HeaderMap, key: &AccessKey) -> Result<(), Rejection> {
    let sent = headers.get("x-amz-security-token").map(http::HeaderValue::as_bytes);
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
