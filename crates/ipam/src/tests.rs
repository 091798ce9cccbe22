//! The pool against a twin of EC2: rules one by one, and a model under random events.

mod growth;
mod model;
mod reconcile;
mod refusals;
mod twin;

use std::time::Duration;

use crate::{AttachmentKey, Eni, EniId, LimitSource, Limits, Pool, Settings, SubnetId, Time};

fn key(n: u32) -> AttachmentKey {
    AttachmentKey {
        network: "flatnet".into(),
        container_id: format!("c{n}"),
        ifname: "eth0".into(),
    }
}

fn limits(enis: u32, addresses_per_eni: u32) -> Limits {
    Limits { enis, source: LimitSource::InstanceType, addresses_per_eni }
}

fn settings(warm_eni_target: u32) -> Settings {
    Settings { warm_eni_target, ..Settings::default() }
}

fn subnet() -> SubnetId {
    "subnet-1".into()
}

/// A node with its primary ENI and no secondary address.
fn node(settings: Settings, limits: Limits) -> Pool {
    let mut pool = Pool::new(settings, limits, subnet());
    pool.add_eni(Eni {
        id: EniId::from("eni-0"),
        device_index: 0,
        subnet: subnet(),
        primary: twin::PRIMARY,
        secondaries: Vec::new(),
        attached_at: Time(0),
        managed: true,
    });
    pool
}

const COOLDOWN: Duration = Duration::from_secs(30);
