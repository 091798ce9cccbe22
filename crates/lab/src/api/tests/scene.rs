//! A small Region to test against: the lab's default topology, without its packets.

use std::net::SocketAddr;
use std::sync::Arc;

use vpc::{
    AccountId, AddressRequest, AttachmentId, EniId, EniSpec, ForeignAttachment, InstanceId,
    InstanceSpec, InterfaceType, Requester, SecurityGroupId, SubnetId, SubnetSpec, Tags, Timestamp,
    VpcAttribute, VpcId, VpcSpec, World, instance_types,
};

use crate::audit::AuditTrail;
use crate::requests::Requests;
use crate::state::{AccessKey, Clock, FabricTwin, Lab, LabConfig, ManualClock, Secret};

/// 2026-11-23T11:40:00Z.
const START: Timestamp = Timestamp(1_795_434_000_000);
/// An account with resources of its own, and the far end of X-ENIs.
pub const OTHER_ACCOUNT: &str = "999988887777";
/// Digits of identifiers that nothing has.
pub const ABSENT: &str = "0123456789abcdef0";

/// A lab and what is in it.
pub struct Scene {
    pub lab: Arc<Lab>,
    pub clock: Arc<ManualClock>,
    pub fabric: Arc<FabricTwin>,
    pub address: SocketAddr,
    /// Of the account's user `admin`.
    pub key: AccessKey,
    pub vpc: VpcId,
    /// 10.10.1.0/24 in us-west-2a.
    pub nodes_a: SubnetId,
    /// 10.10.2.0/24 in us-west-2b.
    pub nodes_b: SubnetId,
    /// 10.10.3.0/28 in us-west-2b: eleven usable addresses.
    pub tight_b: SubnetId,
    /// An m5.large in nodes-a: 3 ENIs of 10 addresses.
    pub node_1: InstanceId,
    /// A t3.medium in nodes-b: 3 ENIs of 6 addresses.
    pub node_2: InstanceId,
    /// A requester-managed ENI in nodes-a whose other end is another account's.
    pub xeni: EniId,
    pub xeni_attachment: AttachmentId,
    /// Another account's, with an instance and an unattached ENI in it.
    pub foreign_vpc: VpcId,
    pub foreign_eni: EniId,
    pub foreign_instance: InstanceId,
    _runtime: tokio::runtime::Runtime,
}

impl Scene {
    pub fn new() -> Self {
        Self::with_requests(Requests::default(), AuditTrail::default())
    }

    /// With throttles and the like, and an audit trail.
    pub fn with_requests(requests: Requests, audit: AuditTrail) -> Self {
        let account: AccountId = "111122223333".parse().unwrap();
        let mut world = World::new(7);
        let vpc = make_vpc(&mut world, &account, "10.10.0.0/16");
        let nodes_a = make_subnet(&mut world, &vpc, "nodes-a", "10.10.1.0/24", "us-west-2a");
        let nodes_b = make_subnet(&mut world, &vpc, "nodes-b", "10.10.2.0/24", "us-west-2b");
        let tight_b = make_subnet(&mut world, &vpc, "tight-b", "10.10.3.0/28", "us-west-2b");
        let node_1 = make_instance(&mut world, &account, "node-1", "m5.large", &nodes_a);
        let node_2 = make_instance(&mut world, &account, "node-2", "t3.medium", &nodes_b);
        let other: AccountId = OTHER_ACCOUNT.parse().unwrap();
        let requester = Requester { id: OTHER_ACCOUNT.into(), managed: true };
        let xeni = make_eni(&mut world, &account, &nodes_a, "Amazon EKS demo", Some(requester));
        let target =
            ForeignAttachment { owner_account: other.clone(), description: "control plane".into() };
        let xeni_attachment = world.attach_foreign(&xeni, target, START).unwrap();
        let foreign_vpc = make_vpc(&mut world, &other, "10.10.0.0/16");
        let foreign = make_subnet(&mut world, &foreign_vpc, "x", "10.10.1.0/24", "us-west-2a");
        let foreign_eni = make_eni(&mut world, &other, &foreign, "another account's", None);
        let foreign_instance = make_instance(&mut world, &other, "another's", "m5.large", &foreign);

        let (clock, fabric) = (Arc::new(ManualClock::new(START)), Arc::new(FabricTwin::default()));
        let lab = Lab::new(LabConfig {
            account: account.clone(),
            region: "us-west-2".into(),
            instance_role: Some("flatnet-node".into()),
            world,
            fabric: Box::new(fabric.clone()),
            clock: clock.clone(),
            secret: Secret::from_bytes([5; 32]),
        });
        let lab = Arc::new(lab.with_requests(requests, audit));
        let key = lab.credentials.add_user(&account, "admin");
        let (address, runtime) = serve(lab.clone());
        Self {
            lab,
            clock,
            fabric,
            address,
            key,
            vpc,
            nodes_a,
            nodes_b,
            tight_b,
            node_1,
            node_2,
            xeni,
            xeni_attachment,
            foreign_vpc,
            foreign_eni,
            foreign_instance,
            _runtime: runtime,
        }
    }

    /// `20261123T114000Z`, as clients sign it.
    pub fn signing_time(&self) -> String {
        let now = jiff::Timestamp::from_millisecond(self.clock.now().0).unwrap();
        now.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// The primary ENI of an instance.
    pub fn primary_eni(&self, instance: &InstanceId) -> vpc::Eni {
        self.lab.read(|world| world.instance_enis(instance)[0].clone())
    }

    /// An ENI as the world has it.
    pub fn eni(&self, id: &str) -> vpc::Eni {
        self.lab.read(|world| world.eni(&id.parse().unwrap()).unwrap().clone())
    }

    /// How many addresses a subnet has left.
    pub fn free(&self, subnet: &SubnetId) -> u32 {
        self.lab.read(|world| world.subnet_usage(subnet).unwrap().free)
    }
}

/// The group of a VPC's ENIs that name none.
pub fn default_group(scene: &Scene) -> SecurityGroupId {
    scene.lab.read(|world| world.vpc(&scene.vpc).unwrap().default_security_group.clone())
}

fn serve(lab: Arc<Lab>) -> (SocketAddr, tokio::runtime::Runtime) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let service = super::super::router(lab).into_make_service_with_connect_info::<SocketAddr>();
    runtime.spawn(async move { axum::serve(listener, service).await });
    (address, runtime)
}

fn named(name: &str) -> Tags {
    Tags::from([("Name".to_owned(), name.to_owned())])
}

fn make_vpc(world: &mut World, owner: &AccountId, cidr: &str) -> VpcId {
    let spec = VpcSpec {
        owner: owner.clone(),
        region: "us-west-2".into(),
        cidr: cidr.parse().unwrap(),
        tags: named("demo"),
    };
    let vpc = world.create_vpc(spec).unwrap();
    world.set_vpc_attribute(&vpc, VpcAttribute::DnsHostnames(true)).unwrap();
    vpc
}

fn make_subnet(world: &mut World, vpc: &VpcId, name: &str, cidr: &str, zone: &str) -> SubnetId {
    let spec = SubnetSpec {
        vpc: vpc.clone(),
        cidr: cidr.parse().unwrap(),
        availability_zone: zone.parse().unwrap(),
        tags: named(name),
    };
    world.create_subnet(spec).unwrap()
}

fn make_instance(
    world: &mut World,
    owner: &AccountId,
    name: &str,
    kind: &str,
    subnet: &SubnetId,
) -> InstanceId {
    let spec = InstanceSpec {
        owner: owner.clone(),
        instance_type: instance_types::find(kind).unwrap(),
        subnet: subnet.clone(),
        private_ip: None,
        groups: Vec::new(),
        tags: named(name),
        now: START,
    };
    world.run_instance(spec).unwrap()
}

fn make_eni(
    world: &mut World,
    owner: &AccountId,
    subnet: &SubnetId,
    description: &str,
    requester: Option<Requester>,
) -> EniId {
    let spec = EniSpec {
        subnet: subnet.clone(),
        owner: owner.clone(),
        requester,
        interface_type: InterfaceType::Interface,
        description: description.into(),
        primary: None,
        secondary: AddressRequest::None,
        groups: Vec::new(),
        tags: Tags::new(),
        client_token: None,
        now: START,
    };
    world.create_eni(spec).unwrap()
}
