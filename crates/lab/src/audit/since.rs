//! "Since when", as people say it.

use vpc::Timestamp;

/// A moment that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a moment; allowed: how long ago, such as 500ms, 30s, 5m or 1h, \
     or a time such as 2026-11-23T11:40:00Z"
)]
pub struct SinceError {
    text: String,
}

/// `30s` (so long before `now`) or `2026-11-23T11:40:00Z`.
///
/// # Errors
/// Anything else.
pub fn since(text: &str, now: Timestamp) -> Result<Timestamp, SinceError> {
    let ago = ago(text).map(|ago| Timestamp(now.0.saturating_sub(ago)));
    let moment = || text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_millisecond()));
    ago.or_else(moment).ok_or_else(|| SinceError { text: text.to_owned() })
}

/// In milliseconds.
fn ago(text: &str) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}
