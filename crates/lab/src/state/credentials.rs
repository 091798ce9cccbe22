//! Access keys, long-lived and temporary, that requests may be signed with.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vpc::{AccountId, InstanceId, Timestamp};

use super::Secret;

/// How long the credentials of an instance's role last: six hours, as on EC2.
const ROLE_SESSION_MS: i64 = 6 * 3600 * 1000;
/// New role credentials appear this long before the old ones end. The AWS SDKs begin to ask for
/// new ones 15 minutes before the end, and must find them.
const ROLE_RENEWAL_MS: i64 = 20 * 60 * 1000;
/// Ended sessions are remembered this long, so that their user is told "expired", not "unknown".
const FORGET_AFTER_MS: i64 = 24 * 3600 * 1000;

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account it acts for.
    pub account: AccountId,
    /// e.g. `arn:aws:iam::111122223333:user/admin`.
    pub arn: String,
}

/// A key and whom it stands for. Its `Debug` hides the secret parts.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…` (long-lived) or `ASIA…` (temporary).
    pub id: String,
    /// What requests are signed with.
    pub secret: String,
    /// Must accompany every request signed with a temporary key.
    pub session_token: Option<String>,
    /// When a temporary key was made.
    pub issued: Option<Timestamp>,
    /// When a temporary key ends.
    pub expires: Option<Timestamp>,
    /// Whom it stands for.
    pub principal: Principal,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("expires", &self.expires)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

/// The lab's keys.
#[derive(Debug)]
pub struct Credentials {
    secret: Secret,
    keys: Mutex<Keys>,
    /// Who signs with keys that are not known.
    any: OnceLock<Principal>,
}

#[derive(Debug, Default)]
struct Keys {
    by_id: BTreeMap<String, AccessKey>,
    /// The newest session of each instance's role.
    sessions: BTreeMap<(InstanceId, String), String>,
    made: u64,
}

impl Credentials {
    /// No keys yet; all that will be made derive from `secret`.
    pub fn new(secret: Secret) -> Self {
        Self { secret, keys: Mutex::default(), any: OnceLock::new() }
    }

    /// Makes a long-lived key of the IAM user `name`.
    pub fn add_user(&self, account: &AccountId, name: &str) -> AccessKey {
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        let mut keys = self.lock();
        let key = self.make(&mut keys, "AKIA", Principal { account: account.clone(), arn });
        keys.by_id.insert(key.id.clone(), key.clone());
        key
    }

    /// Takes a key made elsewhere, e.g. one a configuration names.
    pub fn add(&self, key: AccessKey) {
        self.lock().by_id.insert(key.id.clone(), key);
    }

    /// From now on requests signed with a key that is not known are `principal`'s, whatever their
    /// signature. The first one given stays.
    pub fn accept_any(&self, principal: Principal) {
        self.any.get_or_init(|| principal);
    }

    /// Who signs with keys that are not known; `None` when nobody may.
    pub fn any(&self) -> Option<&Principal> {
        self.any.get()
    }

    /// Forgets a key; requests signed with it are refused from now on.
    pub fn remove(&self, id: &str) -> Option<AccessKey> {
        self.lock().by_id.remove(id)
    }

    /// The key with this id, ended ones included: the caller checks [`AccessKey::expires`].
    pub fn find(&self, id: &str) -> Option<AccessKey> {
        self.lock().by_id.get(id).cloned()
    }

    /// The temporary key that the metadata service shows `instance` for its `role` at `now`: the
    /// same one until it nears its end, then a new one (the old one stays valid until its end).
    pub fn role_session(
        &self,
        account: &AccountId,
        role: &str,
        instance: &InstanceId,
        now: Timestamp,
    ) -> AccessKey {
        let mut keys = self.lock();
        let session = (instance.clone(), role.to_owned());
        let current = keys.sessions.get(&session).and_then(|id| keys.by_id.get(id));
        if let Some(key) = current
            && key.expires.is_some_and(|end| end.0 - now.0 > ROLE_RENEWAL_MS)
        {
            return key.clone();
        }
        keys.by_id.retain(|_, key| key.expires.is_none_or(|end| now.0 - end.0 < FORGET_AFTER_MS));
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{instance}");
        let mut key = self.make(&mut keys, "ASIA", Principal { account: account.clone(), arn });
        key.session_token =
            Some(STANDARD.encode(self.secret.derive("session-token", &[key.id.as_bytes()])));
        key.issued = Some(now);
        key.expires = Some(Timestamp(now.0 + ROLE_SESSION_MS));
        keys.by_id.insert(key.id.clone(), key.clone());
        keys.sessions.insert(session, key.id.clone());
        key
    }

    /// A new temporary key of `role`, valid for `duration_ms` from `now`.
    pub fn assume_role(
        &self,
        account: &AccountId,
        role: &str,
        session: &str,
        now: Timestamp,
        duration_ms: i64,
    ) -> AccessKey {
        let mut keys = self.lock();
        keys.by_id.retain(|_, key| key.expires.is_none_or(|end| now.0 - end.0 < FORGET_AFTER_MS));
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{session}");
        let mut key = self.make(&mut keys, "ASIA", Principal { account: account.clone(), arn });
        key.session_token =
            Some(STANDARD.encode(self.secret.derive("session-token", &[key.id.as_bytes()])));
        key.issued = Some(now);
        key.expires = Some(Timestamp(now.0 + duration_ms));
        keys.by_id.insert(key.id.clone(), key.clone());
        key
    }

    fn make(&self, keys: &mut Keys, prefix: &str, principal: Principal) -> AccessKey {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        keys.made += 1;
        let serial = keys.made.to_be_bytes();
        let id = self.secret.derive("access-key-id", &[&serial]);
        let id = id.iter().take(16).map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        let secret = STANDARD.encode(&self.secret.derive("secret-access-key", &[&serial])[..30]);
        AccessKey {
            id: prefix.chars().chain(id).collect(),
            secret,
            session_token: None,
            issued: None,
            expires: None,
            principal,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        // Every change of the maps is a single insert or retain: they are whole after a panic.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
