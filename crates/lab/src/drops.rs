//! What the fabric dropped, as `flatnet lab drops` shows it. The JSON names are stable.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use vpc::{AttachmentTarget, Eni, World};

use crate::status::name_of;

/// Packets dropped since the lab started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drops {
    /// In all, by reason.
    pub total: BTreeMap<String, u64>,
    /// By ENI, for every attached ENI that any was counted for.
    pub enis: Vec<EniDrops>,
}

/// Packets dropped at an ENI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EniDrops {
    /// The ENI.
    pub eni: String,
    /// Whose it is: `node-1 eth0`, else the ENI's description.
    pub of: String,
    /// Its primary address.
    pub primary: Ipv4Addr,
    /// Packets by reason.
    pub drops: BTreeMap<String, u64>,
}

impl EniDrops {
    /// What was dropped at an ENI of `world`.
    pub(crate) fn of(world: &World, eni: &Eni, drops: BTreeMap<String, u64>) -> Self {
        let of = match eni.attachment.as_ref().map(|attachment| &attachment.target) {
            Some(AttachmentTarget::Instance { id, device_index, .. }) => {
                let instance = world.instance(id).ok();
                let name = instance.map_or_else(|| id.to_string(), |of| name_of(&of.tags, id));
                format!("{name} eth{device_index}")
            }
            Some(AttachmentTarget::Foreign(_)) | None => eni.description.clone(),
        };
        Self { eni: eni.id.to_string(), of, primary: eni.primary, drops }
    }
}
