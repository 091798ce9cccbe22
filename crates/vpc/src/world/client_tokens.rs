//! Client tokens: they make a repeated request return what the first one created.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::shared_map::SharedMap;
use crate::{AccountId, EniId, EniSpec, Error, Timestamp};

/// How long EC2 remembers a token (EC2 API reference, "Ensuring idempotency").
const LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;

type Key = (AccountId, String);

/// The requests that created ENIs with a client token in the last 24 hours.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ClientTokens {
    requests: SharedMap<Key, (EniSpec, EniId)>,
    by_age: VecDeque<(Timestamp, Arc<Key>)>,
}

impl ClientTokens {
    /// The ENI an equal request with the same token has created.
    pub(super) fn find(&self, spec: &EniSpec, token: &str) -> Result<Option<EniId>, Error> {
        let Some((first, eni)) = self.requests.get(&(spec.owner.clone(), token.to_owned())) else {
            return Ok(None);
        };
        if is_over(first.now, spec.now) {
            return Ok(None);
        }
        if *first != (EniSpec { now: first.now, ..spec.clone() }) {
            return Err(Error::IdempotentParameterMismatch { token: token.to_owned() });
        }
        Ok(Some(eni.clone()))
    }

    /// Remembers what a request has created, and forgets what is too old at its time.
    pub(super) fn remember(&mut self, token: String, spec: EniSpec, eni: EniId) {
        while let Some((_, key)) = self.by_age.pop_front_if(|(at, _)| is_over(*at, spec.now)) {
            // A caller whose times go back may have used the token again since.
            if self.requests.get(&*key).is_some_and(|(first, _)| is_over(first.now, spec.now)) {
                self.requests.remove(&*key);
            }
        }
        let key = (spec.owner.clone(), token);
        self.by_age.push_back((spec.now, Arc::new(key.clone())));
        self.requests.insert(key, (spec, eni));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.requests.len().max(self.by_age.len())
    }
}

fn is_over(first: Timestamp, now: Timestamp) -> bool {
    now.0.saturating_sub(first.0) > LIFETIME_MS
}

/// Whether a text can be a client token (EC2 API reference, CreateNetworkInterface).
pub(super) fn is_client_token(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.is_ascii()
}
