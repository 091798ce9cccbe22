//! What the metadata service knows of an instance's ENIs, which may be behind.

use std::collections::VecDeque;

use super::Timing;
use crate::{Eni, MacAddress, Random, Timestamp};

/// The states of one instance's ENIs and when the metadata service shows each. Changes show in
/// their order.
#[derive(Debug, Clone)]
pub struct MetadataHistory {
    /// What shows now, unless one of `coming` does.
    shown: Vec<Eni>,
    coming: VecDeque<Change>,
}

#[derive(Debug, Clone)]
struct Change {
    enis: Vec<Eni>,
    /// From when its new MAC addresses are listed.
    listed: Timestamp,
    /// From when it shows.
    from: Timestamp,
}

/// What the metadata service knows at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataView {
    /// The ENIs, in the order of card and device index.
    pub enis: Vec<Eni>,
    /// MAC addresses that are listed although nothing else is known of them.
    pub only_listed: Vec<MacAddress>,
}

impl MetadataHistory {
    /// Begins with ENIs that show at once, as those an instance is launched with.
    #[must_use]
    pub fn new(enis: Vec<Eni>) -> Self {
        Self { shown: enis, coming: VecDeque::new() }
    }

    /// Notes the ENIs as they are since `now`; when that is a change, `timing` says how late it
    /// shows.
    pub fn record(&mut self, enis: &[&Eni], timing: &Timing, random: &mut Random, now: Timestamp) {
        let last = self.coming.back().map_or(&self.shown, |change| &change.enis);
        if last.iter().eq(enis.iter().copied()) {
            return;
        }
        let delay = i64::from(timing.metadata.draw(random));
        let half_visible = random.below(100) < timing.half_visible;
        let earliest = self.coming.back().map_or(now, |change| change.from);
        let from = Timestamp(now.0.saturating_add(delay)).max(earliest);
        let listed = if half_visible { Timestamp(now.0 + (from.0 - now.0) / 2) } else { from };
        let enis = enis.iter().copied().cloned().collect();
        self.coming.push_back(Change { enis, listed, from });
        self.settle(now);
    }

    /// What shows at `now`.
    #[must_use]
    pub fn view(&self, now: Timestamp) -> MetadataView {
        let current = self.coming.iter().rfind(|change| change.from <= now);
        let enis = current.map_or(&self.shown, |change| &change.enis).clone();
        let ahead = self.coming.iter().filter(|change| change.from > now && change.listed <= now);
        let mut only_listed: Vec<MacAddress> = ahead
            .flat_map(|change| &change.enis)
            .map(|eni| eni.mac)
            .filter(|mac| enis.iter().all(|eni| eni.mac != *mac))
            .collect();
        only_listed.sort_unstable();
        only_listed.dedup();
        MetadataView { enis, only_listed }
    }

    /// Forgets what no later moment can show.
    fn settle(&mut self, now: Timestamp) {
        while let Some(change) = self.coming.pop_front_if(|change| change.from <= now) {
            self.shown = change.enis;
        }
    }
}
