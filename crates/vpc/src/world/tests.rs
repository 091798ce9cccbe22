//! Each rule by itself, then all together ([`model`]).

use std::net::Ipv4Addr;

use super::*;
use crate::{
    AddressRequest, EniSpec, InstanceSpec, InterfaceType, Requester, SecurityGroupSpec, SubnetSpec,
    Tags, Timestamp, VpcSpec, instance_types,
};

mod addresses;
mod attachments;
mod cidr_reservations;
mod client_tokens;
mod enis;
mod instances;
mod model;
mod networks;
mod prefixes;
mod security_groups;
mod tagging;
mod vpc_life;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A World with one VPC 10.0.0.0/16 of us-west-2, and what most tests need in it.
struct Fixture {
    world: World,
    vpc: VpcId,
    /// 10.0.1.0/24 in us-west-2a.
    subnet: SubnetId,
    /// 10.0.2.0/28 in us-west-2b.
    tight: SubnetId,
}

impl Fixture {
    fn new() -> Self {
        let mut world = World::new(42);
        let vpc = world.create_vpc(vpc_spec("10.0.0.0/16")).expect("a VPC");
        let subnet = world.create_subnet(subnet_spec(&vpc, "10.0.1.0/24", "us-west-2a"));
        let tight = world.create_subnet(subnet_spec(&vpc, "10.0.2.0/28", "us-west-2b"));
        let (subnet, tight) = (subnet.expect("a subnet"), tight.expect("a subnet"));
        Self { world, vpc, subnet, tight }
    }

    /// Holds that the operation is refused with the error and that nothing has changed.
    #[track_caller]
    fn refuses<T: std::fmt::Debug>(
        &mut self,
        expected: &Error,
        operation: impl FnOnce(&mut World) -> Result<T, Error>,
    ) {
        let before = self.world.clone();
        let refusal = operation(&mut self.world).expect_err("to be refused");
        assert_eq!(refusal, *expected);
        assert!(self.world == before, "a refused operation changed the World: {refusal}");
    }

    fn spec(&self) -> EniSpec {
        eni_spec(&self.subnet)
    }

    /// An unattached ENI in `subnet`.
    fn eni(&mut self) -> EniId {
        let spec = self.spec();
        self.world.create_eni(spec).expect("an ENI")
    }

    /// An unattached ENI in `subnet` that the service `eks` manages.
    fn managed_eni(&mut self) -> EniId {
        let requester = Some(Requester { id: "eks".to_owned(), managed: true });
        let spec = EniSpec { requester, ..self.spec() };
        self.world.create_eni(spec).expect("an ENI")
    }

    /// An instance in `subnet`.
    fn instance(&mut self, instance_type: &str) -> InstanceId {
        let spec = instance_spec(&self.subnet, instance_type);
        self.world.run_instance(spec).expect("an instance")
    }

    fn free(&self, subnet: &SubnetId) -> u32 {
        self.world.subnet(subnet).expect("the subnet").free_addresses()
    }

    fn group(&mut self, vpc: &VpcId, name: &str) -> SecurityGroupId {
        let spec = SecurityGroupSpec {
            vpc: vpc.clone(),
            name: name.to_owned(),
            description: "for a test".to_owned(),
            tags: Tags::new(),
        };
        self.world.create_security_group(spec).expect("a security group")
    }

    fn default_group(&self) -> SecurityGroupId {
        self.world.vpc(&self.vpc).expect("the VPC").default_security_group.clone()
    }
}

fn account() -> AccountId {
    "111122223333".parse().expect("an account")
}

fn other_account() -> AccountId {
    "444455556666".parse().expect("an account")
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

fn vpc_spec(cidr: &str) -> VpcSpec {
    VpcSpec {
        owner: account(),
        region: "us-west-2".to_owned(),
        cidr: cidr.parse().expect("a CIDR block"),
        tags: Tags::new(),
    }
}

fn subnet_spec(vpc: &VpcId, cidr: &str, zone: &str) -> SubnetSpec {
    SubnetSpec {
        vpc: vpc.clone(),
        cidr: cidr.parse().expect("a CIDR block"),
        availability_zone: zone.parse().expect("a zone"),
        tags: Tags::new(),
    }
}

fn eni_spec(subnet: &SubnetId) -> EniSpec {
    EniSpec {
        subnet: subnet.clone(),
        owner: account(),
        requester: None,
        interface_type: InterfaceType::Interface,
        description: String::new(),
        primary: None,
        secondary: AddressRequest::None,
        groups: Vec::new(),
        tags: Tags::new(),
        client_token: None,
        now: NOW,
    }
}

fn instance_spec(subnet: &SubnetId, instance_type: &str) -> InstanceSpec {
    InstanceSpec {
        owner: account(),
        instance_type: instance_types::find(instance_type).expect("a known type"),
        subnet: subnet.clone(),
        private_ip: None,
        groups: Vec::new(),
        tags: Tags::new(),
        now: NOW,
    }
}
