//! One line of the checkpoint.

use std::net::Ipv4Addr;

use datapath::{Mac, PodHost};
use ipam::{Assignment, AttachmentKey};
use serde::{Deserialize, Serialize};

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Record {
    /// An attachment has an address.
    Assign(PodRecord),
    /// An attachment has ended; its address rests since `at` (ms since the Unix epoch), if it does.
    Release {
        #[serde(flatten)]
        key: KeyRecord,
        address: Ipv4Addr,
        at: Option<u64>,
    },
    /// An address rests.
    Rest { address: Ipv4Addr, at: u64 },
}

/// Which attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    network: String,
    container_id: String,
    ifname: String,
}

/// All that is needed to answer an attachment's ADD again, to CHECK it and to remove it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRecord {
    /// The network's name.
    pub network: String,
    /// `CNI_CONTAINERID`.
    pub container_id: String,
    /// `CNI_IFNAME`.
    pub ifname: String,
    /// The address.
    pub address: Ipv4Addr,
    /// The ENI that holds it.
    pub eni: String,
    /// That ENI's device index.
    pub device_index: u32,
    /// Its routing table.
    pub table: u32,
    /// The host veth's name.
    pub veth: String,
    /// The host veth's Ethernet address.
    #[serde(with = "mac")]
    pub host_mac: Mac,
    /// The Ethernet address of the pod's link.
    #[serde(with = "mac")]
    pub pod_mac: Mac,
    /// MTU of both, in bytes.
    pub mtu: u32,
    /// The pod's namespace path, as the runtime gave it.
    pub netns: String,
    /// `K8S_POD_NAMESPACE`, if given.
    pub namespace: Option<String>,
    /// `K8S_POD_NAME`, if given.
    pub pod: Option<String>,
}

impl PodRecord {
    /// The attachment.
    #[must_use]
    pub fn key(&self) -> AttachmentKey {
        AttachmentKey {
            network: self.network.clone(),
            container_id: self.container_id.clone(),
            ifname: self.ifname.clone(),
        }
    }

    /// Its address, as the pool gave it.
    #[must_use]
    pub fn assignment(&self) -> Assignment {
        Assignment {
            address: self.address,
            eni: self.eni.as_str().into(),
            device_index: self.device_index,
        }
    }

    /// Its half on the node.
    #[must_use]
    pub fn host(&self) -> PodHost {
        PodHost {
            address: self.address,
            veth: self.veth.clone(),
            mac: self.host_mac,
            mtu: self.mtu,
            table: self.table,
        }
    }

    /// How people know it.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.namespace, &self.pod) {
            (Some(namespace), Some(pod)) => format!("{namespace}/{pod}"),
            _ => self.container_id.clone(),
        }
    }
}

impl From<&AttachmentKey> for KeyRecord {
    fn from(key: &AttachmentKey) -> Self {
        let AttachmentKey { network, container_id, ifname } = key.clone();
        Self { network, container_id, ifname }
    }
}

impl From<&KeyRecord> for AttachmentKey {
    fn from(key: &KeyRecord) -> Self {
        let KeyRecord { network, container_id, ifname } = key.clone();
        Self { network, container_id, ifname }
    }
}

/// Ethernet addresses as text.
mod mac {
    use datapath::Mac;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(mac: &Mac, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(mac)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Mac, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}
