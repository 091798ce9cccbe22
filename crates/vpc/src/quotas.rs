//! Service quotas of an account in a Region.

/// How much an account may have in a Region. The defaults are those of a new account (Amazon VPC
/// user guide, "Amazon VPC quotas"); AWS raises them on request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    /// VPCs per account.
    pub vpcs: u32,
    /// Subnets per VPC.
    pub subnets_per_vpc: u32,
    /// IPv4 CIDR blocks per VPC, the primary one included.
    pub cidr_blocks_per_vpc: u32,
    /// CIDR reservations per subnet. AWS publishes no figure; this one is Flatnet's.
    pub cidr_reservations_per_subnet: u32,
    /// ENIs per account, attached or not.
    pub enis: u32,
    /// Security groups per account.
    pub security_groups: u32,
    /// Security groups per ENI.
    pub security_groups_per_eni: u32,
    /// Rules per security group in each direction, for IPv4 and for IPv6 separately.
    pub rules_per_security_group: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            vpcs: 5,
            subnets_per_vpc: 200,
            cidr_blocks_per_vpc: 5,
            cidr_reservations_per_subnet: 50,
            enis: 5000,
            security_groups: 2500,
            security_groups_per_eni: 5,
            rules_per_security_group: 60,
        }
    }
}
