//! Session tokens: proof that a caller on the instance could make a PUT request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use vpc::{InstanceId, Timestamp};

use crate::state::Secret;

const PURPOSE: &str = "metadata-token";

/// A token that lets `instance`, and no other, read metadata until `expires`.
///
/// The lab keeps no list of them: a token carries its end and a code only the lab can compute.
pub(super) fn issue(secret: &Secret, instance: &InstanceId, expires: Timestamp) -> String {
    let end = expires.0.to_be_bytes();
    let code = secret.derive(PURPOSE, &[instance.to_string().as_bytes(), &end]);
    URL_SAFE.encode([end.as_slice(), &code].concat())
}

/// Whether `token` was issued to `instance` and has not ended.
pub(super) fn is_valid(
    secret: &Secret,
    instance: &InstanceId,
    token: &[u8],
    now: Timestamp,
) -> bool {
    let Ok(bytes) = URL_SAFE.decode(token) else { return false };
    let Some((end, code)) = bytes.split_first_chunk::<8>() else { return false };
    now.0 < i64::from_be_bytes(*end)
        && secret.matches(PURPOSE, &[instance.to_string().as_bytes(), end], code)
}
