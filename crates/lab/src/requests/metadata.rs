//! What the metadata service knows of each instance's ENIs.

use std::collections::BTreeMap;

use vpc::requests::{MetadataHistory, MetadataView, Span, Timing};
use vpc::{InstanceId, Random, Timestamp, World};

/// The instances whose metadata is or may be behind.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    histories: BTreeMap<InstanceId, MetadataHistory>,
    frozen: BTreeMap<InstanceId, MetadataView>,
}

impl Metadata {
    /// Notes what has become of the instances' ENIs.
    pub(super) fn record(
        &mut self,
        world: &World,
        timing: &Timing,
        random: &mut Random,
        now: Timestamp,
    ) {
        if timing.metadata == Span::NONE {
            return;
        }
        self.histories.retain(|instance, _| world.instance(instance).is_ok());
        for instance in world.instances() {
            let enis = world.instance_enis(&instance.id);
            if let Some(history) = self.histories.get_mut(&instance.id) {
                history.record(&enis, timing, random, now);
            } else {
                let enis = enis.into_iter().cloned().collect();
                self.histories.insert(instance.id.clone(), MetadataHistory::new(enis));
            }
        }
    }

    /// What shows; `None` for the instance as it is.
    pub(super) fn view(&self, instance: &InstanceId, now: Timestamp) -> Option<MetadataView> {
        let frozen = self.frozen.get(instance).cloned();
        frozen.or_else(|| Some(self.histories.get(instance)?.view(now)))
    }

    /// Goes on showing what shows now.
    pub(super) fn freeze(&mut self, world: &World, instance: &InstanceId, now: Timestamp) {
        let view = self.view(instance, now).unwrap_or_else(|| MetadataView {
            enis: world.instance_enis(instance).into_iter().cloned().collect(),
            only_listed: Vec::new(),
        });
        self.frozen.insert(instance.clone(), view);
    }

    pub(super) fn thaw(&mut self, instance: &InstanceId) {
        self.frozen.remove(instance);
    }
}
