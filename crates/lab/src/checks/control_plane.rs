//! Nodes reach the API endpoint, through an X-ENI, with TLS verified.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

use super::{WORKS, with_failures};
use crate::control_plane::Authority;
use crate::daemon::{ControlPlane, Running};
use crate::journal::Journal;
use crate::place::Place;
use crate::probe::blocking;

/// Every node asks every X-ENI for `/version` and `/healthz`; the server must see the node's
/// primary address, and a client that trusts another authority must refuse the server.
pub async fn nodes_to_endpoint(running: &Arc<Running>, journal: &Journal) {
    let (Some(control_plane), Some(told)) =
        (&running.control_plane, &running.topology.control_plane)
    else {
        return;
    };
    let (started, since) = (Instant::now(), running.lab.now());
    let (mut wanted, mut held, mut failures) = (0, 0, Vec::new());
    for node in &running.nodes {
        for address in &control_plane.addresses {
            for path in ["/version", "/healthz"] {
                wanted += 1;
                let asked =
                    ask(&node.place, control_plane, *address, &told.endpoint_name, path).await;
                match asked {
                    Ok(()) if seen(since, control_plane, node.address, *address, path) => {
                        held += 1;
                    }
                    Ok(()) => failures.push(format!(
                        "{address}{path} answered, but did not see {} as {}",
                        node.name, node.address
                    )),
                    Err(error) => {
                        failures.push(format!("{} to {address}{path}: {error}", node.name));
                    }
                }
            }
        }
    }
    let text = format!(
        "{held} of {wanted} node requests answered through X-ENIs, TLS verified, seen from the node's \
         primary address"
    );
    journal.check("api-endpoint", held == wanted, with_failures(text, &failures), started);
    distrust(running, control_plane, &told.endpoint_name, journal).await;
}

/// The control: with another authority's certificate the same request must fail.
async fn distrust(running: &Running, control_plane: &ControlPlane, name: &str, journal: &Journal) {
    let started = Instant::now();
    let (Some(node), Some(address)) = (running.nodes.first(), control_plane.addresses.first())
    else {
        return;
    };
    let other = match Authority::new("another authority") {
        Ok(authority) => authority.pem(),
        Err(error) => return journal.check("tls-control", false, error.to_string(), started),
    };
    let asked = get(&node.place, &other, *address, name, "/version").await;
    let refused =
        asked.as_ref().err().is_some_and(|error| error.to_string().contains("certificate"));
    let text = match asked {
        Err(error) => format!("a client that trusts another authority is refused: {error}"),
        Ok(_) => "a client that trusts another authority was served all the same".to_owned(),
    };
    journal.check("tls-control", refused, text, started);
}

fn seen(
    since: vpc::Timestamp,
    control_plane: &ControlPlane,
    node: Ipv4Addr,
    x_eni: Ipv4Addr,
    path: &str,
) -> bool {
    control_plane.log.since(since).iter().any(|access| {
        access.path == path
            && access.status == 200
            && access.peer.ip() == IpAddr::V4(node)
            && access.local.ip() == IpAddr::V4(x_eni)
    })
}

async fn ask(
    from: &Place,
    control_plane: &ControlPlane,
    address: Ipv4Addr,
    name: &str,
    path: &str,
) -> io::Result<()> {
    let answer = get(from, &control_plane.authority, address, name, path).await?;
    let expected = if path == "/version" { "\"gitVersion\"" } else { "ok" };
    if answer.starts_with("HTTP/1.1 200") && answer.contains(expected) {
        return Ok(());
    }
    let first = answer.lines().next().unwrap_or_default().to_owned();
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("answered {first:?}")))
}

/// GET over TLS from a place of the lab, trusting one authority.
async fn get(
    from: &Place,
    authority: &str,
    address: Ipv4Addr,
    name: &str,
    path: &str,
) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    let certificate =
        CertificateDer::from_pem_slice(authority.as_bytes()).map_err(io::Error::other)?;
    roots.add(certificate).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let socket = blocking(|| from.sockets(1, None))?.into_iter().next();
    let socket = socket.ok_or_else(|| io::Error::other("no socket"))?;
    let talk = async {
        let to = SocketAddrV4::new(address, 443);
        let stream = TcpSocket::from_std_stream(socket).connect(to.into()).await?;
        let mut stream = TlsConnector::from(Arc::new(config)).connect(server, stream).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let limit: Duration = WORKS;
    tokio::time::timeout(limit, talk).await.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {limit:?}")))
    })
}
