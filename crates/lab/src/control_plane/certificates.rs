//! The control plane's certificate authority and server certificate.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority of its own; clients trust it and nothing else.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A server certificate with its key, ready to serve TLS.
#[derive(Debug, Clone)]
pub struct ServerIdentity {
    pub(super) config: Arc<ServerConfig>,
}

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Key or certificate generation failed, e.g. for a host name with characters DNS lacks.
    #[error("cannot make the {what} certificate")]
    Generate {
        /// `authority` or `server`.
        what: &'static str,
        /// The generator's answer.
        #[source]
        source: rcgen::Error,
    },
    /// The TLS library refuses the certificate.
    #[error("cannot serve TLS with the certificate made")]
    Tls(#[from] rustls::Error),
}

impl Authority {
    /// A new authority called `name`, with a new key.
    ///
    /// # Errors
    /// When the key or certificate cannot be made.
    pub fn new(name: &str) -> Result<Self, CertificateError> {
        let generate = |source| CertificateError::Generate { what: "authority", source };
        let key = KeyPair::generate().map_err(generate)?;
        let mut params = named(name, Vec::new());
        // It signs servers only, no further authorities.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(generate)?;
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// The authority's certificate as PEM, for clients to trust.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A new key and certificate for a server reached by any of `names` and `addresses`.
    ///
    /// # Errors
    /// When a name is not a DNS name, or the key or certificate cannot be made.
    pub fn server(
        &self,
        names: &[&str],
        addresses: &[IpAddr],
    ) -> Result<ServerIdentity, CertificateError> {
        let generate = |source| CertificateError::Generate { what: "server", source };
        let mut alternatives = Vec::with_capacity(names.len() + addresses.len());
        for name in names {
            alternatives.push(SanType::DnsName((*name).try_into().map_err(generate)?));
        }
        alternatives.extend(addresses.iter().copied().map(SanType::IpAddress));
        let mut params = named(names.first().copied().unwrap_or("control-plane"), alternatives);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(generate)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(generate)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain = vec![certificate.der().clone(), self.certificate.der().clone()];
        // The provider is named, so that no process-wide default needs to be installed first.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(ServerIdentity { config: Arc::new(config) })
    }
}

/// Parameters valid from 1975 to 4096, the generator's default: a lab outlives no certificate, and
/// a node whose clock is wrong must fail at the signature of its EC2 calls, not here.
fn named(name: &str, alternatives: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = alternatives;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params
}
