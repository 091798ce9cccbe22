//! The real EC2 API.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ::ec2::{CallError, Ec2Client};
use ec2_query::{
    Action, AssignPrivateIpAddresses, AttachNetworkInterface, CreateNetworkInterface,
    DeleteNetworkInterface, DescribeInstanceTypes, DescribeNetworkInterfaces, DescribeSubnets,
    DetachNetworkInterface, Filter, ModifyNetworkInterfaceAttribute, NetworkInterface,
    NetworkInterfaceAttachmentChanges, Paginated, Subnet, Tag, TagSpecification,
};
use ipam::{EniId, SubnetId};

use super::{
    AttachmentInfo, Cloud, CloudError, EniInfo, ErrorKind, NewEni, SubnetInfo, TAG_INSTANCE,
    TypeLimits,
};

/// Largest page EC2 gives of ENIs; asking for pages at all costs less of the request quota than
/// asking for everything.
const PAGE: u32 = 1_000;

/// EC2, by its Query API.
#[derive(Clone, Debug)]
pub struct Ec2Cloud {
    client: Ec2Client,
}

impl Ec2Cloud {
    /// Through this client.
    #[must_use]
    pub fn new(client: Ec2Client) -> Self {
        Self { client }
    }

    async fn call<A: Action>(&self, request: A) -> Result<A::Response, CloudError> {
        self.client.call(&request).await.map_err(|error| cloud_error(A::NAME, &error))
    }

    async fn list<A: Paginated>(&self, request: A) -> Result<Vec<A::Item>, CloudError> {
        self.client.list(request).await.map_err(|error| cloud_error(A::NAME, &error))
    }

    async fn enis(&self, filters: Vec<Filter>) -> Result<Vec<EniInfo>, CloudError> {
        let max_results = Some(PAGE);
        let request = DescribeNetworkInterfaces { filters, max_results, ..Default::default() };
        self.list(request).await?.into_iter().filter_map(|eni| eni_info(eni).transpose()).collect()
    }
}

impl Cloud for Ec2Cloud {
    /// From the table that is compiled in; EC2 is asked about types newer than it.
    async fn type_limits(&self, instance_type: &str) -> Result<TypeLimits, CloudError> {
        if let Some(known) = vpc::instance_types::find(instance_type) {
            return Ok(TypeLimits {
                enis: known.default_card_enis(),
                addresses_per_eni: known.ipv4_per_eni,
            });
        }
        let request = DescribeInstanceTypes {
            instance_types: vec![instance_type.to_owned()],
            ..Default::default()
        };
        let types = self.list(request).await?;
        let info = types.into_iter().find(|info| info.instance_type == instance_type);
        let network = info.map(|info| info.network_info).ok_or_else(|| {
            unexpected::<DescribeInstanceTypes>(&format!("no instance type {instance_type}"))
        })?;
        let default = network.default_network_card_index;
        let card = network.network_cards.iter().find(|card| card.network_card_index == default);
        Ok(TypeLimits {
            enis: card
                .map_or(network.maximum_network_interfaces, |card| card.maximum_network_interfaces),
            addresses_per_eni: network.ipv4_addresses_per_interface,
        })
    }

    async fn enis_of_instance(&self, instance: &str) -> Result<Vec<EniInfo>, CloudError> {
        self.enis(vec![Filter::new("attachment.instance-id", [instance])]).await
    }

    async fn orphans_of_instance(&self, instance: &str) -> Result<Vec<EniInfo>, CloudError> {
        self.enis(vec![
            Filter::new(format!("tag:{TAG_INSTANCE}"), [instance]),
            Filter::new("status", ["available"]),
        ])
        .await
    }

    async fn enis_in_subnet(&self, subnet: &SubnetId) -> Result<Vec<EniInfo>, CloudError> {
        self.enis(vec![Filter::new("subnet-id", [subnet.as_str()])]).await
    }

    async fn eni(&self, id: &EniId) -> Result<Option<EniInfo>, CloudError> {
        let request = DescribeNetworkInterfaces {
            network_interface_ids: vec![id.to_string()],
            ..Default::default()
        };
        match self.list(request).await {
            Ok(enis) => enis.into_iter().find_map(|eni| eni_info(eni).transpose()).transpose(),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn subnets(&self, ids: &[SubnetId]) -> Result<Vec<SubnetInfo>, CloudError> {
        let subnet_ids = ids.iter().map(ToString::to_string).collect();
        let request = DescribeSubnets { subnet_ids, ..Default::default() };
        self.list(request).await?.into_iter().map(subnet_info).collect()
    }

    async fn create_eni(&self, new: &NewEni) -> Result<EniInfo, CloudError> {
        let tags = new.tags.iter().map(|(key, value)| Tag::new(key, value)).collect();
        let response = self
            .call(CreateNetworkInterface {
                subnet_id: new.subnet.to_string(),
                description: Some(new.description.clone()),
                secondary_private_ip_address_count: Some(new.secondaries).filter(|n| *n > 0),
                groups: new.groups.clone(),
                tag_specifications: vec![TagSpecification {
                    resource_type: "network-interface".into(),
                    tags,
                }],
                client_token: Some(new.token.clone()),
                ..Default::default()
            })
            .await?;
        eni_info(response.network_interface)?
            .ok_or_else(|| unexpected::<CreateNetworkInterface>("the new ENI has no address"))
    }

    async fn attach(
        &self,
        eni: &EniId,
        instance: &str,
        device_index: u32,
    ) -> Result<String, CloudError> {
        let request = AttachNetworkInterface {
            network_interface_id: eni.to_string(),
            instance_id: instance.to_owned(),
            device_index,
            ..Default::default()
        };
        Ok(self.call(request).await?.attachment_id)
    }

    async fn delete_on_termination(&self, eni: &EniId, id: &str) -> Result<(), CloudError> {
        self.call(ModifyNetworkInterfaceAttribute {
            network_interface_id: eni.to_string(),
            attachment: Some(NetworkInterfaceAttachmentChanges {
                attachment_id: id.to_owned(),
                delete_on_termination: Some(true),
            }),
            ..Default::default()
        })
        .await
        .map(drop)
    }

    async fn assign_addresses(&self, eni: &EniId, n: u32) -> Result<Vec<Ipv4Addr>, CloudError> {
        let request = AssignPrivateIpAddresses {
            network_interface_id: eni.to_string(),
            secondary_private_ip_address_count: Some(n),
            ..Default::default()
        };
        let response = self.call(request).await?;
        let addresses = response.assigned_private_ip_addresses.into_iter();
        addresses.map(|new| parse::<AssignPrivateIpAddresses, _>(&new.private_ip_address)).collect()
    }

    async fn detach(&self, attachment: &str) -> Result<(), CloudError> {
        let attachment_id = attachment.to_owned();
        self.call(DetachNetworkInterface { attachment_id, ..Default::default() }).await.map(drop)
    }

    async fn delete(&self, eni: &EniId) -> Result<(), CloudError> {
        let network_interface_id = eni.to_string();
        let request = DeleteNetworkInterface { network_interface_id, ..Default::default() };
        self.call(request).await.map(drop)
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.client.calls().into_iter().map(|(action, n)| (action.to_owned(), n)).collect()
    }
}

/// `None`: an ENI without addresses (`efa-only`).
fn eni_info(eni: NetworkInterface) -> Result<Option<EniInfo>, CloudError> {
    let Some(primary) = eni.private_ip_address.as_deref() else { return Ok(None) };
    let primary: Ipv4Addr = parse::<DescribeNetworkInterfaces, _>(primary)?;
    let secondaries = eni
        .private_ip_addresses
        .iter()
        .filter(|address| !address.primary)
        .map(|address| parse::<DescribeNetworkInterfaces, _>(&address.private_ip_address))
        .collect::<Result<_, _>>()?;
    Ok(Some(EniInfo {
        id: eni.network_interface_id.into(),
        subnet: eni.subnet_id.into(),
        mac: parse::<DescribeNetworkInterfaces, _>(&eni.mac_address)?,
        primary,
        secondaries,
        groups: eni.groups.into_iter().map(|group| group.group_id).collect(),
        description: eni.description,
        interface_type: eni.interface_type,
        tags: eni.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        attachment: eni.attachment.map(|attachment| AttachmentInfo {
            detaching: eni.status == "detaching" || attachment.status.starts_with("detach"),
            id: attachment.attachment_id,
            instance: attachment.instance_id,
            device_index: attachment.device_index,
            network_card: attachment.network_card_index.unwrap_or(0),
            delete_on_termination: attachment.delete_on_termination,
        }),
    }))
}

fn subnet_info(subnet: Subnet) -> Result<SubnetInfo, CloudError> {
    let name = subnet.tags.into_iter().find(|tag| tag.key == "Name").map(|tag| tag.value);
    Ok(SubnetInfo {
        id: subnet.subnet_id.into(),
        name: name.filter(|name| !name.is_empty()),
        cidr: parse::<DescribeSubnets, _>(&subnet.cidr_block)?,
        free: subnet.available_ip_address_count,
    })
}

fn parse<A: Action, T: std::str::FromStr>(text: &str) -> Result<T, CloudError> {
    let problem = || format!("the answer has '{text}' where an address is expected");
    text.parse().map_err(|_| unexpected::<A>(&problem()))
}

fn unexpected<A: Action>(what: &str) -> CloudError {
    let what = format!("{}: {what}", A::NAME);
    CloudError { action: A::NAME, kind: ErrorKind::Other, what }
}

fn cloud_error(action: &'static str, error: &CallError) -> CloudError {
    CloudError { action, kind: kind(error), what: crate::chain(error) }
}

fn kind(error: &CallError) -> ErrorKind {
    if error.is_throttle() {
        return ErrorKind::Throttled;
    }
    if let CallError::Service { code, message, .. } = error
        && let Some(kind) = kind_of_code(code, message)
    {
        return kind;
    }
    if error.is_without_effect() { ErrorKind::Other } else { ErrorKind::Unanswered }
}

/// By EC2's error code, and where that says too little, by its message
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).
fn kind_of_code(code: &str, message: &str) -> Option<ErrorKind> {
    let kind = match code {
        "InsufficientFreeAddressesInSubnet" => ErrorKind::SubnetShort,
        "AttachmentLimitExceeded" => ErrorKind::EniLimit,
        "PrivateIpAddressLimitExceeded" => ErrorKind::AddressLimit,
        "InvalidNetworkInterface.InUse" | "InvalidNetworkInterfaceID.InUse" => ErrorKind::InUse,
        _ if code.ends_with(".NotFound") => ErrorKind::NotFound,
        _ if message.contains("is currently in use") => ErrorKind::InUse,
        _ if message.contains("at device index") && message.contains("already has") => {
            ErrorKind::DeviceIndexTaken
        }
        _ => return None,
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    use ec2_query::NetworkInterfacePrivateIpAddress;

    use super::*;

    #[test]
    fn refusals_are_told_apart_as_ec2_words_them() {
        let in_use = "Network interface 'eni-1' is currently in use.";
        let index = "Instance 'i-1' already has an interface attached at device index '1'.";
        for (code, message, kind) in [
            ("InsufficientFreeAddressesInSubnet", "", Some(ErrorKind::SubnetShort)),
            ("AttachmentLimitExceeded", "", Some(ErrorKind::EniLimit)),
            ("PrivateIpAddressLimitExceeded", "", Some(ErrorKind::AddressLimit)),
            ("InvalidNetworkInterfaceID.NotFound", "", Some(ErrorKind::NotFound)),
            ("InvalidAttachmentID.NotFound", "", Some(ErrorKind::NotFound)),
            ("InvalidParameterValue", in_use, Some(ErrorKind::InUse)),
            ("InvalidParameterValue", index, Some(ErrorKind::DeviceIndexTaken)),
            ("InvalidParameterValue", "something else", None),
            ("UnauthorizedOperation", "", None),
        ] {
            assert_eq!(kind_of_code(code, message), kind, "{code}: {message}");
        }
    }

    #[test]
    fn enis_are_read_with_their_secondary_addresses() {
        let address = |text: &str, primary| NetworkInterfacePrivateIpAddress {
            private_ip_address: text.into(),
            primary,
            ..Default::default()
        };
        let eni = NetworkInterface {
            network_interface_id: "eni-1".into(),
            mac_address: "02:00:00:00:00:01".into(),
            private_ip_address: Some("10.0.0.4".into()),
            private_ip_addresses: vec![address("10.0.0.4", true), address("10.0.0.9", false)],
            ..Default::default()
        };
        let info = eni_info(eni.clone()).unwrap().unwrap();
        assert_eq!(info.secondaries, [Ipv4Addr::new(10, 0, 0, 9)]);
        let bare = NetworkInterface { private_ip_address: None, ..eni.clone() };
        assert_eq!(eni_info(bare).unwrap(), None);
        let odd = NetworkInterface { mac_address: "zz".into(), ..eni };
        assert!(eni_info(odd).unwrap_err().to_string().contains("'zz'"));
    }
}
