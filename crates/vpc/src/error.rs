//! Why an operation was refused.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::{
    AccountId, AttachmentId, AvailabilityZone, EniId, InstanceId, InstanceState, InvalidId,
    Permission, ReservationType, SecurityGroupId, SecurityGroupRuleId, SubnetCidrReservationId,
    SubnetId, VpcCidrAssociationId, VpcId,
};

/// A refusal of an operation, with the facts. The World is as it was before.
///
/// There is one variant for each of EC2's refusals; the text is Flatnet's own, for people.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "fields say by name what the message says with them")]
pub enum Error {
    /// No such VPC.
    #[error("there is no VPC {vpc}")]
    UnknownVpc { vpc: VpcId },
    /// No such subnet.
    #[error("there is no subnet {subnet}")]
    UnknownSubnet { subnet: SubnetId },
    /// No such ENI.
    #[error("there is no ENI {eni}")]
    UnknownEni { eni: EniId },
    /// No such instance.
    #[error("there is no instance {instance}")]
    UnknownInstance { instance: InstanceId },
    /// No such security group.
    #[error("there is no security group {group}")]
    UnknownSecurityGroup { group: SecurityGroupId },
    /// No such attachment, or not of the ENI in question.
    #[error("there is no ENI attachment {attachment}")]
    UnknownAttachment { attachment: AttachmentId },
    /// Not the ID of a resource that can have tags.
    #[error("{0}; resources with tags are VPCs, subnets, ENIs, instances and security groups")]
    InvalidResourceId(InvalidId),

    /// A VPC's CIDR block must be a /16 to a /28.
    #[error("a VPC cannot have the CIDR block {cidr}; use a /16 to a /28")]
    VpcCidrSize { cidr: Ipv4Net },
    /// Addresses no VPC can use.
    #[error(
        "a VPC cannot have the CIDR block {cidr}, because {restricted} is not for hosts; \
         use a private range such as 10.0.0.0/8"
    )]
    VpcCidrRestricted { cidr: Ipv4Net, restricted: Ipv4Net },
    /// The account's quota of VPCs.
    #[error("account {owner} has {limit} VPCs, which is its quota; delete one or raise the quota")]
    VpcLimitExceeded { owner: AccountId, limit: u32 },

    /// A subnet's CIDR block must be a /16 to a /28.
    #[error("a subnet cannot have the CIDR block {cidr}; use a /16 to a /28")]
    SubnetCidrSize { cidr: Ipv4Net },
    /// A subnet must lie in a CIDR block of its VPC.
    #[error("the CIDR block {cidr} is not inside VPC {vpc}; use a part of {}", list(.vpc_cidrs))]
    SubnetOutsideVpc { cidr: Ipv4Net, vpc: VpcId, vpc_cidrs: Vec<Ipv4Net> },
    /// Subnets of a VPC may not overlap.
    #[error("the CIDR block {cidr} overlaps subnet {conflict} ({conflict_cidr}) of the same VPC")]
    SubnetConflict { cidr: Ipv4Net, conflict: SubnetId, conflict_cidr: Ipv4Net },
    /// The quota of subnets of a VPC.
    #[error("VPC {vpc} has {limit} subnets, which is its quota; delete one or raise the quota")]
    SubnetLimitExceeded { vpc: VpcId, limit: u32 },
    /// A subnet's Availability Zone must be in the VPC's Region.
    #[error("Availability Zone {zone} is not in {region}, the Region of the VPC")]
    ZoneOutsideRegion { zone: AvailabilityZone, region: String },

    /// The name of a security group is unique in its VPC.
    #[error("VPC {vpc} already has a security group named '{name}'")]
    SecurityGroupDuplicate { vpc: VpcId, name: String },
    /// A name EC2 does not take.
    #[error("a security group cannot have the name '{name}': it {problem}")]
    InvalidSecurityGroupName { name: String, problem: &'static str },
    /// A description EC2 does not take.
    #[error("a security group cannot have the description '{description}': it {problem}")]
    InvalidSecurityGroupDescription { description: String, problem: &'static str },
    /// The account's quota of security groups.
    #[error(
        "account {owner} has {limit} security groups, which is its quota; \
         delete one or raise the quota"
    )]
    SecurityGroupLimitExceeded { owner: AccountId, limit: u32 },
    /// An ENI's security groups must be of its own VPC.
    #[error("security group {group} is of VPC {group_vpc}, but the ENI is in VPC {vpc}")]
    SecurityGroupOtherVpc { group: SecurityGroupId, group_vpc: VpcId, vpc: VpcId },
    /// The quota of security groups of an ENI.
    #[error("an ENI may have {limit} security groups, but {requested} were given")]
    SecurityGroupsPerEniLimitExceeded { requested: usize, limit: u32 },
    /// A group has each rule once.
    #[error("security group {group} already has the rule \"{permission}\"")]
    RuleDuplicate { group: SecurityGroupId, permission: Permission },
    /// The request names a rule twice.
    #[error("the rule \"{permission}\" is given more than once")]
    RuleGivenTwice { permission: Permission },
    /// The group has no such rule.
    #[error("security group {group} has no rule \"{permission}\"")]
    UnknownPermission { group: SecurityGroupId, permission: Permission },
    /// The group has no rule of that ID in that direction.
    #[error("there is no such rule {rule} of security group {group}")]
    UnknownRule { group: SecurityGroupId, rule: SecurityGroupRuleId },
    /// The quota of rules of a group per direction and address family.
    #[error(
        "security group {group} would have {requested} rules in one direction, but may have {limit}"
    )]
    RulesPerSecurityGroupLimitExceeded { group: SecurityGroupId, requested: usize, limit: u32 },
    /// A description EC2 does not take.
    #[error("a rule cannot have the description '{description}': it {problem}")]
    InvalidRuleDescription { description: String, problem: &'static str },
    /// ENIs are in the group, or rules of other groups name it.
    #[error(
        "security group {group} is in use by {}; take it from them first", list(.dependents)
    )]
    SecurityGroupInUse { group: SecurityGroupId, dependents: Vec<String> },
    /// A VPC keeps its default group.
    #[error("security group {group} is the default group of its VPC and cannot be deleted")]
    DefaultSecurityGroup { group: SecurityGroupId },
    /// An ENI has at least one security group.
    #[error("ENI {eni} must keep at least one security group")]
    NoSecurityGroups { eni: EniId },

    /// An address must be of the ENI's subnet.
    #[error("address {address} is not in subnet {subnet} ({cidr})")]
    AddressOutsideSubnet { address: Ipv4Addr, subnet: SubnetId, cidr: Ipv4Net },
    /// The first four addresses of a subnet and its last are AWS's.
    #[error(
        "address {address} of subnet {subnet} ({cidr}) is reserved; \
         the first four addresses and the last cannot be assigned"
    )]
    AddressReserved { address: Ipv4Addr, subnet: SubnetId, cidr: Ipv4Net },
    /// A new ENI was to get an address that another holds.
    #[error("address {address} of subnet {subnet} is in use by ENI {eni}")]
    AddressInUse { address: Ipv4Addr, subnet: SubnetId, eni: EniId },
    /// An ENI holds the address, and moving it was not allowed.
    #[error("address {address} is assigned to ENI {eni}; allow reassignment to move it")]
    AddressAssigned { address: Ipv4Addr, eni: EniId },
    /// A primary address stays with its ENI.
    #[error("address {address} is the primary address of ENI {eni} and cannot be moved")]
    PrimaryAddressMove { address: Ipv4Addr, eni: EniId },
    /// The request names an address twice.
    #[error("address {address} is given more than once")]
    DuplicateAddress { address: Ipv4Addr },
    /// The request asks for no address.
    #[error("no address is asked for; give addresses or a count above zero")]
    NoAddressRequested,
    /// The subnet is short of addresses.
    #[error(
        "subnet {subnet} ({cidr}) has {free} free addresses, but {requested} are asked for; \
         free some or use another subnet"
    )]
    InsufficientFreeAddresses { subnet: SubnetId, cidr: Ipv4Net, requested: usize, free: u32 },
    /// The instance type's limit of addresses per ENI.
    #[error(
        "ENI {eni} would have {requested} addresses, but an ENI of an {instance_type} \
         ({instance}) may have {limit}"
    )]
    AddressLimitExceeded {
        eni: EniId,
        instance: InstanceId,
        instance_type: &'static str,
        requested: usize,
        limit: u32,
    },
    /// The primary address cannot be unassigned.
    #[error("address {address} is the primary address of ENI {eni} and cannot be unassigned")]
    PrimaryUnassign { eni: EniId, address: Ipv4Addr },
    /// Addresses the ENI does not hold.
    #[error("ENI {eni} does not hold {}", list(.addresses))]
    AddressesNotAssigned { eni: EniId, addresses: Vec<Ipv4Addr> },

    /// The address is in a prefix of an ENI and cannot be assigned by itself.
    #[error("address {address} is in prefix {prefix} of ENI {eni}; unassign the prefix first")]
    AddressInPrefix { address: Ipv4Addr, prefix: Ipv4Net, eni: EniId },
    /// An ENI's prefix is an aligned /28.
    #[error("{prefix} is not a prefix for an ENI; use a /28 without host bits")]
    InvalidPrefix { prefix: Ipv4Net },
    /// A prefix must be of the ENI's subnet.
    #[error("prefix {prefix} is not in subnet {subnet} ({cidr})")]
    PrefixOutsideSubnet { prefix: Ipv4Net, subnet: SubnetId, cidr: Ipv4Net },
    /// The first and the last /28 of a subnet hold addresses that are AWS's.
    #[error(
        "prefix {prefix} of subnet {subnet} ({cidr}) has reserved addresses; \
         the first /28 and the last cannot be assigned"
    )]
    PrefixReserved { prefix: Ipv4Net, subnet: SubnetId, cidr: Ipv4Net },
    /// An ENI holds the prefix or an address in it.
    #[error("prefix {prefix} of subnet {subnet} is in use by ENI {eni}")]
    PrefixInUse { prefix: Ipv4Net, subnet: SubnetId, eni: EniId },
    /// The primary address asked for is in a prefix asked for.
    #[error("the primary address {address} cannot be in prefix {prefix} of the same ENI")]
    PrimaryInPrefix { address: Ipv4Addr, prefix: Ipv4Net },
    /// The request names a prefix twice.
    #[error("prefix {prefix} is given more than once")]
    DuplicatePrefix { prefix: Ipv4Net },
    /// The subnet is short of free /28 blocks.
    #[error(
        "subnet {subnet} ({cidr}) has {free} free /28 blocks, but {requested} are asked for; \
         reserve a part of a subnet for prefixes, so that single addresses do not fragment it"
    )]
    InsufficientFreePrefixes { subnet: SubnetId, cidr: Ipv4Net, requested: usize, free: u32 },
    /// Only instances on Nitro and bare metal can have prefixes.
    #[error(
        "ENI {eni} cannot have prefixes on instance {instance}, because an {instance_type} is \
         neither on the Nitro hypervisor nor bare metal"
    )]
    PrefixesUnsupported { eni: EniId, instance: InstanceId, instance_type: &'static str },
    /// Prefixes the ENI does not hold.
    #[error("ENI {eni} does not hold {}", list(.prefixes))]
    PrefixesNotAssigned { eni: EniId, prefixes: Vec<Ipv4Net> },

    /// No such CIDR reservation.
    #[error("there is no subnet CIDR reservation {reservation}")]
    UnknownCidrReservation { reservation: SubnetCidrReservationId },
    /// A CIDR reservation must lie in its subnet.
    #[error("the CIDR block {reserved} is not inside subnet {subnet} ({cidr})")]
    ReservationOutsideSubnet { reserved: Ipv4Net, subnet: SubnetId, cidr: Ipv4Net },
    /// CIDR reservations of a subnet may not overlap.
    #[error("the CIDR block {reserved} overlaps the {kind} reservation {conflict} of the subnet")]
    ReservationConflict {
        reserved: Ipv4Net,
        conflict: SubnetCidrReservationId,
        kind: ReservationType,
    },
    /// The quota of CIDR reservations of a subnet.
    #[error("subnet {subnet} has {limit} CIDR reservations, which is its quota; delete one")]
    ReservationLimitExceeded { subnet: SubnetId, limit: u32 },

    /// A VPC may not have the CIDR block beside those it has.
    #[error(
        "VPC {vpc} cannot have the CIDR block {cidr} beside {existing}, because {restricted} is \
         restricted then; use the same private range as {existing}, or 100.64.0.0/10"
    )]
    VpcCidrFamily { vpc: VpcId, cidr: Ipv4Net, existing: Ipv4Net, restricted: Ipv4Net },
    /// CIDR blocks of a VPC may not overlap.
    #[error("the CIDR block {cidr} overlaps {existing} of VPC {vpc}")]
    VpcCidrConflict { vpc: VpcId, cidr: Ipv4Net, existing: Ipv4Net },
    /// The quota of CIDR blocks of a VPC.
    #[error("VPC {vpc} has {limit} CIDR blocks, which is its quota; disassociate one")]
    VpcCidrLimitExceeded { vpc: VpcId, limit: u32 },
    /// No such association of a CIDR block.
    #[error("there is no VPC CIDR association {association}")]
    UnknownVpcCidrAssociation { association: VpcCidrAssociationId },
    /// The primary CIDR block stays with its VPC.
    #[error("{cidr} is the primary CIDR block of VPC {vpc} and cannot be disassociated")]
    PrimaryVpcCidr { vpc: VpcId, association: VpcCidrAssociationId, cidr: Ipv4Net },
    /// A subnet lies in the CIDR block.
    #[error("subnet {subnet} is in the CIDR block {cidr} of VPC {vpc}; delete it first")]
    VpcCidrInUse { vpc: VpcId, cidr: Ipv4Net, subnet: SubnetId },
    /// A subnet with ENIs cannot be deleted.
    #[error("subnet {subnet} has ENI {eni}; delete its ENIs first")]
    SubnetInUse { subnet: SubnetId, eni: EniId },
    /// A VPC with anything in it cannot be deleted.
    #[error("VPC {vpc} has {dependency}; delete what is in it first")]
    VpcInUse { vpc: VpcId, dependency: String },

    /// The account's quota of ENIs.
    #[error("account {owner} has {limit} ENIs, which is its quota; delete one or raise the quota")]
    EniLimitExceeded { owner: AccountId, limit: u32 },
    /// An attached ENI can neither be attached again nor deleted.
    #[error("ENI {eni} is in use by attachment {attachment}; detach it first")]
    EniInUse { eni: EniId, attachment: AttachmentId },
    /// A service manages the ENI.
    #[error("ENI {eni} is managed by {requester}; only that service may change it")]
    RequesterManaged { eni: EniId, requester: String },
    /// Only ENIs a service manages can lead into another account.
    #[error("ENI {eni} is not managed by a service, so it cannot lead into another account")]
    NotRequesterManaged { eni: EniId },
    /// A client token was used again for something else.
    #[error("client token '{token}' was used before with other parameters; use a new one")]
    IdempotentParameterMismatch { token: String },
    /// A text that cannot be a client token.
    #[error("'{token}' cannot be a client token; use 1 to 64 ASCII characters")]
    InvalidClientToken { token: String },

    /// An ENI attaches only to instances of its own Availability Zone.
    #[error("ENI {eni} is in {eni_zone}, but instance {instance} is in {instance_zone}")]
    AvailabilityZoneMismatch {
        eni: EniId,
        eni_zone: AvailabilityZone,
        instance: InstanceId,
        instance_zone: AvailabilityZone,
    },
    /// An ENI attaches only to instances of its own account.
    #[error("ENI {eni} is of account {eni_owner}, but instance {instance} of {instance_owner}")]
    EniOwnerMismatch {
        eni: EniId,
        eni_owner: AccountId,
        instance: InstanceId,
        instance_owner: AccountId,
    },
    /// The instance is gone.
    #[error("instance {instance} is {}", state_name(*.state))]
    InstanceNotRunning { instance: InstanceId, state: InstanceState },
    /// An instance has one ENI per network card and device index.
    #[error(
        "instance {instance} already has ENI {eni} at device index {device_index} of network \
         card {network_card}; use a free device index"
    )]
    DeviceIndexInUse { instance: InstanceId, network_card: u32, device_index: u32, eni: EniId },
    /// Device index 0 is the primary ENI's, which is on network card 0.
    #[error(
        "device index 0 of network card {network_card} of instance {instance} cannot be used; \
         it is for the primary ENI, which is on network card 0"
    )]
    PrimaryDeviceIndex { instance: InstanceId, network_card: u32 },
    /// A forced detach has left the device index unusable.
    #[error(
        "device index {device_index} of network card {network_card} of instance {instance} \
         cannot be used since an ENI was detached from it by force; use another"
    )]
    DeviceIndexUnusable { instance: InstanceId, network_card: u32, device_index: u32 },
    /// The instance type has no such network card.
    #[error(
        "instance {instance} ({instance_type}) has no network card {network_card}; \
         it has {network_cards}, counted from 0"
    )]
    UnknownNetworkCard {
        instance: InstanceId,
        instance_type: &'static str,
        network_card: u32,
        network_cards: u32,
    },
    /// The instance type's limit of ENIs. `requested` counts the new one.
    #[error(
        "instance {instance} would have {requested} ENIs, but an {instance_type} may have {limit}"
    )]
    AttachmentLimitExceeded {
        instance: InstanceId,
        instance_type: &'static str,
        requested: usize,
        limit: u32,
    },
    /// The instance type's limit of ENIs on a network card. `requested` counts the new one.
    #[error(
        "network card {network_card} of instance {instance} would have {requested} ENIs, \
         but a card of an {instance_type} may have {limit}; use another network card"
    )]
    NetworkCardAttachmentLimitExceeded {
        instance: InstanceId,
        instance_type: &'static str,
        network_card: u32,
        requested: usize,
        limit: u32,
    },
    /// The primary ENI stays with its instance.
    #[error("ENI {eni} is the primary ENI of instance {instance} and cannot be detached")]
    PrimaryEniDetach { eni: EniId, attachment: AttachmentId, instance: InstanceId },

    /// A tag EC2 does not take.
    #[error("a tag cannot have the key '{key}': it {problem}")]
    InvalidTag { key: String, problem: &'static str },
    /// The limit of tags per resource.
    #[error("a resource would have {count} tags, but may have {limit}")]
    TagLimitExceeded { count: usize, limit: usize },
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

fn state_name(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Running => "running",
        InstanceState::Terminated => "terminated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_give_the_facts_and_what_to_do() {
        let subnet: SubnetId = "subnet-0123456789abcdef0".parse().expect("an ID");
        let cidr = "10.10.3.0/28".parse().expect("a CIDR block");
        let short = Error::InsufficientFreeAddresses { subnet, cidr, requested: 3, free: 1 };
        assert_eq!(
            short.to_string(),
            "subnet subnet-0123456789abcdef0 (10.10.3.0/28) has 1 free addresses, but 3 are \
             asked for; free some or use another subnet"
        );
        let eni: EniId = "eni-0123456789abcdef0".parse().expect("an ID");
        let addresses = vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
        assert_eq!(
            Error::AddressesNotAssigned { eni, addresses }.to_string(),
            "ENI eni-0123456789abcdef0 does not hold 10.0.0.1, 10.0.0.2"
        );
        let refused = "ami-1".parse::<EniId>().expect_err("no ENI");
        assert_eq!(
            Error::InvalidResourceId(refused).to_string(),
            "'ami-1' is not a network interface ID (`eni-` and 17 hex digits); resources with \
             tags are VPCs, subnets, ENIs, instances and security groups"
        );
    }
}
