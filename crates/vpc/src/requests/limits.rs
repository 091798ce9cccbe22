//! The buckets' sizes. Source: EC2 Developer Guide, "Request throttling for the Amazon EC2 API",
//! default values; AWS raises them for an account on request.

use super::Limit;

/// Calls that change nothing.
pub const NON_MUTATING: Limit = Limit::new(100, 20);
/// Those of [`STRICTER`] without filter and pagination.
pub const BROAD: Limit = Limit::new(50, 10);
/// Calls that change something and have no bucket of their own.
pub const MUTATING: Limit = Limit::new(50, 5);

/// Calls that take from a smaller bucket when they ask for everything at once.
const STRICTER: &[&str] = &[
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeSpotInstanceRequests",
    "DescribeVolumes",
];

/// Calls with a size of bucket of their own.
const OWN: &[(&str, Limit)] = &[
    ("AssignIpv6Addresses", Limit::new(100, 5)),
    ("AssignPrivateIpAddresses", Limit::new(100, 5)),
    ("CreateDefaultSubnet", Limit::new(1, 1)),
    ("CreateDefaultVpc", Limit::new(1, 1)),
    ("CreateNatGateway", Limit::new(10, 1)),
    ("CreateNetworkInterface", Limit::new(100, 5)),
    ("CreateSubnetCidrReservation", Limit::new(5, 1)),
    ("CreateTags", Limit::new(100, 10)),
    ("CreateVpcEndpoint", Limit { capacity: 4, refill_millitokens: 300 }),
    ("DeleteNetworkInterface", Limit::new(100, 5)),
    ("DeleteSubnetCidrReservation", Limit::new(5, 1)),
    ("DeleteTags", Limit::new(100, 10)),
    ("DescribeSecurityGroupReferences", Limit::new(20, 5)),
    ("ModifyInstanceMetadataOptions", Limit::new(100, 5)),
    ("ModifyNetworkInterfaceAttribute", Limit::new(100, 5)),
    ("RunInstances", Limit::new(5, 2)),
    ("StartInstances", Limit::new(5, 2)),
    ("TerminateInstances", Limit::new(100, 5)),
    ("UnassignPrivateIpAddresses", Limit::new(100, 5)),
];

/// Calls that also take a token for each instance they name.
const INSTANCES: &[(&str, Limit)] = &[
    ("RunInstances", Limit::new(1000, 2)),
    ("StartInstances", Limit::new(1000, 2)),
    ("StopInstances", Limit::new(1000, 20)),
    ("TerminateInstances", Limit::new(1000, 20)),
];

/// The bucket of an action's calls; `broad` when this one has neither filter nor pagination.
#[must_use]
pub fn of_calls(action: &str, broad: bool) -> Limit {
    if is_stricter(action) && broad {
        return BROAD;
    }
    let own = OWN.iter().find(|(name, _)| *name == action).map(|(_, limit)| *limit);
    own.unwrap_or(if changes_nothing(action) { NON_MUTATING } else { MUTATING })
}

/// The bucket of the instances that an action's calls name, if it has one.
#[must_use]
pub fn of_instances(action: &str) -> Option<Limit> {
    INSTANCES.iter().find(|(name, _)| *name == action).map(|(_, limit)| *limit)
}

/// Whether calls that ask for everything at once have a bucket apart.
#[must_use]
pub fn is_stricter(action: &str) -> bool {
    STRICTER.contains(&action)
}

/// Whether an action is one of those that EC2 calls non-mutating: told by its verb.
#[must_use]
pub fn changes_nothing(action: &str) -> bool {
    ["Describe", "Get", "List", "Search"].iter().any(|verb| action.starts_with(verb))
}
