//! The fabric follows the world: pure here, with packets in the end-to-end tests.

use vpc::{
    AddressRequest, EniAttribute, EniId, EniSpec, InstanceSpec, InterfaceType, SubnetId,
    SubnetSpec, Tags, Timestamp, VpcId, VpcSpec, World, instance_types,
};

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

struct Fixture {
    world: World,
    vpc: VpcId,
    subnet: SubnetId,
    fabric: FabricState,
}

impl Fixture {
    fn new() -> Self {
        let mut world = World::new(7);
        let owner: vpc::AccountId = "111122223333".parse().unwrap();
        let vpc = world
            .create_vpc(VpcSpec {
                owner,
                region: "us-west-2".into(),
                cidr: "10.10.0.0/16".parse().unwrap(),
                tags: Tags::new(),
            })
            .unwrap();
        let subnet = world
            .create_subnet(SubnetSpec {
                vpc: vpc.clone(),
                cidr: "10.10.3.0/24".parse().unwrap(),
                availability_zone: "us-west-2b".parse().unwrap(),
                tags: Tags::new(),
            })
            .unwrap();
        Self { world, vpc, subnet, fabric: FabricState::default() }
    }

    fn run_instance(&mut self) -> InstanceId {
        self.world
            .run_instance(InstanceSpec {
                owner: "111122223333".parse().unwrap(),
                instance_type: instance_types::find("t3.small").unwrap(),
                subnet: self.subnet.clone(),
                private_ip: None,
                groups: Vec::new(),
                tags: Tags::new(),
                now: NOW,
            })
            .unwrap()
    }

    fn create_eni(&mut self, secondary: u32) -> EniId {
        self.world
            .create_eni(EniSpec {
                subnet: self.subnet.clone(),
                owner: "111122223333".parse().unwrap(),
                requester: None,
                interface_type: InterfaceType::Interface,
                description: String::new(),
                primary: None,
                secondary: AddressRequest::Count(secondary),
                groups: Vec::new(),
                tags: Tags::new(),
                client_token: None,
                now: NOW,
            })
            .unwrap()
    }

    fn primary_eni(&self, instance: &InstanceId) -> EniId {
        self.world.instance_enis(instance)[0].id.clone()
    }

    /// Follows the world, checking on the way that no address is ever at two ports.
    fn follow(&mut self) -> Vec<Change> {
        let desired = FabricState::of(&self.world, &self.vpc);
        let changes = diff(&self.fabric, &desired);
        for change in &changes {
            self.fabric.record(change.clone());
            let mut holders = BTreeMap::new();
            for (eni, port) in &self.fabric.ports {
                for address in &port.addresses {
                    if let Some(other) = holders.insert(*address, eni) {
                        panic!("{address} is at {other} and {eni} after {change:?}");
                    }
                }
            }
        }
        assert_eq!(self.fabric, desired);
        assert!(diff(&self.fabric, &desired).is_empty());
        changes
    }
}

#[test]
fn an_unattached_eni_has_no_port_and_an_attached_one_has() {
    let mut fixture = Fixture::new();
    let instance = fixture.run_instance();
    let eni = fixture.create_eni(2);
    fixture.follow();
    assert!(!fixture.fabric.ports.contains_key(&eni));
    fixture.world.attach_eni(&eni, &instance, 1, 0, NOW).unwrap();
    fixture.follow();
    let port = &fixture.fabric.ports[&eni];
    assert_eq!(port.addresses.len(), 3);
    assert_eq!(port.end, PortEnd::Instance { instance, device_index: 1 });
    assert!(port.link.len() <= 15, "{}", port.link);
}

#[test]
fn one_assigned_address_is_one_change() {
    let mut fixture = Fixture::new();
    let instance = fixture.run_instance();
    fixture.follow();
    let eni = fixture.primary_eni(&instance);
    let new = fixture.world.assign(&eni, AddressRequest::Count(1), false).unwrap();
    let changes = fixture.follow();
    assert!(
        matches!(changes.as_slice(), [Change::AddAddress { address, .. }] if *address == new[0].into())
    );
    fixture.world.unassign(&eni, &new).unwrap();
    let changes = fixture.follow();
    assert!(
        matches!(changes.as_slice(), [Change::RemoveAddress { address, .. }] if *address == new[0].into())
    );
}

#[test]
fn a_prefix_is_one_route() {
    let mut fixture = Fixture::new();
    let instance = fixture.run_instance();
    fixture.follow();
    let eni = fixture.primary_eni(&instance);
    let new = fixture.world.assign_prefixes(&eni, &vpc::PrefixRequest::Count(1)).unwrap();
    let changes = fixture.follow();
    assert!(
        matches!(changes.as_slice(), [Change::AddAddress { address, .. }] if *address == new[0])
    );
    fixture.world.unassign_all(&eni, &[], &new).unwrap();
    let changes = fixture.follow();
    assert!(
        matches!(changes.as_slice(), [Change::RemoveAddress { address, .. }] if *address == new[0])
    );
}

#[test]
fn a_moved_address_leaves_one_eni_before_it_comes_to_the_other() {
    let mut fixture = Fixture::new();
    let (one, two) = (fixture.run_instance(), fixture.run_instance());
    let (one, two) = (fixture.primary_eni(&one), fixture.primary_eni(&two));
    let address = fixture.world.assign(&one, AddressRequest::Count(1), false).unwrap();
    fixture.follow();
    fixture.world.assign(&two, AddressRequest::List(address), true).unwrap();
    assert!(matches!(
        fixture.follow().as_slice(),
        [Change::RemoveAddress { .. }, Change::AddAddress { .. }]
    ));
}

#[test]
fn the_source_check_follows_its_attribute() {
    let mut fixture = Fixture::new();
    let instance = fixture.run_instance();
    fixture.follow();
    let eni = fixture.primary_eni(&instance);
    fixture.world.set_eni_attribute(&eni, EniAttribute::SourceDestCheck(false)).unwrap();
    assert!(matches!(fixture.follow().as_slice(), [Change::SourceCheck { on: false, .. }]));
}

#[test]
fn a_terminated_instance_takes_its_ports_along() {
    let mut fixture = Fixture::new();
    let instance = fixture.run_instance();
    fixture.follow();
    fixture.world.terminate_instance(&instance).unwrap();
    fixture.follow();
    assert!(fixture.fabric.ports.is_empty());
    assert_eq!(fixture.fabric.gateways.len(), 1);
}
