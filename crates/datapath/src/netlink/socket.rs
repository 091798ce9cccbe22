//! A blocking `NETLINK_ROUTE` socket: many requests in one send, answers sorted by request.

use std::io;
use std::time::Duration;

use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use rustix::net::sockopt::{Timeout, set_socket_recv_buffer_size, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::kernel::Refusal;

/// Most requests in one send. Their acknowledgements wait together in the receive buffer, about
/// 1 KiB each, and must fit.
pub(super) const MAX_REQUESTS: usize = 128;

/// Bytes the kernel may keep for us. The kernel doubles the number, and caps it at
/// `net.core.rmem_max` (208 KiB by default), which [`MAX_REQUESTS`] respects.
const RECEIVE_BUFFER: usize = 1 << 20;

/// One datagram of the kernel is at most 32 KiB, except for a single larger message.
const DATAGRAM: usize = 64 << 10;

/// The kernel answers within the send itself, so silence means that it never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kernel aligns messages to this many bytes (`NLMSG_ALIGNTO`).
const ALIGNMENT: usize = 4;

/// `NLMSGERR_ATTR_MSG`: the kernel's own words about an error.
const ATTR_MESSAGE: u16 = 1;

/// `struct nlmsghdr`.
const HEADER_LENGTH: usize = 16;

/// A request and its flags, without `NLM_F_REQUEST` and `NLM_F_ACK`.
pub(super) struct Request {
    pub(super) message: RouteNetlinkMessage,
    pub(super) flags: u16,
}

/// What the kernel says to one request.
#[derive(Default)]
pub(super) struct Answer {
    /// The object asked for, if the request was a query.
    pub(super) messages: Vec<RouteNetlinkMessage>,
    /// Why not, if it refused.
    pub(super) refusal: Option<Refusal>,
}

/// Why a listing has no result.
pub(super) enum DumpError {
    Io(io::Error),
    Refused(Refusal),
    /// Something changed meanwhile: the list may lack objects or have them twice.
    Interrupted,
}

impl From<io::Error> for DumpError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(super) struct RouteSocket {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl RouteSocket {
    /// Opens a socket in the calling thread's namespace, where it stays.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_ext_ack(true)?;
        // Without this every error comes back with the whole request.
        socket.set_cap_ack(true)?;
        // The kernel then refuses what it would otherwise ignore in a request.
        socket.set_netlink_get_strict_chk(true)?;
        set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; DATAGRAM] })
    }

    /// Sends all requests at once and gives the answers in the same order.
    pub(super) fn exchange(&mut self, requests: Vec<Request>) -> io::Result<Vec<Answer>> {
        let count = requests.len();
        debug_assert!(count <= MAX_REQUESTS);
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::with_capacity(count * 128);
        let first = self.sequence.wrapping_add(1);
        for Request { message, flags } in requests {
            self.write(&mut bytes, message, flags | NLM_F_REQUEST | NLM_F_ACK);
        }
        send(&self.socket, &bytes, SendFlags::empty())?;

        let mut answers: Vec<Answer> = Vec::new();
        answers.resize_with(count, Answer::default);
        let mut open = count;
        while open > 0 {
            for message in self.receive()? {
                let (header, payload) = message.into_parts();
                // Answers to a request that was given up earlier are not ours.
                let index = header.sequence_number.wrapping_sub(first) as usize;
                let Some(answer) = answers.get_mut(index) else { continue };
                match payload {
                    NetlinkPayload::InnerMessage(inner) => answer.messages.push(inner),
                    NetlinkPayload::Error(error) => {
                        answer.refusal = refusal(&error, header.flags);
                        open -= 1;
                    }
                    NetlinkPayload::Overrun(_) => return Err(overrun()),
                    _ => {}
                }
            }
        }
        Ok(answers)
    }

    /// Lists objects.
    pub(super) fn dump(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, DumpError> {
        let mut bytes = Vec::with_capacity(64);
        self.write(&mut bytes, message, NLM_F_REQUEST | NLM_F_DUMP);
        let sequence = self.sequence;
        send(&self.socket, &bytes, SendFlags::empty()).map_err(io::Error::from)?;

        let mut objects = Vec::new();
        let mut interrupted = false;
        loop {
            for message in self.receive()? {
                let (header, payload) = message.into_parts();
                if header.sequence_number != sequence {
                    continue;
                }
                interrupted |= header.flags & NLM_F_DUMP_INTR != 0;
                match payload {
                    NetlinkPayload::InnerMessage(inner) => objects.push(inner),
                    NetlinkPayload::Error(error) => {
                        if let Some(refusal) = refusal(&error, header.flags) {
                            return Err(DumpError::Refused(refusal));
                        }
                    }
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        let errno = done.code.saturating_neg();
                        return Err(DumpError::Refused(Refusal { errno, message: None }));
                    }
                    NetlinkPayload::Done(_) if interrupted => return Err(DumpError::Interrupted),
                    NetlinkPayload::Done(_) => return Ok(objects),
                    NetlinkPayload::Overrun(_) => return Err(overrun().into()),
                    _ => {}
                }
            }
        }
    }

    /// Appends one message, with the next sequence number.
    fn write(&mut self, bytes: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, message.into());
        message.finalize();
        let start = bytes.len();
        let end = start + message.buffer_len();
        bytes.resize(end.next_multiple_of(ALIGNMENT), 0);
        message.serialize(&mut bytes[start..end]);
    }

    /// The messages of the next datagram.
    fn receive(&mut self) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
        let length = loop {
            match recv(&self.socket, &mut self.buffer[..], RecvFlags::TRUNC) {
                Ok((_, length)) => break length,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        };
        let mut rest = self.buffer.get(..length).ok_or_else(|| {
            io::Error::other(format!("a netlink datagram of {length} bytes was cut off"))
        })?;
        let mut messages = Vec::new();
        while rest.len() >= HEADER_LENGTH {
            let message = NetlinkMessage::deserialize(rest)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
            rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
            messages.push(message);
        }
        Ok(messages)
    }
}

/// The kernel's refusal, or `None` when the message is an acknowledgement. The payload after the
/// code is the request's header, then attributes if `flags` says so (`NETLINK_CAP_ACK`).
fn refusal(error: &ErrorMessage, flags: u16) -> Option<Refusal> {
    let code = error.code?;
    let attributes = error.header.get(HEADER_LENGTH..).filter(|_| flags & NLM_F_ACK_TLVS != 0);
    let message = attributes.and_then(|attributes| {
        NlasIterator::new(attributes)
            .filter_map(Result::ok)
            .find(|attribute| attribute.kind() == ATTR_MESSAGE)
            .map(|attribute| {
                String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned()
            })
    });
    Some(Refusal { errno: code.get().saturating_neg(), message })
}

fn overrun() -> io::Error {
    io::Error::other("the kernel lost netlink messages")
}
