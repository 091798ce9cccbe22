//! Removing a link without waiting for what the kernel does after it.
//!
//! The kernel takes a link away in well under a millisecond, under its lock. Before it answers it
//! waits until no CPU can hold a reference any more, tens of milliseconds on an idle machine, and
//! nothing but the memory depends on that. So the request is another thread's, and this one looks
//! for the link until it is gone.

use std::io;
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use rustix::io::Errno;

use super::encode;
use super::socket::{Answer, RouteSocket};
use crate::kernel::Refusal;
use crate::model::Link;
use crate::netns::Netns;

/// Between two looks. While the kernel is at it, a look waits in the kernel by itself.
const INTERVAL: Duration = Duration::from_micros(100);

/// Removes the link and gives the kernel's reason if it refuses.
pub(super) fn remove(
    socket: &mut RouteSocket,
    netns: &Netns,
    link: &Link,
) -> io::Result<Option<Refusal>> {
    let index = link.index;
    // Without a thread or a descriptor to spare, waiting is the way that is left.
    let Ok(removal) = netns.spawn(move || RouteSocket::open().and_then(|mut s| ask(&mut s, index)))
    else {
        return ask(socket, index);
    };
    while !removal.is_finished() {
        let query = vec![encode::indexed_link_query(index)];
        let refusal = socket.exchange(query)?.into_iter().find_map(|answer| answer.refusal);
        if refusal.is_some_and(|refusal| refusal.is(Errno::NODEV)) {
            return Ok(None);
        }
        sleep(INTERVAL);
    }
    match finished(removal) {
        Ok(refusal) => Ok(refusal),
        Err(_) => ask(socket, index),
    }
}

fn finished(
    removal: JoinHandle<io::Result<io::Result<Option<Refusal>>>>,
) -> io::Result<Option<Refusal>> {
    removal.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?
}

/// Sends the request and waits for the answer. A link that is gone is no refusal.
fn ask(socket: &mut RouteSocket, index: u32) -> io::Result<Option<Refusal>> {
    let answers = socket.exchange(vec![encode::indexed_link_removal(index)])?;
    let refusals = answers.into_iter().filter_map(|Answer { refusal, .. }| refusal);
    Ok(refusals.into_iter().find(|refusal| !refusal.is(Errno::NODEV)))
}
