//! Changes in few round trips: they are sent together, and names become indexes only when a
//! change needs one. The query joins the changes that wait, so that a link made by this batch is
//! found by it too.

use std::collections::HashMap;

use rustix::io::Errno;

use super::socket::{Answer, MAX_REQUESTS, Request, RouteSocket};
use super::{broken, decode, encode, found_link};
use crate::kernel::{Failure, Refusal};
use crate::op::Op;

/// Makes the changes in order and gives those that failed.
pub(super) fn apply(socket: &mut RouteSocket, ops: &[Op]) -> Vec<Failure> {
    let mut batch = Batch { socket, indexes: HashMap::new(), pending: vec![], failures: vec![] };
    for (position, op) in ops.iter().enumerate() {
        let index = match op.indexed_link() {
            None => 0,
            Some(name) => match batch.index(name, &ops[position..]) {
                Some(index) => index,
                // What is on a link that is gone is gone.
                None if op.is_removal() => continue,
                None => {
                    let message = Some(format!("there is no link {name}"));
                    let refusal = Refusal { errno: Errno::NODEV.raw_os_error(), message };
                    batch.failures.push(Failure { op: op.clone(), refusal });
                    continue;
                }
            },
        };
        batch.push(Pending::Change(op), encode::request(op, index));
    }
    batch.flush();
    batch.failures
}

/// Requests that wait to be sent together, and the link indexes learned so far.
struct Batch<'a> {
    socket: &'a mut RouteSocket,
    /// `None`: there is no such link.
    indexes: HashMap<String, Option<u32>>,
    pending: Vec<(Pending<'a>, Request)>,
    failures: Vec<Failure>,
}

enum Pending<'a> {
    Change(&'a Op),
    Query(String),
}

impl<'a> Batch<'a> {
    fn push(&mut self, what: Pending<'a>, request: Request) {
        if let Pending::Change(Op::AddVeth { name, peer, .. }) = &what {
            self.indexes.remove(name);
            self.indexes.remove(&peer.name);
        }
        if let Pending::Change(Op::DelLink { name }) = &what {
            self.indexes.remove(name);
        }
        self.pending.push((what, request));
        if self.pending.len() == MAX_REQUESTS {
            self.flush();
        }
    }

    /// The index of a link. If it has to be asked for, those that the changes `ahead` need are
    /// asked for along with it.
    fn index(&mut self, name: &str, ahead: &[Op]) -> Option<u32> {
        if let Some(index) = self.indexes.get(name) {
            return *index;
        }
        let made_ahead = |name: &str, before: usize| {
            ahead[..before].iter().any(|op| match op {
                Op::AddVeth { name: made, peer, .. } => made == name || peer.name == name,
                Op::DelLink { name: gone } => gone == name,
                _ => false,
            })
        };
        let mut asked: Vec<String> = Vec::new();
        for (position, op) in ahead.iter().enumerate().take(MAX_REQUESTS) {
            let Some(name) = op.indexed_link() else { continue };
            let known = self.indexes.contains_key(name) || asked.iter().any(|other| other == name);
            if !known && !made_ahead(name, position) {
                asked.push(name.to_owned());
            }
        }
        for name in asked {
            let request = encode::link_query(&name);
            self.push(Pending::Query(name), request);
        }
        self.flush();
        self.indexes.get(name).copied().flatten()
    }

    /// Sends what waits and takes in the answers.
    fn flush(&mut self) {
        let (what, requests): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().unzip();
        let answers = self.socket.exchange(requests).unwrap_or_else(|error| {
            let broken = broken(&error);
            let answer = || Answer { messages: vec![], refusal: Some(broken.clone()) };
            std::iter::repeat_with(answer).take(what.len()).collect()
        });
        for (what, answer) in what.into_iter().zip(answers) {
            match (what, answer.refusal) {
                (Pending::Query(name), _) => {
                    let index =
                        found_link(answer.messages).and_then(decode::link).map(|link| link.index);
                    self.indexes.insert(name, index);
                }
                (Pending::Change(op), Some(refusal)) if !satisfied(op, &refusal) => {
                    self.failures.push(Failure { op: op.clone(), refusal });
                }
                (Pending::Change(_), _) => {}
            }
        }
    }
}

/// Whether a refusal says that things are already as the change wants them.
fn satisfied(op: &Op, refusal: &Refusal) -> bool {
    match op {
        // Rules are compared by the kernel in every respect but the protocol.
        Op::AddRule(_) => refusal.is(Errno::EXIST),
        Op::DelLink { .. } => refusal.is(Errno::NODEV),
        Op::DelAddress(_) => refusal.is(Errno::ADDRNOTAVAIL) || refusal.is(Errno::NODEV),
        // ESRCH: no such route. ENOENT: no such rule or neighbour, or no such table.
        Op::DelRoute(_) => {
            refusal.is(Errno::SRCH) || refusal.is(Errno::NOENT) || refusal.is(Errno::NODEV)
        }
        Op::DelRule(_) => refusal.is(Errno::NOENT),
        Op::DelNeighbour(_) => refusal.is(Errno::NOENT) || refusal.is(Errno::NODEV),
        Op::AddVeth { .. }
        | Op::SetLink { .. }
        | Op::AddAddress(_)
        | Op::ReplaceRoute(_)
        | Op::ReplaceNeighbour(_) => false,
    }
}
