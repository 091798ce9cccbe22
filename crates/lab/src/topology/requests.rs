//! `requests`: throttles, delays and missing permissions.

use vpc::requests::{Profile, Span, Timing};

use super::fields::{Cursor, Fields, Problems, quoted, unknown};
use super::suggest;
use crate::api;
use crate::requests::{ANY_ACTION, RequestPolicy};

pub(super) const KEYS: &[&str] = &[
    "profile",
    "throttle",
    "share",
    "latency",
    "newEniDelay",
    "metadataDelay",
    "metadataHalfVisible",
    "deny",
];
/// Longest a call may take: clients give up after a minute at the latest.
const MAX_LATENCY: u32 = 60_000;
/// Longest that a change may stay unseen: ten minutes.
const MAX_DELAY: u32 = 600_000;
const MAX_DENIED: usize = 200;

/// Reads the section; what it does not say is the profile's.
pub(super) fn requests(at: &Cursor<'_>, problems: &mut Problems) -> Option<RequestPolicy> {
    let fields = at.fields(KEYS, problems)?;
    let profile = fields.optional("profile").and_then(|at| at.parse(problems, profile));
    let mut timing = profile.map_or(Profile::default(), |profile| profile.value).timing();
    if let Some(throttle) = fields.optional("throttle").and_then(|at| at.truth(problems)) {
        timing.throttle = throttle.value;
    }
    let percent = |key, least, problems: &mut Problems| {
        let number = fields.optional(key)?.number(least, 100, problems)?;
        u32::try_from(number.value).ok()
    };
    if let Some(share) = percent("share", 1, problems) {
        timing.share = share;
    }
    if let Some(half_visible) = percent("metadataHalfVisible", 0, problems) {
        timing.half_visible = half_visible;
    }
    latency(&fields, &mut timing, problems);
    let delay = |key, problems: &mut Problems| {
        fields.optional(key)?.parse(problems, |text| span(text, MAX_DELAY)).map(|span| span.value)
    };
    if let Some(new_eni) = delay("newEniDelay", problems) {
        timing.new_eni = new_eni;
    }
    if let Some(metadata) = delay("metadataDelay", problems) {
        timing.metadata = metadata;
    }
    let deny = fields.optional("deny");
    let denied = deny.and_then(|at| at.items("actions", MAX_DENIED, problems)).unwrap_or_default();
    let denied = denied.iter().filter_map(|at| at.parse(problems, action));
    Some(RequestPolicy { timing, deny: denied.map(|action| action.value).collect() })
}

/// `*` stands for every action, and an action named beside it is an exception to it.
fn latency(fields: &Fields<'_>, timing: &mut Timing, problems: &mut Problems) {
    let Some(at) = fields.optional("latency") else { return };
    let entries = at.entries("a mapping of actions to milliseconds", problems);
    let mut told = Vec::new();
    for (name, at) in entries {
        let checked = at.parse(problems, |text| {
            let name = if name == ANY_ACTION { name.to_owned() } else { action(name)? };
            Ok((name, span(text, MAX_LATENCY)?))
        });
        told.extend(checked.map(|checked| checked.value));
    }
    if let Some((_, span)) = told.iter().find(|(name, _)| name == ANY_ACTION) {
        timing.latency.clear();
        timing.other_latency = *span;
    }
    timing.latency.extend(told.into_iter().filter(|(name, _)| name != ANY_ACTION));
}

fn profile(text: &str) -> Result<Profile, String> {
    let names = Profile::ALL.map(|(name, _)| name);
    Profile::named(text).ok_or_else(|| unknown("profile", text, &names))
}

fn action(text: &str) -> Result<String, String> {
    if api::action_names().any(|known| known == text) {
        return Ok(text.to_owned());
    }
    // There are too many to list them.
    let hint = match suggest::nearest(text, api::action_names()) {
        Some(near) => format!("did you mean {near}?"),
        None => "allowed: EC2's actions, for example AttachNetworkInterface".to_owned(),
    };
    Err(format!("the lab has no action {}; {hint}", quoted(text)))
}

/// `100` or `100-500`, in milliseconds.
fn span(text: &str, most: u32) -> Result<Span, String> {
    let (min, max) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && *number <= most)
    };
    match (number(min), number(max)) {
        (Some(min), Some(max)) if min <= max => Ok(Span::new(min, max)),
        _ => Err(format!(
            "{} is not a time; allowed: milliseconds from 0 to {most}, such as 250, \
             or the least and the most, such as 100-500",
            quoted(text)
        )),
    }
}
