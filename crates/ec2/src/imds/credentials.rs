//! The credentials of the instance's role.

use super::{ImdsClient, ImdsError};
use crate::Credentials;
use serde::Deserialize;
use std::time::{Duration, SystemTime};

const ROLES: &str = "iam/security-credentials/";

/// How long before their end credentials are replaced. EC2 has new ones at least this long before.
const MARGIN: Duration = Duration::from_secs(300);

/// The service's document of credentials.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    code: String,
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: jiff::Timestamp,
}

/// What is left of a document that has no credentials.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    code: String,
}

impl ImdsClient {
    /// The credentials of the instance's role, kept until five minutes before they expire.
    ///
    /// # Errors
    /// If the service has none and none that are still valid were kept.
    pub async fn credentials(&self) -> Result<Credentials, ImdsError> {
        let mut slot = self.credentials.lock().await;
        let now = self.clock.now();
        if let Some(kept) = slot.as_ref().filter(|kept| valid(kept, now + MARGIN)) {
            return Ok(kept.clone());
        }
        match (self.role_credentials().await, slot.as_ref()) {
            (Ok(fresh), _) => Ok(slot.insert(fresh).clone()),
            (Err(error), Some(kept)) if valid(kept, now) => {
                tracing::warn!(%error, "cannot renew credentials; using those that expire soon");
                Ok(kept.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn role_credentials(&self) -> Result<Credentials, ImdsError> {
        let roles = self.require(ROLES).await?;
        let Some(role) = roles.split_whitespace().next() else {
            return Err(ImdsError::Missing { path: format!("{ROLES}ROLE") });
        };
        let path = format!("{ROLES}{role}");
        let text = self.require(&path).await?;
        match serde_json::from_str::<Document>(&text) {
            Ok(document) if document.code == "Success" => Ok(Credentials::new(
                document.access_key_id,
                document.secret_access_key,
                Some(document.token),
                Some(document.expiration.into()),
                "instance role",
            )),
            // Of the text, only the code may reach a log: the rest may be a secret.
            _ => Err(ImdsError::Value {
                path,
                value: serde_json::from_str::<Refusal>(&text)
                    .map_or_else(|_| "(hidden)".to_owned(), |refusal| refusal.code),
                expected: "a document of credentials with the code Success",
            }),
        }
    }
}

fn valid(credentials: &Credentials, at: SystemTime) -> bool {
    credentials.expiry().is_some_and(|expiry| at < expiry)
}
