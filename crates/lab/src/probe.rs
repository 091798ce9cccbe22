//! Real connections between places of the lab, and what both ends saw of them.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

use crate::place::Place;
use crate::random;

/// An echo server (RFC 862) that first tells its client, on a line, whom it sees and who it is;
/// it also answers UDP with what it was sent, and remembers short datagrams. Ends when dropped.
#[derive(Debug)]
pub struct EchoServer {
    heard: Arc<Mutex<VecDeque<Datagram>>>,
    tasks: [JoinHandle<()>; 2],
}

/// A short datagram that an [`EchoServer`] received.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Datagram {
    from: IpAddr,
    payload: Vec<u8>,
}

/// The longest payload that is remembered, in bytes.
const REMEMBERED_BYTES: usize = 64;
/// How many datagrams are remembered.
const REMEMBERED: usize = 4096;

impl EchoServer {
    /// Listens in `place` as `name`. Must run within a Tokio runtime.
    ///
    /// # Errors
    /// Socket errors.
    pub fn start(place: &Place, at: SocketAddrV4, name: &str) -> io::Result<Self> {
        let listener = TcpListener::from_std(place.listen(at)?)?;
        let datagrams = tokio::net::UdpSocket::from_std(place.udp(at)?)?;
        let name: Arc<str> = name.into();
        let tcp = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        tokio::spawn(echo(stream, peer, Arc::clone(&name)));
                    }
                    Err(error) => {
                        // Out of descriptors, most likely: give others time to close theirs.
                        tracing::warn!(%error, "echo server could not accept");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        });
        let heard: Arc<Mutex<VecDeque<Datagram>>> = Arc::default();
        let hearing = Arc::clone(&heard);
        let udp = tokio::spawn(async move {
            let mut packet = vec![0_u8; 65_536];
            loop {
                if let Ok((length, peer)) = datagrams.recv_from(&mut packet).await {
                    remember(&hearing, peer.ip(), &packet[..length]);
                    // A lost answer is the client's to notice.
                    let _ = datagrams.send_to(&packet[..length], peer).await;
                }
            }
        });
        Ok(Self { heard, tasks: [tcp, udp] })
    }

    /// Who sent datagrams with this payload, one entry for each.
    #[must_use]
    pub fn heard(&self, payload: &[u8]) -> Vec<IpAddr> {
        let heard = lock(&self.heard);
        let matching = heard.iter().filter(|datagram| datagram.payload == payload);
        matching.map(|datagram| datagram.from).collect()
    }
}

fn remember(heard: &Mutex<VecDeque<Datagram>>, from: IpAddr, payload: &[u8]) {
    if payload.len() <= REMEMBERED_BYTES {
        let mut heard = lock(heard);
        heard.truncate(REMEMBERED - 1);
        heard.push_front(Datagram { from, payload: payload.to_vec() });
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn echo(mut stream: tokio::net::TcpStream, peer: SocketAddr, name: Arc<str>) {
    let (mut reader, mut writer) = stream.split();
    // A client that goes away ends its own echo; nobody else needs to know.
    if writer.write_all(format!("{} {name}\n", peer.ip()).as_bytes()).await.is_ok() {
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    }
}

/// What a client saw of an echo server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echoed {
    /// The client's address as the server sees it.
    pub seen_as: IpAddr,
    /// The server's name, as it says.
    pub server: String,
    /// Bytes that came back as they were sent.
    pub bytes: usize,
}

/// Connects, reads whom the server sees, and has `payload` echoed.
///
/// # Errors
/// `TimedOut` after `limit`; socket errors; `InvalidData` when something else came back.
pub async fn echo_once(
    socket: TcpStream,
    to: SocketAddrV4,
    payload: &[u8],
    limit: Duration,
) -> io::Result<Echoed> {
    let talk = async {
        let stream = TcpSocket::from_std_stream(socket).connect(to.into()).await?;
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let greeting = line.trim().split_once(' ');
        let greeting = greeting.and_then(|(seen, server)| Some((seen.parse().ok()?, server)));
        let Some((seen_as, server)) = greeting else {
            let text = format!("the server greeted with {line:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        };
        let server = server.to_owned();
        let send = async {
            writer.write_all(payload).await?;
            writer.shutdown().await
        };
        let mut back = Vec::with_capacity(payload.len());
        let receive = reader.read_to_end(&mut back);
        let (sent, received) = tokio::join!(send, receive);
        sent?;
        received?;
        if back != payload {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} bytes were sent, {} others came back", payload.len(), back.len()),
            ));
        }
        Ok(Echoed { seen_as, server, bytes: back.len() })
    };
    match tokio::time::timeout(limit, talk).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {limit:?}"))),
    }
}

/// One connection from `from` to `to`; `source`, where given, is the address it claims.
///
/// # Errors
/// As [`echo_once`].
pub async fn connect(
    from: &Place,
    source: Option<Ipv4Addr>,
    to: SocketAddrV4,
    limit: Duration,
) -> io::Result<Echoed> {
    let sockets = blocking(|| from.sockets(1, source))?;
    let socket = sockets.into_iter().next().ok_or_else(|| io::Error::other("no socket"))?;
    echo_once(socket, to, b"flatnet", limit).await
}

/// Sends a few UDP datagrams to each server, claiming `source`; returns their payload, by which
/// [`EchoServer::heard`] knows them. They had time to arrive, where they can.
///
/// # Errors
/// When `source` is not configured in the place, or sending fails for another reason than that
/// there is no way to send.
pub async fn send_datagrams(
    from: &Place,
    source: Ipv4Addr,
    to: &[SocketAddrV4],
) -> io::Result<Vec<u8>> {
    const ROUNDS: usize = 5;
    const PAUSE: Duration = Duration::from_millis(20);
    let payload = random::hex::<12>()?.into_bytes();
    let socket = blocking(|| from.udp(SocketAddrV4::new(source, 0)))?;
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    for _ in 0..ROUNDS {
        for server in to {
            // An ICMP error of an earlier datagram shows here; the next one is tried all the same.
            let _ = socket.send_to(&payload, SocketAddr::from(*server)).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(payload)
}

/// Has a UDP packet of `mtu` bytes (IPv4 and UDP headers included) echoed with "don't fragment"
/// set: it passes only if every link on the way carries packets of that size.
///
/// # Errors
/// `TimedOut` when no echo came in `limit`; `EMSGSIZE` when this end's own link is too small.
pub async fn full_size_packet(
    from: &Place,
    to: SocketAddrV4,
    mtu: usize,
    limit: Duration,
) -> io::Result<()> {
    /// IPv4 header without options (RFC 791) and UDP header (RFC 768).
    const HEADERS: usize = 20 + 8;
    let socket = blocking(|| from.udp(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)))?;
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    // Linux sets "don't fragment" on UDP sockets by default (ip(7), IP_PMTUDISC_WANT), and
    // refuses a packet larger than the path's MTU once it knows it.
    socket.connect(SocketAddr::from(to)).await?;
    let packet = vec![0xf1; mtu.saturating_sub(HEADERS)];
    let talk = async {
        socket.send(&packet).await?;
        let mut back = vec![0_u8; packet.len() + 1];
        let length = socket.recv(&mut back).await?;
        if back[..length] != packet[..] {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "another packet came back"));
        }
        Ok(())
    };
    match tokio::time::timeout(limit, talk).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {limit:?}"))),
    }
}

/// Runs blocking work without stalling the other tasks of this runtime thread.
pub fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
