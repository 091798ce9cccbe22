//! File descriptors over a Unix socket (`SCM_RIGHTS`, unix(7)).

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

/// The most descriptors one message carries.
const MAX_FDS: usize = 8;

/// Sends `bytes` with `fds` attached to the first byte.
///
/// # Errors
/// `E2BIG` for more than [`MAX_FDS`] descriptors; else what sendmsg(2) says. A short write is
/// finished without descriptors.
pub fn send_with_fds(
    socket: impl AsFd,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> rustix::io::Result<()> {
    if fds.len() > MAX_FDS {
        return Err(Errno::TOOBIG);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::TOOBIG);
    }
    let flags = SendFlags::NOSIGNAL;
    let mut sent = rustix::net::sendmsg(&socket, &[IoSlice::new(bytes)], &mut control, flags)?;
    while sent < bytes.len() {
        sent += rustix::net::send(&socket, &bytes[sent..], flags)?;
    }
    Ok(())
}

/// Reads up to and including the first newline, and the descriptors that came with it.
///
/// # Errors
/// What recvmsg(2) says; `ECONNRESET` when the peer closed before a whole line;
/// `EMSGSIZE` when the line is longer than `limit`.
pub fn receive_with_fds(
    socket: impl AsFd,
    limit: usize,
) -> rustix::io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let (mut line, mut fds) = (Vec::new(), Vec::new());
    let mut buffer = [0_u8; 4096];
    while !line.contains(&b'\n') {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            &socket,
            &mut [IoSliceMut::new(&mut buffer)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights);
            }
        }
        if received.bytes == 0 {
            return Err(Errno::CONNRESET);
        }
        line.extend_from_slice(&buffer[..received.bytes]);
        if line.len() > limit {
            return Err(Errno::MSGSIZE);
        }
    }
    Ok((line, fds))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_descriptor_arrives_usable_with_a_long_line() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut passed_keep, passed) = UnixStream::pair().unwrap();
        let mut line = vec![b'x'; 10_000];
        line.push(b'\n');
        let expected = line.clone();
        let sender = std::thread::spawn(move || send_with_fds(&ours, &line, &[passed.as_fd()]));
        let (got, fds) = receive_with_fds(&theirs, 1 << 20).unwrap();
        sender.join().unwrap().unwrap();
        assert_eq!(got, expected);
        let mut stream = UnixStream::from(fds.into_iter().next().unwrap());
        stream.write_all(b"hi").unwrap();
        let mut answer = [0_u8; 2];
        passed_keep.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"hi");
    }

    #[test]
    fn a_line_over_the_limit_and_a_closed_peer_are_errors() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        send_with_fds(&ours, &[b'x'; 100], &[]).unwrap();
        assert_eq!(receive_with_fds(&theirs, 10).unwrap_err(), Errno::MSGSIZE);
        drop(ours);
        assert_eq!(receive_with_fds(&theirs, 10).unwrap_err(), Errno::CONNRESET);
    }
}
