//! Who a bearer token stands for, decided as EKS decides it.
//!
//! A token is `k8s-aws-v1.` and the base64url of a presigned STS GetCallerIdentity whose signature
//! covers the cluster's name in the header `x-k8s-aws-id`. The control plane sends that request to
//! STS; whoever STS says signed it, is the client (EKS user guide, "Cluster authentication").

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Uri};
use vpc::{InstanceId, InstanceState};

use crate::sigv4::{Rejection, SignedRequest};
use crate::state::{Lab, Principal};
use crate::sts;

const PREFIX: &str = "k8s-aws-v1.";
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// Longer tokens are refused unread.
const MAX_TOKEN: usize = 16 << 10;
/// The parameters a token's URL may have.
const PARAMETERS: [&str; 9] = [
    "Action",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// Knows a cluster's users.
#[derive(Debug)]
pub struct Authenticator {
    /// Has the STS that tokens are verified with, and the instances.
    pub lab: Arc<Lab>,
    /// The cluster's name.
    pub cluster: String,
    /// The ARN of the administrator, who is in `system:masters`.
    pub admin: String,
    /// The STS endpoints (`host` or `host:port`) that tokens may be made for.
    pub hosts: BTreeSet<String>,
}

/// A Kubernetes user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// e.g. `system:node:ip-10-10-1-5.us-west-2.compute.internal`.
    pub name: String,
    /// Unique to the AWS identity.
    pub uid: String,
    /// Beside `system:authenticated`.
    pub groups: Vec<&'static str>,
    /// The AWS identity.
    pub arn: String,
}

/// Why a token is refused. Clients learn only that it is; the log says this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// No bearer token came.
    #[error("there is no bearer token")]
    Missing,
    /// Not of the form that `aws eks get-token` makes.
    #[error("the token is malformed: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
    },
    /// Made for another STS.
    #[error("the token is for the host {host}, not for an STS endpoint of this lab")]
    Host {
        /// The URL's.
        host: String,
    },
    /// The cluster's name is not covered by the signature.
    #[error("the signature does not cover the header x-k8s-aws-id")]
    ClusterNotSigned,
    /// STS does not accept it.
    #[error("STS refused the token for cluster {cluster}: {rejection}{hint}")]
    Sts {
        /// The cluster that was asked.
        cluster: String,
        /// STS's reason.
        rejection: Rejection,
        /// What it may come from.
        hint: &'static str,
    },
    /// The identity is of another account.
    #[error("{arn} is of another account than the cluster's, {account}")]
    ForeignAccount {
        /// Who signed.
        arn: String,
        /// The cluster's account.
        account: String,
    },
    /// The identity is nobody here.
    #[error("{arn} has no access entry: only the administrator and running instances have")]
    NotMapped {
        /// Who signed.
        arn: String,
    },
}

impl Authenticator {
    /// The user that an `Authorization` header stands for.
    ///
    /// # Errors
    /// Why it stands for nobody.
    pub fn authenticate(&self, authorization: Option<&HeaderValue>) -> Result<User, TokenRefusal> {
        let header = authorization.ok_or(TokenRefusal::Missing)?.to_str().unwrap_or_default();
        let (scheme, token) = header.split_once(' ').ok_or(TokenRefusal::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(TokenRefusal::Missing);
        }
        self.map(self.verify(token.trim())?)
    }

    fn verify(&self, token: &str) -> Result<Principal, TokenRefusal> {
        let url = url_of(token)?;
        let host = url.authority().map(ToString::to_string).unwrap_or_default();
        if !self.hosts.contains(&host) {
            return Err(TokenRefusal::Host { host });
        }
        let query = url.query().unwrap_or_default();
        check_parameters(query)?;
        let mut headers = HeaderMap::new();
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| malformed("a header cannot be sent"))
        };
        headers.insert(http::header::HOST, value(&host)?);
        headers.insert(CLUSTER_HEADER, value(&self.cluster)?);
        let request =
            SignedRequest { method: "GET", path: url.path(), query, headers: &headers, body: b"" };
        sts::caller(&self.lab, &request).map_err(|rejection| {
            let hint = match rejection {
                Rejection::SignatureMismatch => "; made for another cluster, or changed?",
                Rejection::Expired => "; tokens are good for 15 minutes",
                _ => "",
            };
            TokenRefusal::Sts { cluster: self.cluster.clone(), rejection, hint }
        })
    }

    fn map(&self, principal: Principal) -> Result<User, TokenRefusal> {
        let arn = principal.arn;
        if principal.account != self.lab.account {
            let account = self.lab.account.to_string();
            return Err(TokenRefusal::ForeignAccount { arn, account });
        }
        let uid =
            format!("aws-iam-authenticator:{}:{}", self.lab.account, sts::user_id(&self.lab, &arn));
        if arn == self.admin {
            let groups = vec!["system:masters"];
            return Ok(User { name: "kubernetes-admin".to_owned(), uid, groups, arn });
        }
        match self.node_of(&arn) {
            Some(dns_name) => {
                let groups = vec!["system:bootstrappers", "system:nodes"];
                Ok(User { name: format!("system:node:{dns_name}"), uid, groups, arn })
            }
            None => Err(TokenRefusal::NotMapped { arn }),
        }
    }

    /// The private DNS name of the running instance whose role session this is.
    fn node_of(&self, arn: &str) -> Option<String> {
        let role = self.lab.instance_role.as_ref()?;
        let prefix = format!("arn:aws:sts::{}:assumed-role/{role}/", self.lab.account);
        let id: InstanceId = arn.strip_prefix(&prefix)?.parse().ok()?;
        self.lab.read(|world| {
            let instance = world.instance(&id).ok()?;
            (instance.state == InstanceState::Running).then(|| instance.private_dns_name.clone())
        })
    }
}

fn url_of(token: &str) -> Result<Uri, TokenRefusal> {
    if token.len() > MAX_TOKEN {
        return Err(malformed("it is too long"));
    }
    let encoded = token
        .strip_prefix(PREFIX)
        .ok_or_else(|| malformed(&format!("it does not begin with {PREFIX}")))?;
    let bytes = URL_SAFE_NO_PAD
        .decode(encoded.trim_end_matches('='))
        .map_err(|_| malformed("it is no base64url"))?;
    let url: Uri = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed("it holds no URL"))?;
    let known_scheme = matches!(url.scheme_str(), Some("http" | "https"));
    if !known_scheme || url.path() != "/" {
        return Err(malformed("its URL is not http(s)://HOST/?…"));
    }
    Ok(url)
}

fn check_parameters(query: &str) -> Result<(), TokenRefusal> {
    let pairs = ec2_query::decode_body(query.as_bytes())
        .map_err(|_| malformed("its URL's parameters cannot be read"))?;
    let mut seen = BTreeSet::new();
    for (name, _) in &pairs {
        if !PARAMETERS.contains(&name.as_str()) {
            return Err(malformed(&format!("its URL has the parameter {name}")));
        }
        if !seen.insert(name) {
            return Err(malformed(&format!("its URL has {name} twice")));
        }
    }
    let value =
        |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, v)| v.as_str());
    if value("Action") != Some("GetCallerIdentity") || value("Version") != Some(sts::VERSION) {
        return Err(malformed("its URL is no GetCallerIdentity"));
    }
    if value("X-Amz-Signature").is_none() {
        return Err(malformed("its URL is not signed"));
    }
    let signed = value("X-Amz-SignedHeaders").unwrap_or_default();
    if !signed.split(';').any(|name| name.eq_ignore_ascii_case(CLUSTER_HEADER)) {
        return Err(TokenRefusal::ClusterNotSigned);
    }
    Ok(())
}

fn malformed(problem: &str) -> TokenRefusal {
    TokenRefusal::Malformed { problem: problem.to_owned() }
}
