//! The VPC model: address space, subnets, ENIs and instance-type limits. Pure.
//!
//! [`World`] holds all of a Region's networking state and is the only way to change it: each of
//! its methods that changes something is one EC2 operation with EC2's rules, and either does all
//! of it or returns an [`Error`] and changes nothing. [`instance_types`] knows the limits of
//! every EC2 instance type, and [`requests`] how fast EC2 takes calls and shows what they did.
//!
//! Nothing here does I/O or reads a clock: callers pass the time, and identifiers, MAC addresses
//! and the choice of free addresses come from the World's own seeded generator.

mod cidr_reservation;
mod eni;
mod error;
mod id;
mod instance;
pub mod instance_types;
mod mac;
mod quotas;
mod random;
pub mod requests;
mod security_group;
mod shared_map;
mod subnet;
mod tags;
mod time;
mod virtual_network;
mod vpc_cidr_rules;
mod world;
mod zone;

pub use self::cidr_reservation::{CidrReservation, CidrReservationSpec, ReservationType};
pub use self::eni::{
    AddressRequest, Attachment, AttachmentTarget, Eni, EniAttribute, EniSpec, EniStatus,
    ForeignAttachment, InterfaceType, PrefixRequest, Requester, UnknownInterfaceType,
};
pub use self::error::Error;
pub use self::id::{
    AccountId, AttachmentId, EniId, InstanceId, InvalidId, SecurityGroupId, SecurityGroupRuleId,
    SubnetCidrReservationId, SubnetId, VpcCidrAssociationId, VpcId,
};
pub use self::instance::{Instance, InstanceSpec, InstanceState};
pub use self::instance_types::InstanceType;
pub use self::mac::{InvalidMacAddress, MacAddress};
pub use self::quotas::Quotas;
pub use self::random::Random;
pub use self::security_group::{
    Direction, EffectiveRule, EffectiveRules, IcmpKind, Packet, Payload, Peer, Permission,
    PortRange, SecurityGroup, SecurityGroupRule, SecurityGroupRuleSpec, SecurityGroupSpec, Traffic,
};
pub use self::subnet::{Block, BlockCounts, BlockState, Subnet, SubnetSpec, SubnetUsage};
pub use self::tags::{TagSelection, Tags};
pub use self::time::Timestamp;
pub use self::virtual_network::{Vpc, VpcAttribute, VpcAttributes, VpcCidr, VpcSpec};
pub use self::world::World;
pub use self::zone::AvailabilityZone;
