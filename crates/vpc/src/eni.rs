//! ENIs (elastic network interfaces) and their attachments.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;

use crate::{
    AccountId, AttachmentId, AvailabilityZone, EniId, InstanceId, MacAddress, SecurityGroupId,
    SubnetId, Tags, Timestamp, VpcId,
};

/// An ENI: a virtual network card of a subnet, with a primary private IPv4 address for its
/// lifetime and any number of secondary ones and of prefixes.
#[derive(Debug, Clone, PartialEq)]
pub struct Eni {
    /// The ENI's ID.
    pub id: EniId,
    /// The VPC of its subnet.
    pub vpc: VpcId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// The Availability Zone of its subnet.
    pub availability_zone: AvailabilityZone,
    /// The account it belongs to.
    pub owner: AccountId,
    /// Who asked for it, if that was not its owner.
    pub requester: Option<Requester>,
    /// Its interface type.
    pub interface_type: InterfaceType,
    /// What it is for.
    pub description: String,
    /// Its MAC address, unique in the World.
    pub mac: MacAddress,
    /// Its primary address.
    pub primary: Ipv4Addr,
    /// Its secondary addresses in the order of their assignment.
    pub secondary: Vec<Ipv4Addr>,
    /// Its prefixes, /28 blocks, in the order of their assignment.
    pub prefixes: Vec<Ipv4Net>,
    /// Its security groups.
    pub groups: Vec<SecurityGroupId>,
    /// Whether the VPC drops packets of this ENI that neither come from nor go to an address it
    /// holds.
    pub source_dest_check: bool,
    /// Its tags.
    pub tags: Tags,
    /// What it is attached to.
    pub attachment: Option<Attachment>,
    /// When it was created.
    pub created: Timestamp,
}

impl Eni {
    /// All its addresses but those in prefixes, the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        std::iter::once(self.primary).chain(self.secondary.iter().copied())
    }

    /// How many of the addresses an instance type allows per ENI it uses: its primary address,
    /// and each secondary address and each prefix as one (Amazon EC2 user guide, "Prefix
    /// delegation").
    #[must_use]
    pub fn address_count(&self) -> usize {
        1 + self.secondary.len() + self.prefixes.len()
    }

    /// Whether it holds the address, by itself or in a prefix.
    #[must_use]
    pub fn holds(&self, address: Ipv4Addr) -> bool {
        self.addresses().any(|held| held == address)
            || self.prefixes.iter().any(|prefix| prefix.contains(&address))
    }

    /// Whether it is attached.
    #[must_use]
    pub fn status(&self) -> EniStatus {
        if self.attachment.is_some() { EniStatus::InUse } else { EniStatus::Available }
    }

    /// The instance it is attached to.
    #[must_use]
    pub fn instance(&self) -> Option<&InstanceId> {
        match &self.attachment.as_ref()?.target {
            AttachmentTarget::Instance { id, .. } => Some(id),
            AttachmentTarget::Foreign(_) => None,
        }
    }

    /// Whether an AWS service manages it, so that its owner may not.
    #[must_use]
    pub fn is_requester_managed(&self) -> bool {
        self.requester.as_ref().is_some_and(|requester| requester.managed)
    }
}

/// Who asked for an ENI on its owner's behalf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The account or the name of the service.
    pub id: String,
    /// Whether only the requester may change the ENI.
    pub managed: bool,
}

/// Whether an ENI is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EniStatus {
    /// It is not attached.
    Available,
    /// It is attached.
    InUse,
}

/// The attachment of an ENI.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// The attachment's ID.
    pub id: AttachmentId,
    /// The other end.
    pub target: AttachmentTarget,
    /// Whether the ENI is deleted with the instance.
    pub delete_on_termination: bool,
    /// When it was attached.
    pub attached_at: Timestamp,
}

/// What an ENI is attached to.
#[derive(Debug, Clone, PartialEq)]
pub enum AttachmentTarget {
    /// An instance.
    Instance {
        /// The instance.
        id: InstanceId,
        /// The ENI's place among those of the network card; 0 is the primary ENI.
        device_index: u32,
        /// The network card; 0 is the default.
        network_card: u32,
    },
    /// Something of another account, such as the control plane behind an X-ENI.
    Foreign(ForeignAttachment),
}

/// The far end of an ENI that leads into another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignAttachment {
    /// The account of the far end.
    pub owner_account: AccountId,
    /// What is there.
    pub description: String,
}

/// What to create an ENI from.
#[derive(Debug, Clone, PartialEq)]
pub struct EniSpec {
    /// The subnet.
    pub subnet: SubnetId,
    /// The account it will belong to.
    pub owner: AccountId,
    /// Who asks for it, if not the owner.
    pub requester: Option<Requester>,
    /// The interface type.
    pub interface_type: InterfaceType,
    /// What it is for.
    pub description: String,
    /// The primary address; `None` takes any free one.
    pub primary: Option<Ipv4Addr>,
    /// Secondary addresses.
    pub secondary: AddressRequest,
    /// Security groups; if there are none, the VPC's default group.
    pub groups: Vec<SecurityGroupId>,
    /// Tags.
    pub tags: Tags,
    /// Makes a repeated request return the ENI of the first: up to 64 ASCII characters.
    pub client_token: Option<String>,
    /// The time of the request.
    pub now: Timestamp,
}

/// Which secondary addresses, or which prefixes in their place, are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AddressRequest {
    /// None.
    #[default]
    None,
    /// So many free ones, whichever they are.
    Count(u32),
    /// These.
    List(Vec<Ipv4Addr>),
    /// Prefixes.
    Prefixes(PrefixRequest),
}

/// Which prefixes are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrefixRequest {
    /// So many free ones, whichever they are.
    Count(u32),
    /// These.
    List(Vec<Ipv4Net>),
}

impl PrefixRequest {
    /// How many prefixes are asked for.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX),
            Self::List(prefixes) => prefixes.len(),
        }
    }
}

impl AddressRequest {
    /// How many addresses are asked for; a prefix does not count.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::None | Self::Prefixes(_) => 0,
            Self::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX),
            Self::List(addresses) => addresses.len(),
        }
    }
}

/// An attribute of an ENI and its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EniAttribute {
    /// The description.
    Description(String),
    /// The security groups, in place of the present ones.
    Groups(Vec<SecurityGroupId>),
    /// The source/destination check.
    SourceDestCheck(bool),
    /// Whether the ENI is deleted with the instance.
    DeleteOnTermination {
        /// The ENI's attachment.
        attachment: AttachmentId,
        /// The new value.
        value: bool,
    },
}

macro_rules! interface_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of ENI it is (EC2 API reference, NetworkInterface).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub enum InterfaceType {
            $($(#[$doc])* $name,)*
        }

        impl InterfaceType {
            /// EC2's name for it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }

        impl FromStr for InterfaceType {
            type Err = UnknownInterfaceType;

            fn from_str(text: &str) -> Result<Self, UnknownInterfaceType> {
                match text {
                    $($text => Ok(Self::$name),)*
                    _ => Err(UnknownInterfaceType { name: text.to_owned() }),
                }
            }
        }
    };
}

interface_types! {
    /// An ordinary ENI.
    #[default]
    Interface = "interface",
    /// An Elastic Fabric Adapter.
    Efa = "efa",
    /// An ENI of a pod, reached through a trunk ENI.
    Branch = "branch",
    /// An ENI that carries branch ENIs.
    Trunk = "trunk",
    /// A NAT gateway's.
    NatGateway = "natGateway",
    /// A load balancer's.
    LoadBalancer = "load_balancer",
    /// A Network Load Balancer's.
    NetworkLoadBalancer = "network_load_balancer",
    /// A Gateway Load Balancer's.
    GatewayLoadBalancer = "gateway_load_balancer",
    /// A Gateway Load Balancer endpoint's.
    GatewayLoadBalancerEndpoint = "gateway_load_balancer_endpoint",
    /// An interface endpoint's.
    VpcEndpoint = "vpc_endpoint",
    /// A Lambda function's.
    Lambda = "lambda",
    /// A transit gateway's.
    TransitGateway = "transit_gateway",
}

impl fmt::Display for InterfaceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no interface type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is not an interface type; ENIs with addresses are, for example, 'interface'")]
pub struct UnknownInterfaceType {
    /// The text as given.
    pub name: String,
}
