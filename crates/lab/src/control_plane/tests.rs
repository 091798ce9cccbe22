//! Over real TLS on loopback.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use vpc::Timestamp;

use super::{Access, AccessLog, Authenticator, Authority, Complaints, Endpoint, serve};
use crate::state::{FabricTwin, Lab, LabConfig, ManualClock, Secret};

const NAME: &str = "demo.gr7.us-west-2.eks.amazonaws.com";

struct ControlPlane {
    address: SocketAddr,
    pem: String,
    log: Arc<AccessLog>,
}

fn start() -> ControlPlane {
    let authority = Authority::new("demo").unwrap();
    let identity = authority.server(&[NAME], &[IpAddr::V4(Ipv4Addr::LOCALHOST)]).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let log = Arc::new(AccessLog::default());
    let lab = Arc::new(Lab::new(LabConfig {
        account: "111122223333".parse().unwrap(),
        region: "us-west-2".into(),
        instance_role: None,
        world: vpc::World::new(1),
        fabric: Box::new(FabricTwin::default()),
        clock: Arc::new(ManualClock::new(Timestamp(1_000))),
        secret: Secret::from_bytes([1; 32]),
    }));
    let (cluster, admin) = ("demo".to_owned(), String::new());
    let authenticator = Authenticator { lab, cluster, admin, hosts: BTreeSet::new() };
    let endpoint =
        Arc::new(Endpoint { log: log.clone(), authenticator, complaints: Complaints::default() });
    tokio::spawn(serve(listener, identity, endpoint));
    ControlPlane { address, pem: authority.pem(), log }
}

/// Status, and body after the blank line; the error when the handshake or exchange fails.
async fn get(
    address: SocketAddr,
    trusted: &str,
    name: &str,
    request: &str,
) -> std::io::Result<(u16, String, SocketAddr)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let own = stream.local_addr()?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let request = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned(), own))
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_as_an_api_server_and_records_the_peer() {
    let plane = start();
    for name in [NAME, "127.0.0.1"] {
        let (status, body, own) =
            get(plane.address, &plane.pem, name, "GET /version").await.unwrap();
        assert_eq!(status, 200);
        let version: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(version["major"], "1");
        assert!(version["gitVersion"].as_str().unwrap().starts_with("v1."));
        let expected = Access {
            at: Timestamp(1_000),
            peer: own,
            local: plane.address,
            method: "GET".into(),
            path: "/version".into(),
            status: 200,
        };
        assert_eq!(plane.log.all().last(), Some(&expected));
    }
    for path in ["/healthz", "/livez", "/readyz", "/healthz?verbose"] {
        let answer = get(plane.address, &plane.pem, NAME, &format!("GET {path}")).await.unwrap();
        assert_eq!((answer.0, answer.1.as_str()), (200, "ok"), "{path}");
    }
    assert_eq!(plane.log.since(Timestamp(1_001)), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_else_needs_a_token() {
    let plane = start();
    let (status, body, _) = get(plane.address, &plane.pem, NAME, "GET /api/v1/pods").await.unwrap();
    assert_eq!(status, 401);
    let failure: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&failure["kind"], &failure["code"]), (&"Status".into(), &401.into()));
    assert_eq!(get(plane.address, &plane.pem, NAME, "POST /healthz").await.unwrap().0, 405);
    let seen: Vec<_> = plane.log.all().into_iter().map(|a| (a.path, a.status)).collect();
    assert_eq!(seen, [("/api/v1/pods".to_owned(), 401), ("/healthz".to_owned(), 405)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_the_authority_or_with_another_name_refuse() {
    let plane = start();
    let other = Authority::new("demo").unwrap().pem();
    for (trusted, name) in
        [(other.as_str(), NAME), (&plane.pem, "other.example"), (&plane.pem, "127.0.0.2")]
    {
        let error = get(plane.address, trusted, name, "GET /healthz").await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    assert_eq!(plane.log.all(), [], "no request got through");
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_what_is_not_tls() {
    let plane = start();
    let mut stream = TcpStream::connect(plane.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The server answers with a TLS alert and closes, or just closes.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    assert_eq!(get(plane.address, &plane.pem, NAME, "GET /healthz").await.unwrap().0, 200);
}

#[test]
fn a_name_that_is_not_dns_is_refused() {
    let error = Authority::new("demo").unwrap().server(&["ä"], &[]).unwrap_err();
    assert_eq!(error.to_string(), "cannot make the server certificate");
}
