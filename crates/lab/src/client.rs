//! The commands' side of the control socket. Blocking, without threads: entering a user namespace
//! needs a process that has none (setns(2)).

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::journal::Event;
use crate::process::receive_with_fds;
use crate::protocol::{PLACE_DESCRIPTORS, Reply, Request};

/// The longest line a lab answers with: a status of a thousand pods is far smaller.
const LINE_LIMIT: usize = 64 << 20;

/// A running lab's control socket.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why a lab did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens.
    #[error("no lab answers at {socket}; start one with `flatnet lab up`")]
    NotRunning {
        /// The socket tried.
        socket: PathBuf,
        /// What connect(2) says.
        #[source]
        source: std::io::Error,
    },
    /// The lab went away, or is another version.
    #[error("the lab at {socket} stopped answering")]
    Broken {
        /// The socket.
        socket: PathBuf,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The lab's own refusal.
    #[error("{0}")]
    Refused(String),
}

/// Namespaces to enter, in the order of [`PLACE_DESCRIPTORS`].
#[derive(Debug)]
pub struct PlaceHandle {
    /// What they belong to.
    pub description: String,
    /// The namespaces.
    pub namespaces: [OwnedFd; PLACE_DESCRIPTORS.len()],
}

impl Client {
    /// A client of the lab whose control socket this is.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Asks for one answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn ask(&self, request: &Request) -> Result<Reply, ClientError> {
        let mut lines = BufReader::new(self.send(request)?);
        self.next_reply(&mut lines)
    }

    /// Asks for something that takes time and hands every event to `watch`, the last one, `done`
    /// or `failed`, included. Returns whether it was done.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn follow(
        &self,
        request: &Request,
        mut watch: impl FnMut(&Event),
    ) -> Result<bool, ClientError> {
        let mut lines = BufReader::new(self.send(request)?);
        loop {
            if let Reply::Event(event) = self.next_reply(&mut lines)? {
                watch(&event);
                match event {
                    Event::Done => return Ok(true),
                    Event::Failed { .. } => return Ok(false),
                    Event::Step { .. } | Event::Note { .. } | Event::Check { .. } => {}
                }
            }
        }
    }

    /// Asks for the namespaces of `target`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn enter(&self, target: &str) -> Result<PlaceHandle, ClientError> {
        let stream = self.send(&Request::Enter { target: target.to_owned() })?;
        let (line, descriptors) = receive_with_fds(&stream, LINE_LIMIT)
            .map_err(|error| self.broken(std::io::Error::from(error)))?;
        match serde_json::from_slice(&line).map_err(|error| self.broken(error))? {
            Reply::Place { description } => {
                let namespaces = <[OwnedFd; PLACE_DESCRIPTORS.len()]>::try_from(descriptors)
                    .map_err(|got| self.broken(format!("it sent {} namespaces", got.len())))?;
                Ok(PlaceHandle { description, namespaces })
            }
            Reply::Error { error } => Err(ClientError::Refused(error)),
            other => Err(self.broken(format!("it answered {other:?}"))),
        }
    }

    fn send(&self, request: &Request) -> Result<UnixStream, ClientError> {
        let mut stream = UnixStream::connect(&self.socket)
            .map_err(|source| ClientError::NotRunning { socket: self.socket.clone(), source })?;
        let mut line = serde_json::to_vec(request).map_err(|error| self.broken(error))?;
        line.push(b'\n');
        stream.write_all(&line).map_err(|error| self.broken(error))?;
        Ok(stream)
    }

    fn next_reply(&self, lines: &mut BufReader<UnixStream>) -> Result<Reply, ClientError> {
        let mut line = String::new();
        match lines.read_line(&mut line) {
            Ok(0) => Err(self.broken("it closed the connection")),
            Ok(_) => match serde_json::from_str(&line).map_err(|error| self.broken(error))? {
                Reply::Error { error } => Err(ClientError::Refused(error)),
                reply => Ok(reply),
            },
            Err(error) => Err(self.broken(error)),
        }
    }

    fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::Broken { socket: self.socket.clone(), source: source.into() }
    }
}
