//! Settings from environment variables, with the names that AWS's own tools read.

use crate::{Config, ImdsClient};
use aws_credential_types::Credentials;
use http::Uri;

/// The metadata service's address on every instance.
const IMDS: &str = "http://169.254.169.254";

/// Why a client cannot be made from its settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An endpoint that cannot be called.
    #[error("the endpoint {endpoint:?} is no URL with http:// or https:// and a host")]
    Endpoint {
        /// The endpoint.
        endpoint: String,
    },
    /// An environment variable with such an endpoint.
    #[error(
        "the environment variable {variable} is {value:?}: set it to a URL with http:// or \
         https:// and a host, or unset it"
    )]
    EndpointVariable {
        /// Its name.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// One half of a pair of credentials.
    #[error(
        "{present} is set but {absent} is not: set both, or neither to use the instance's role"
    )]
    HalfCredentials {
        /// The variable that is set.
        present: &'static str,
        /// The variable that is not.
        absent: &'static str,
    },
    /// TLS does not work.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

impl Config {
    /// The API that `AWS_ENDPOINT_URL_EC2` or `AWS_ENDPOINT_URL` names in the environment, else the
    /// public one of `region`.
    ///
    /// # Errors
    /// If the variable's value is no URL.
    pub fn from_env(
        region: &str,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let named = ["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"];
        let endpoint = match first_set(&named, &lookup) {
            Some((variable, value)) => url(variable, value)?,
            None => {
                let domain =
                    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                let endpoint = format!("https://ec2.{region}.{domain}");
                endpoint.parse().map_err(|_| ConfigError::Endpoint { endpoint })?
            }
        };
        Ok(Self::new(endpoint, region))
    }
}

impl ImdsClient {
    /// The metadata service that `AWS_EC2_METADATA_SERVICE_ENDPOINT` names in the environment, else
    /// the one at 169.254.169.254.
    ///
    /// # Errors
    /// If the variable's value is no URL.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        match first_set(&["AWS_EC2_METADATA_SERVICE_ENDPOINT"], &lookup) {
            Some((variable, value)) => Self::new(url(variable, value)?),
            None => Self::new(Uri::from_static(IMDS)),
        }
    }
}

/// The credentials in the environment, if there are any.
pub(crate) fn credentials(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Option<Credentials>, ConfigError> {
    const ID: &str = "AWS_ACCESS_KEY_ID";
    const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
    let set = |name| first_set(&[name], &lookup).map(|(_, value)| value);
    match (set(ID), set(SECRET)) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => {
            let token = set("AWS_SESSION_TOKEN");
            Ok(Some(Credentials::new(id, secret, token, None, "environment")))
        }
        (Some(_), None) => Err(ConfigError::HalfCredentials { present: ID, absent: SECRET }),
        (None, Some(_)) => Err(ConfigError::HalfCredentials { present: SECRET, absent: ID }),
    }
}

/// The first of `variables` that is set; empty counts as unset.
fn first_set(
    variables: &[&'static str],
    lookup: &impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    variables.iter().find_map(|variable| {
        lookup(variable).filter(|value| !value.is_empty()).map(|value| (*variable, value))
    })
}

fn url(variable: &'static str, value: String) -> Result<Uri, ConfigError> {
    value
        .parse()
        .ok()
        .filter(crate::transport::is_callable)
        .ok_or(ConfigError::EndpointVariable { variable, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn the_endpoint_is_the_most_specific_one() {
        let endpoint = |region, variables: &[(&str, &str)]| {
            Config::from_env(region, lookup(variables)).map(|config| config.endpoint.to_string())
        };
        let public = endpoint("us-west-2", &[("AWS_ENDPOINT_URL_EC2", "")]).unwrap();
        assert_eq!(public, "https://ec2.us-west-2.amazonaws.com/");
        let china = endpoint("cn-north-1", &[]).unwrap();
        assert_eq!(china, "https://ec2.cn-north-1.amazonaws.com.cn/");
        let all = ("AWS_ENDPOINT_URL", "http://all:1");
        assert_eq!(endpoint("r", &[all]).unwrap(), "http://all:1/");
        let own = ("AWS_ENDPOINT_URL_EC2", "http://own:1/x");
        assert_eq!(endpoint("r", &[all, own]).unwrap(), "http://own:1/x");
        let error = endpoint("r", &[("AWS_ENDPOINT_URL_EC2", "own:1")]).unwrap_err();
        assert!(error.to_string().starts_with("the environment variable AWS_ENDPOINT_URL_EC2 is"));
        assert!(endpoint("no region", &[]).is_err());
    }

    #[test]
    fn credentials_come_in_pairs() {
        let id = ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        let secret = ("AWS_SECRET_ACCESS_KEY", "secret");
        let token = ("AWS_SESSION_TOKEN", "token");
        assert!(credentials(lookup(&[token])).unwrap().is_none());
        let both = credentials(lookup(&[id, secret])).unwrap().unwrap();
        assert_eq!(both.access_key_id(), "AKIDEXAMPLE");
        assert_eq!(both.session_token(), None);
        let all = credentials(lookup(&[id, secret, token])).unwrap().unwrap();
        assert_eq!(all.session_token(), Some("token"));
        let error = credentials(lookup(&[secret])).unwrap_err().to_string();
        assert!(error.starts_with("AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not"));
        assert!(credentials(lookup(&[id])).is_err());
    }
}
