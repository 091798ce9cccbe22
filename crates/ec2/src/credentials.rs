//! Where credentials come from.

use crate::{ConfigError, ImdsClient, environment};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use std::sync::Arc;

/// The environment's credentials if it has any, else those of the instance's role.
#[derive(Clone, Debug)]
pub struct CredentialChain {
    environment: Option<Credentials>,
    imds: Arc<ImdsClient>,
}

impl CredentialChain {
    /// Reads `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` now; asks `imds`
    /// only when credentials are needed and the environment has none.
    ///
    /// # Errors
    /// If only one of the first two is set.
    pub fn from_env(
        lookup: impl Fn(&str) -> Option<String>,
        imds: Arc<ImdsClient>,
    ) -> Result<Self, ConfigError> {
        Ok(Self { environment: environment::credentials(lookup)?, imds })
    }
}

impl ProvideCredentials for CredentialChain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match &self.environment {
            Some(credentials) => future::ProvideCredentials::ready(Ok(credentials.clone())),
            None => self.imds.provide_credentials(),
        }
    }
}

impl ProvideCredentials for ImdsClient {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.credentials().await.map_err(CredentialsError::provider_error)
        })
    }
}
