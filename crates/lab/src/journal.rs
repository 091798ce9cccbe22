//! What the lab tells the people who watch it: steps done, checks held or broken.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// One line of progress, as `flatnet lab … -o json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    /// A step is done.
    #[serde(rename_all = "camelCase")]
    Step {
        /// What was done.
        text: String,
        /// How long it took.
        milliseconds: u64,
    },
    /// Something is not as the topology asks, which need not be a fault: a pod that does not fit.
    #[serde(rename_all = "camelCase")]
    Note {
        /// What it is.
        text: String,
    },
    /// A check was made.
    #[serde(rename_all = "camelCase")]
    Check {
        /// A stable name, e.g. `flat`.
        name: String,
        /// Whether it held.
        held: bool,
        /// What was seen.
        text: String,
        /// How long it took.
        milliseconds: u64,
    },
    /// What was asked for is complete.
    Done,
    /// What was asked for failed.
    Failed {
        /// Why, with all causes.
        error: String,
    },
}

/// An append-only list of events that any number of watchers follow from its beginning.
#[derive(Debug)]
pub struct Journal {
    events: Mutex<Vec<Event>>,
    length: watch::Sender<usize>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { events: Mutex::default(), length: watch::Sender::new(0) }
    }
}

impl Journal {
    /// Appends an event and wakes the watchers.
    pub fn push(&self, event: Event) {
        match &event {
            Event::Step { text, milliseconds } => tracing::info!(milliseconds, "{text}"),
            Event::Note { text } => tracing::info!("{text}"),
            Event::Check { name, held, text, .. } => tracing::info!(name, held, "{text}"),
            Event::Done => tracing::debug!("done"),
            Event::Failed { error } => tracing::error!("{error}"),
        }
        let length = {
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push(event);
            events.len()
        };
        self.length.send_replace(length);
    }

    /// Appends a step that began at `started`.
    pub fn step(&self, text: impl Into<String>, started: Instant) {
        self.push(Event::Step { text: text.into(), milliseconds: milliseconds_since(started) });
    }

    /// Appends a note.
    pub fn note(&self, text: impl Into<String>) {
        self.push(Event::Note { text: text.into() });
    }

    /// Appends a check that began at `started`.
    pub fn check(&self, name: &str, held: bool, text: impl Into<String>, started: Instant) {
        self.push(Event::Check {
            name: name.to_owned(),
            held,
            text: text.into(),
            milliseconds: milliseconds_since(started),
        });
    }

    /// A watcher at the beginning.
    #[must_use]
    pub fn watch(&self) -> Watcher<'_> {
        Watcher { journal: self, next: 0, length: self.length.subscribe() }
    }
}

/// Follows a [`Journal`].
#[derive(Debug)]
pub struct Watcher<'a> {
    journal: &'a Journal,
    next: usize,
    length: watch::Receiver<usize>,
}

impl Watcher<'_> {
    /// The next event, as soon as there is one.
    pub async fn next(&mut self) -> Event {
        loop {
            {
                let events = self.journal.events.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(event) = events.get(self.next) {
                    self.next += 1;
                    return event.clone();
                }
            }
            if self.length.changed().await.is_err() {
                // The journal cannot go while it is borrowed; wait for ever rather than spin.
                std::future::pending::<()>().await;
            }
        }
    }
}

fn milliseconds_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_late_watcher_sees_everything_in_order() {
        let journal = Journal::default();
        journal.note("one");
        let mut early = journal.watch();
        assert_eq!(early.next().await, Event::Note { text: "one".into() });
        let (_, event) = tokio::join!(async { journal.push(Event::Done) }, early.next());
        assert_eq!(event, Event::Done);
        let mut late = journal.watch();
        assert_eq!(late.next().await, Event::Note { text: "one".into() });
        assert_eq!(late.next().await, Event::Done);
    }
}
