//! The instance's ENIs, as the metadata service lists them.

use super::{ImdsClient, ImdsError, parse};
use ipnet::Ipv4Net;
use std::{net::Ipv4Addr, str::FromStr};

const MACS: &str = "network/interfaces/macs/";

/// An ENI in the metadata service. May be out of date for seconds, at times minutes, after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImdsInterface {
    /// MAC address.
    pub mac: String,
    /// Id of the ENI.
    pub interface_id: String,
    /// Device index on its network card.
    pub device_number: u32,
    /// The network card; 0 where the service names none.
    pub network_card: u32,
    /// The subnet it is in.
    pub subnet_id: String,
    /// The VPC it is in.
    pub vpc_id: String,
    /// Private IPv4 addresses, the primary one first; none on ENIs without addresses.
    pub local_ipv4s: Vec<Ipv4Addr>,
    /// The subnet's IPv4 CIDR block.
    pub subnet_ipv4_cidr_block: Option<Ipv4Net>,
    /// All IPv4 CIDR blocks of the VPC.
    pub vpc_ipv4_cidr_blocks: Vec<Ipv4Net>,
    /// Ids of its security groups.
    pub security_group_ids: Vec<String>,
}

impl ImdsClient {
    /// The instance's ENIs, by network card and device index.
    ///
    /// The service lists some MAC addresses before it knows their ENIs. Those are left out: ask
    /// again a little later.
    ///
    /// # Errors
    /// If the service does not answer, or says what means nothing.
    pub async fn interfaces(&self) -> Result<Vec<ImdsInterface>, ImdsError> {
        let listing = self.get(MACS).await?.unwrap_or_default();
        let mut interfaces = Vec::new();
        for mac in listing.split_whitespace().map(|line| line.trim_end_matches('/')) {
            match self.interface(mac).await? {
                Some(interface) => interfaces.push(interface),
                None => tracing::debug!(mac, "the metadata service does not know this ENI yet"),
            }
        }
        interfaces.sort_by_key(|interface| (interface.network_card, interface.device_number));
        Ok(interfaces)
    }

    /// The ENI with this MAC address; none if the service does not know it, or not all of it yet.
    ///
    /// # Errors
    /// If the service does not answer, or says what means nothing.
    pub async fn interface(&self, mac: &str) -> Result<Option<ImdsInterface>, ImdsError> {
        let path = |key: &str| format!("{MACS}{mac}/{key}");
        let Some(interface_id) = self.get(&path("interface-id")).await? else { return Ok(None) };
        let Some(device_number) = self.value(&path("device-number"), "a number").await? else {
            return Ok(None);
        };
        let Some(subnet_id) = self.get(&path("subnet-id")).await? else { return Ok(None) };
        let Some(vpc_id) = self.get(&path("vpc-id")).await? else { return Ok(None) };
        let network_card = self.value(&path("network-card"), "a number").await?.unwrap_or(0);
        let block = "an IPv4 CIDR block";
        Ok(Some(ImdsInterface {
            mac: mac.to_owned(),
            interface_id,
            device_number,
            network_card,
            subnet_id,
            vpc_id,
            local_ipv4s: self.values(&path("local-ipv4s"), "an IPv4 address").await?,
            subnet_ipv4_cidr_block: self.value(&path("subnet-ipv4-cidr-block"), block).await?,
            vpc_ipv4_cidr_blocks: self.values(&path("vpc-ipv4-cidr-blocks"), block).await?,
            security_group_ids: self.values(&path("security-group-ids"), "an id").await?,
        }))
    }

    async fn value<T: FromStr>(
        &self,
        path: &str,
        expected: &'static str,
    ) -> Result<Option<T>, ImdsError> {
        self.get(path).await?.map(|value| parse(path, &value, expected)).transpose()
    }

    /// The values at `path`, one a line.
    async fn values<T: FromStr>(
        &self,
        path: &str,
        expected: &'static str,
    ) -> Result<Vec<T>, ImdsError> {
        let value = self.get(path).await?.unwrap_or_default();
        value.split_whitespace().map(|line| parse(path, line, expected)).collect()
    }
}
