//! The query-string form of a signature: a URL that anybody who has it may use until it ends.

use ec2_query::decode_body;

use super::header::{Authorization, Credential, SigningTime, from_hex, incomplete, parse_time};
use super::{Evidence, Lifetime, Rejection};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The longest validity a URL may ask for, in seconds: a week (AWS, "Authenticating requests:
/// using query parameters").
const MAX_EXPIRES: i64 = 604_800;

/// The signature in a query string; `None` when there is none.
pub(super) fn evidence(query: &str, lifetime: Lifetime) -> Result<Option<Evidence>, Rejection> {
    if !query.contains("X-Amz-Signature=") {
        return Ok(None);
    }
    let parameters =
        decode_body(query.as_bytes()).map_err(|_| incomplete("The query string cannot be read"))?;
    let find = |name: &str| {
        parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    };
    let need = |name: &str| {
        find(name).ok_or_else(|| {
            incomplete(&format!("AWS query-string parameters must include '{name}'"))
        })
    };
    if need("X-Amz-Algorithm")? != ALGORITHM {
        return Err(incomplete("Unsupported AWS 'algorithm': only AWS4-HMAC-SHA256 is known"));
    }
    let signed_at: SigningTime = parse_time(need("X-Amz-Date")?)?;
    let expires = match find("X-Amz-Expires") {
        Some(text) => seconds(text)?,
        None if lifetime == Lifetime::AsAsked => need("X-Amz-Expires").and_then(seconds)?,
        None => 0,
    };
    Ok(Some(Evidence {
        authorization: Authorization {
            credential: Credential::parse(need("X-Amz-Credential")?)?,
            signed_headers: need("X-Amz-SignedHeaders")?
                .split(';')
                .map(str::to_ascii_lowercase)
                .collect(),
            signature: from_hex(need("X-Amz-Signature")?).ok_or(Rejection::SignatureMismatch)?,
        },
        signed_at,
        token: find("X-Amz-Security-Token").map(|token| token.as_bytes().to_vec()),
        lifetime_ms: match lifetime {
            Lifetime::AsAsked => expires * 1000,
            Lifetime::Fixed { milliseconds } => milliseconds,
        },
    }))
}

/// The query string that was signed: all of it but the signature.
pub(super) fn signed_query(query: &str) -> String {
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !pair.starts_with("X-Amz-Signature=")).collect();
    kept.join("&")
}

fn seconds(text: &str) -> Result<i64, Rejection> {
    text.parse().ok().filter(|seconds| (1..=MAX_EXPIRES).contains(seconds)).ok_or_else(|| {
        incomplete(&format!("X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES}"))
    })
}
