//! The time the pool sees.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipam::Time;
use tokio::time::Instant;

/// Milliseconds since the Unix epoch, which a step of the wall clock while the agent runs does not
/// move: so they order events within one run, and roughly those of several runs.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    wall: Time,
}

impl Clock {
    /// A clock that agrees with the wall clock now.
    #[must_use]
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { started: Instant::now(), wall: Time(0).after(wall) }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.wall.after(self.started.elapsed())
    }

    /// The runtime's instant of a moment, for timers.
    #[must_use]
    pub fn instant(&self, time: Time) -> Instant {
        self.started + time.since(self.wall)
    }
}
